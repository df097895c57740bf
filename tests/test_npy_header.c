/* SPDX-License-Identifier: Apache-2.0 */
/* tools/npy_header: parsing a .npy header, with a table of unusual ones and with noise. */
#include "npy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *text;
    const char *error; /* part of the message; NULL: good */
    int rank;
    uint64_t dim[4];
} headers[] = {
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 64, 32), }   \n", NULL, 4, {2, 3, 64, 32}},
    {"{\"shape\":(5,),\"descr\":\"<f4\",\"fortran_order\":False}", NULL, 1, {5}},
    {" {'fortran_order' : False , 'shape' : ( 2 ,\t3 , ) , 'descr' : '|b1' } \n\n", NULL, 2, {2, 3}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': ()}", NULL, 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 7)}", NULL, 2, {0, 7}},
    {"{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", NULL, 1, {1}}, /* refused by npy_check_type */
    {"", "no '{'", 0, {0}},
    {"   ", "no '{'", 0, {0}},
    {"{", "a key is not a string", 0, {0}},
    {"{}", "no 'descr'", 0, {0}},
    {"{,}", "a key is not a string", 0, {0}},
    {"[]", "no '{'", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, }", "no 'shape'", 0, {0}},
    {"{'descr': '<f4', 'shape': (2,), }", "no 'fortran_order'", 0, {0}},
    {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", "key 'descr' twice", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'colour': 1}", "unknown key 'colour'", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} x", "follows the closing '}'", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,)", "no ',' between entries", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,),", "a key is not a string", 0, {0}},
    {"{'descr': '<f4' 'fortran_order': False, 'shape': (2,)}", "no ',' between entries", 0, {0}},
    {"{'descr' '<f4', 'fortran_order': False, 'shape': (2,)}", "no ':'", 0, {0}},
    {"{descr: '<f4', 'fortran_order': False, 'shape': (2,)}", "a key is not a string", 0, {0}},
    {"{'descr", "no closing quote", 0, {0}},
    {"{'descr\": '<f4'}", "unknown key", 0, {0}},
    {"{'de\\x73cr': '<f4'}", "odd character in a key", 0, {0}},
    {"{'descr\x1b[2J': '<f4'}", "odd character in a key", 0, {0}},
    {"{'descr': '<f4\x80'}", "odd character in the value", 0, {0}},
    {"{'a key that is longer than any that is known': 1}", "a key is too long", 0, {0}},
    {"{'descr': '<f4 but much too long a name', }", "'descr' is too long", 0, {0}},
    {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (2,)}", "structured", 0, {0}},
    {"{'descr': 4, 'fortran_order': False, 'shape': (2,)}", "'descr' is not a string", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", "Fortran order", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}", "neither True nor False", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': Falsehood, 'shape': (2,)}", "no ','", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': Fal", "neither True nor False", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': 2}", "no '(' before the shape", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", "not a tuple", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}", "no '(' before the shape", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3", "no ',' between dimensions", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2,", "not a number", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2 3)}", "no ',' between dimensions", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (,)}", "not a number", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}", "not a number", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (2.5, 3)}", "no ',' between dimensions", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (02, 3)}", "begins with 0", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1)}", "more than 8 dimensions", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775808,)}", "more than 63 bits", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999999,)}", "more than 63 bits", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}", "overflows", 0, {0}},
    {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "overflows", 0, {0}},
};

static void test_headers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        npy_header header;
        npy_error error = {""};
        size_t length = strlen(headers[i].text);
        unsigned char *exact = malloc(length > 0 ? length : 1); /* so that valgrind finds reads past the end */
        assert_non_null(exact);
        memcpy(exact, headers[i].text, length);
        bool good = npy_parse_header(exact, length, &header, &error);
        free(exact);
        if (good != !headers[i].error || (!good && !strstr(error.text, headers[i].error))) {
            fail_msg("row %zu: %s\n-> %s, \"%s\"", i, headers[i].text, good ? "good" : "bad", error.text);
        }
        if (good) {
            assert_int_equal(header.rank, headers[i].rank);
            assert_memory_equal(header.dim, headers[i].dim, (size_t)header.rank * sizeof(uint64_t));
        }
    }
}

/* ---- noise ---- */

static uint32_t noise_state = 1;

static uint32_t noise(uint32_t below)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (noise_state >> 8) % below;
}

/* Good headers with bytes changed, removed and doubled are parsed or refused, without reading past
 * the end. */
static void test_noise(void **state)
{
    static const char good[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 64, 32), }";
    static const char likely[] = "{}()[]',: \"0123456789<>|TF\n\\\x80";
    (void)state;
    for (int round = 0; round < 100000; round++) {
        char text[2 * sizeof good];
        size_t length = sizeof good - 1;
        memcpy(text, good, length);
        for (uint32_t change = 1 + noise(4); change > 0; change--) {
            size_t at = noise((uint32_t)length);
            if (noise(3) == 0 && length > 1) {
                memmove(text + at, text + at + 1, --length - at);
            } else if (noise(2) == 0) {
                memmove(text + at + 1, text + at, length++ - at);
            } else {
                text[at] = noise(2) ? likely[noise(sizeof likely - 1)] : (char)noise(256);
            }
        }
        npy_header header;
        npy_error error = {""};
        unsigned char *exact = malloc(length);
        assert_non_null(exact);
        memcpy(exact, text, length);
        bool parsed = npy_parse_header(exact, length, &header, &error);
        free(exact);
        assert_true(parsed ? header.rank >= 0 && header.rank <= NPY_MAX_RANK : error.text[0] != '\0');
        for (const char *c = error.text; !parsed && *c; c++) {
            assert_in_range(*c, ' ', '~');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_noise),
    };
    return cmocka_run_group_tests_name("npy_header", tests, NULL, NULL);
}
