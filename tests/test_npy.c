/* SPDX-License-Identifier: Apache-2.0 */
/* tools/npy: whole files, good and bad, and the conversion of their elements. */
#define _XOPEN_SOURCE 700

#include "npy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FLOATS (NPY_FLOAT32 | NPY_FLOAT16)

/* ---- whole files ---- */

static char path[64];

static int make_path(void **state)
{
    (void)state;
    strcpy(path, "/tmp/clattn_npy_XXXXXX");
    int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_path(void **state)
{
    (void)state;
    return unlink(path);
}

static void write_file(const void *head, size_t head_size, const void *data, size_t data_size)
{
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(head, 1, head_size, stream), head_size);
    assert_int_equal(fwrite(data, 1, data_size, stream), data_size);
    assert_int_equal(fclose(stream), 0);
}

/* Writes a file of version `major`.0 with this header text and these elements. */
static void write_npy(int major, const char *text, const void *data, size_t data_size)
{
    unsigned char head[512] = "\x93NUMPY";
    size_t length = strlen(text);
    size_t begin = major == 1 ? 10 : 12;
    assert_true(begin + length <= sizeof head);
    head[6] = (unsigned char)major;
    head[8] = (unsigned char)(length & 255);
    head[9] = (unsigned char)(length >> 8);
    memcpy(head + begin, text, length);
    write_file(head, begin + length, data, data_size);
}

static void assert_open_fails(unsigned allowed, const char *part)
{
    npy_file file;
    npy_error error = {""};
    bool good = npy_open(&file, path, allowed, &error);
    if (good || !strstr(error.text, part)) {
        fail_msg("found \"%s\", expected \"%s\"", good ? "good" : error.text, part);
    }
    assert_null(file.stream);
}

static void test_preambles(void **state)
{
    (void)state;
    write_file("", 0, "", 0);
    assert_open_fails(FLOATS, "empty file");
    write_file("\x93NUMP", 5, "", 0);
    assert_open_fails(FLOATS, "truncated within the first 10 bytes");
    write_file("PK\3\4 an .npz archive", 20, "", 0);
    assert_open_fails(FLOATS, "not a .npy file");
    write_file("\x93NUMPX\1\0\0\0", 10, "", 0);
    assert_open_fails(FLOATS, "not a .npy file");
    write_file("\x93NUMPY\1\0\0", 9, "", 0);
    assert_open_fails(FLOATS, "truncated within the first 10 bytes");
    write_file("\x93NUMPY\2\0\0\0\0", 11, "", 0);
    assert_open_fails(FLOATS, "truncated within the first 12 bytes");
    write_file("\x93NUMPY\0\0\0\0", 10, "", 0);
    assert_open_fails(FLOATS, "version 0.0; allowed: 1.0, 2.0, 3.0");
    write_file("\x93NUMPY\4\0\0\0\0\0", 12, "", 0);
    assert_open_fails(FLOATS, "version 4.0; allowed: 1.0, 2.0, 3.0");
    write_file("\x93NUMPY\1\1\0\0", 10, "", 0);
    assert_open_fails(FLOATS, "version 1.1; allowed: 1.0, 2.0, 3.0");
    write_file("\x93NUMPY\1\0\xff\xff", 10, "", 0);
    assert_open_fails(FLOATS, "a header of 65535 bytes; allowed: up to 10000");
    write_file("\x93NUMPY\3\0\xff\xff\xff\xff", 12, "", 0);
    assert_open_fails(FLOATS, "a header of 4294967295 bytes; allowed: up to 10000");
    write_file("\x93NUMPY\1\0\x20\0{'descr'", 18, "", 0);
    assert_open_fails(FLOATS, "truncated within the header of 32 bytes");
    write_file("\x93NUMPY\1\0\0\0", 10, "", 0);
    assert_open_fails(FLOATS, "malformed header");
}

