/* SPDX-License-Identifier: Apache-2.0 */
/* Compares each struct's init function with its macro, byte by byte, and checks that every macro of
 * the header has a function. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "clattn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The struct's name without clattn_, and the macro. */
#define STRUCTS(X)                                                                                                     \
    X(options, CLATTN_OPTIONS_INIT)                                                                                    \
    X(problem, CLATTN_PROBLEM_INIT)                                                                                    \
    X(tensors, CLATTN_TENSORS_INIT)                                                                                    \
    X(layer, CLATTN_LAYER_INIT)                                                                                        \
    X(layer_tensors, CLATTN_LAYER_TENSORS_INIT)                                                                        \
    X(arrays, CLATTN_ARRAYS_INIT)                                                                                      \
    X(run_info, CLATTN_RUN_INFO_INIT)                                                                                  \
    X(layer_arrays, CLATTN_LAYER_ARRAYS_INIT)                                                                          \
    X(tune_options, CLATTN_TUNE_OPTIONS_INIT)                                                                          \
    X(tune_result, CLATTN_TUNE_RESULT_INIT)

/* The byte behind the struct must not change. */
#define CHECK(name, macro)                                                                                             \
    {                                                                                                                  \
        static const clattn_##name expected = macro;                                                                   \
        struct {                                                                                                       \
            clattn_##name object;                                                                                      \
            unsigned char behind;                                                                                      \
        } found;                                                                                                       \
        memset(&found, 0xa5, sizeof found);                                                                            \
        clattn_##name##_init(&found.object, sizeof found.object);                                                      \
        assert_memory_equal(&found.object, &expected, sizeof expected);                                                \
        assert_int_equal(found.object.struct_size, sizeof(clattn_##name));                                             \
        assert_int_equal(found.behind, 0xa5);                                                                          \
        clattn_##name##_init(NULL, 64);                                                                                \
    }

static void test_as_macros(void **state)
{
    (void)state;
    STRUCTS(CHECK)
}

static void test_every_macro(void **state)
{
#define NAME(name, macro) #macro,
    static const char *const names[] = {STRUCTS(NAME)};
    const size_t count = sizeof names / sizeof names[0];
    FILE *header = fopen(CLATTN_HEADER, "r");
    char line[256], macro[64];
    size_t found = 0;

    (void)state;
    assert_non_null(header);
    while (fgets(line, sizeof line, header)) {
        if (sscanf(line, "#define %63s", macro) == 1 && strlen(macro) > 5 &&
            strcmp(macro + strlen(macro) - 5, "_INIT") == 0) {
            size_t n = 0;

            while (n < count && strcmp(names[n], macro) != 0) {
                n++;
            }
            if (n == count) {
                fail_msg("%s has no function that this test knows", macro);
            }
            found++;
        }
    }
    fclose(header);
    assert_int_equal(found, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_macros),
        cmocka_unit_test(test_every_macro),
    };

    return cmocka_run_group_tests_name("init", tests, NULL, NULL);
}