static void test_odd_files(void **state)
{
    static const unsigned char zeros[64];
    static const char *const types[] = {"<f8", ">f4", "<f4 ", "f4", "<i8", "<c8", "|b1", "<U3", "|O", ""};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[128];
        char part[64];
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 2)}", types[i]);
        snprintf(part, sizeof part, "elements of type '%s'", types[i]);
        write_npy(1, text, zeros, 16);
        assert_open_fails(FLOATS, part);
        assert_open_fails(FLOATS, "allowed: float32 ('<f4'), float16 ('<f2')");
    }
    write_npy(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", zeros, 8);
    assert_open_fails(FLOATS, "(big-endian)");
    write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", zeros, 8);
    assert_open_fails(NPY_BOOL | NPY_UINT8, "allowed: bool ('|b1'), uint8 ('|u1')");
    assert_open_fails(NPY_INT32 | NPY_INT64, "allowed: int32 ('<i4'), int64 ('<i8')");
    write_npy(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", zeros, 23);
    assert_open_fails(FLOATS, "truncated: 23 bytes of elements; shape (2, 3) of '<f4' takes 24");
    write_npy(3, "{'descr': '<f2', 'fortran_order': False, 'shape': (2, 3)}", zeros, 13);
    assert_open_fails(FLOATS, "too long: 13 bytes of elements; shape (2, 3) of '<f2' takes 12");
    write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000)}", zeros, 64);
    assert_open_fails(FLOATS, "truncated: 64 bytes of elements");
    assert_int_equal(unlink(path), 0);
    assert_open_fails(FLOATS, "cannot be opened: No such file");
    write_file("", 0, "", 0);
}

static void test_folder(void **state)
{
    npy_file file;
    npy_error error;
    (void)state;
    assert_false(npy_open(&file, "/tmp", FLOATS, &error));
    assert_non_null(strstr(error.text, "cannot be read"));
}

/* The length of a pipe is unknown before reading. */
static void test_pipes(void **state)
{
    static const unsigned char zeros[28];
    static const struct {
        size_t size;
        const char *error;
    } rows[] = {{24, NULL}, {20, "truncated: 20 bytes"}, {0, "truncated: 0 bytes"}, {28, "too long: 25 or more bytes"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char command[128];
        npy_file file;
        npy_error error = {""};
        float values[6];
        write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", zeros, rows[i].size);
        snprintf(command, sizeof command, "cat %s", path);
        FILE *pipe = popen(command, "r");
        assert_non_null(pipe);
        char name[32];
        snprintf(name, sizeof name, "/dev/fd/%d", fileno(pipe));
        assert_true(npy_open(&file, name, FLOATS, &error));
        bool good = npy_read_float32(&file, values, &error);
        npy_close(&file);
        pclose(pipe);
        assert_int_equal(good, !rows[i].error);
        assert_true(good || strstr(error.text, rows[i].error));
    }
}

/* ---- elements ---- */

static float expected_half(unsigned half)
{
    int exponent = (int)(half >> 10 & 31);
    double fraction = half & 1023;
    double value = exponent == 0    ? ldexp(fraction, -24)
                   : exponent == 31 ? (fraction > 0 ? (double)NAN : (double)INFINITY)
                                    : ldexp(1024 + fraction, exponent - 25);
    return (float)(half & 0x8000 ? -value : value);
}

/* Every float16. */
static void test_float16(void **state)
{
    unsigned char *bytes = malloc(2 * 65536);
    float *values = malloc(65536 * sizeof *values);
    npy_file file;
    npy_error error;
    (void)state;
    assert_non_null(bytes);
    assert_non_null(values);
    for (unsigned i = 0; i < 65536; i++) {
        bytes[2 * i] = (unsigned char)(i & 255);
        bytes[2 * i + 1] = (unsigned char)(i >> 8);
    }
    write_npy(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (256, 256)}", bytes, 2 * 65536);
    assert_true(npy_open(&file, path, FLOATS, &error));
    assert_true(npy_read_float32(&file, values, &error));
    npy_close(&file);
    for (unsigned i = 0; i < 65536; i++) {
        float expected = expected_half(i);
        if (isnan(expected) ? !isnan(values[i]) : values[i] != expected || !signbit(values[i]) != !signbit(expected)) {
            fail_msg("half %04x: found %a, expected %a", i, (double)values[i], (double)expected);
        }
    }
    free(bytes);
    free(values);
}

/* float16 is also read and written unchanged, NaN payloads included. */
static void test_float16_bits(void **state)
{
    enum { COUNT = 65536 };
    const uint64_t dim[2] = {256, 256};
    uint16_t *bits = malloc(COUNT * sizeof *bits);
    uint16_t *again = malloc(COUNT * sizeof *again);
    npy_file file;
    npy_error error;
    (void)state;
    assert_non_null(bits);
    assert_non_null(again);
    for (unsigned i = 0; i < COUNT; i++) {
        bits[i] = (uint16_t)(i * 40503u);
    }
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_true(npy_write_float16(stream, 2, dim, bits, &error));
    assert_int_equal(fclose(stream), 0);
    assert_true(npy_open(&file, path, NPY_FLOAT16, &error));
    assert_memory_equal(file.header.dim, dim, sizeof dim);
    assert_true(npy_read_float16(&file, again, &error));
    assert_memory_equal(again, bits, COUNT * sizeof *bits);
    npy_close(&file);
    write_npy(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (256, 128)}", bits, 2 * COUNT);
    assert_true(npy_open(&file, path, FLOATS, &error));
    assert_false(npy_read_float16(&file, again, &error));
    assert_non_null(strstr(error.text, "allowed: float16 ('<f2')"));
    npy_close(&file);
    free(bits);
    free(again);
}

static void test_integers(void **state)
{
    static const unsigned char i8[] = {5,    0,    0,    0,    0,    0,    0,    0,    0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 5,    0,    0,    0,    1,    0,    0,    0,
                                       5,    0,    0,    0,    0,    0,    0,    0x80, 0,    0,    0,    0x80,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff};
    static const int32_t expected8[] = {5, -1, INT32_MAX, INT32_MIN, INT32_MIN, INT32_MIN};
    static const unsigned char i4[] = {5, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff};
    int32_t values[6];
    npy_file file;
    npy_error error;
    (void)state;
    write_npy(2, "{'descr': '<i8', 'fortran_order': False, 'shape': (6,)}", i8, sizeof i8);
    assert_true(npy_open(&file, path, NPY_INT32 | NPY_INT64, &error));
    assert_true(npy_read_int32(&file, values, &error));
    npy_close(&file);
    assert_memory_equal(values, expected8, sizeof expected8);
    write_npy(3, "{'descr': '<i4', 'fortran_order': False, 'shape': (2,)}", i4, sizeof i4);
    assert_true(npy_open(&file, path, NPY_INT32 | NPY_INT64, &error));
    assert_true(npy_read_int32(&file, values, &error));
    npy_close(&file);
    assert_int_equal(values[0], 5);
    assert_int_equal(values[1], -2);
}

static void test_bytes(void **state)
{
    static const unsigned char bytes[] = {0, 1, 2, 255};
    static const char *const types[] = {"|b1", "|u1", "<b1", "<u1"};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        char text[128];
        unsigned char values[4];
        npy_file file;
        npy_error error;
        snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (2, 2)}", types[i]);
        write_npy(1, text, bytes, sizeof bytes);
        assert_true(npy_open(&file, path, NPY_BOOL | NPY_UINT8, &error));
        assert_true(npy_read_bytes(&file, values, &error));
        assert_memory_equal(values, bytes, sizeof bytes);
        npy_close(&file);
    }
}

/* Writing and reading more than one chunk preserves every bit; the file begins like NumPy's. */
static void test_round_trip(void **state)
{
    const uint64_t dim[4] = {3, 5, 11, 211};
    const size_t count = 3 * 5 * 11 * 211;
    float *values = malloc(count * sizeof *values);
    float *again = malloc(count * sizeof *again);
    npy_file file;
    npy_error error;
    char head[128];
    (void)state;
    assert_non_null(values);
    assert_non_null(again);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)(i * 2654435761u);
        memcpy(&values[i], &bits, sizeof bits); /* NaN and infinities among them */
    }
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_true(npy_write_float32(stream, 4, dim, values, &error));
    assert_int_equal(fclose(stream), 0);
    assert_true(npy_open(&file, path, NPY_FLOAT32, &error));
    assert_int_equal(file.header.rank, 4);
    assert_memory_equal(file.header.dim, dim, sizeof dim);
    assert_true(npy_read_float32(&file, again, &error));
    assert_memory_equal(again, values, count * sizeof *values);
    rewind(file.stream);
    assert_int_equal(fread(head, 1, sizeof head, file.stream), sizeof head);
    assert_memory_equal(head, "\x93NUMPY\1\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (3, 5, 11, 211), }",
                        78);
    assert_int_equal(head[127], '\n');
    npy_close(&file);
    free(values);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preambles), cmocka_unit_test(test_odd_files),  cmocka_unit_test(test_folder),
        cmocka_unit_test(test_pipes),     cmocka_unit_test(test_float16),    cmocka_unit_test(test_integers),
        cmocka_unit_test(test_bytes),     cmocka_unit_test(test_round_trip), cmocka_unit_test(test_float16_bits),
    };
    return cmocka_run_group_tests_name("npy", tests, make_path, remove_path);
}
