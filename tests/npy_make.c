/* SPDX-License-Identifier: Apache-2.0 */
/* npy_helper's verbs that write files: make, lengths and constant. */
#include "npy_helper.h"

#include "random.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int parse_list(const char *text, int64_t *list, int most)
{
    int count = 0;
    char *end = (char *)text;
    do {
        text = count > 0 ? end + 1 : text;
        if (count == most) {
            die(text, "too many numbers");
        }
        list[count++] = strtoll(text, &end, 10);
    } while (*end == ',' && end != text);
    if (*end != '\0') {
        die(text, "not a list of numbers");
    }
    return count;
}

/* A multiple of 1/32 in -2 to 2. */
static double hashed(const uint64_t index[4], uint64_t seed)
{
    struct check_random r = {seed * 1000003u + ((index[0] * 1009 + index[1]) * 10007 + index[2]) * 100003 + index[3]};
    check_random_bits(&r);
    return (double)(check_random_below(&r, 129) - 64) / 32.0;
}

/* The bits of a multiple of 1/32 up to 2 as IEEE binary16. */
static unsigned half_bits(double value)
{
    unsigned sign = value < 0 ? 0x8000u : 0u;
    double magnitude = value < 0 ? -value : value;
    unsigned exponent = 25;
    if (magnitude == 0) {
        return sign;
    }
    while (magnitude < 1024) {
        magnitude *= 2;
        exponent--;
    }
    return sign | exponent << 10 | ((unsigned)magnitude - 1024u);
}

static void put_integer(FILE *stream, uint64_t bits, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        fputc((int)(bits >> 8 * i & 255), stream);
    }
}

static void put_element(FILE *stream, const char *type, double value)
{
    if (strcmp(type, "f4") == 0) {
        float single = (float)value;
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        put_integer(stream, bits, 4);
    } else if (strcmp(type, "f2") == 0) {
        put_integer(stream, half_bits(value), 2);
    } else if (strcmp(type, "b1") == 0 || strcmp(type, "u1") == 0) {
        put_integer(stream, value < 0.5 ? (type[0] == 'b' ? 1 : 200) : 0, 1); /* about five of eight are true */
    } else {
        put_integer(stream, (uint64_t)(int64_t)value, type[1] - '0');
    }
}

static FILE *begin_file(const char *path, const char *type, int rank, const int64_t *shape)
{
    char text[256];
    FILE *stream = fopen(path, "wb");
    if (!stream) {
        die(path, "cannot be written");
    }
    int used = snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                        type[1] == '1' ? '|' : '<', type);
    for (int i = 0; i < rank; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "%" PRId64 ", ", shape[i]);
    }
    used += snprintf(text + used, sizeof text - (size_t)used, "), }\n");
    fwrite("\x93NUMPY\1\0", 1, 8, stream);
    put_integer(stream, (uint64_t)used, 2);
    fwrite(text, 1, (size_t)used, stream);
    return stream;
}

static int end_file(FILE *stream)
{
    return fclose(stream) == 0 ? 0 : 2;
}

int make(int argc, char **argv)
{
    int64_t dim[4];
    int rank = parse_list(argv[4], dim, 4);
    uint64_t seed = strtoull(argv[5], NULL, 10);
    bool bnhd = argc > 6 && strcmp(argv[6], "bnhd") == 0;
    double factor = argc > 6 && strcmp(argv[6], "small") == 0 ? 0.125 : 1.0;
    int64_t shape[4] = {dim[0], dim[bnhd ? 2 : 1], dim[bnhd ? 1 : 2], dim[3]};
    int64_t count = 1;
    FILE *stream = begin_file(argv[2], argv[3], rank, rank == 4 ? shape : dim);
    for (int i = 0; i < rank; i++) {
        count *= dim[i];
    }
    for (int64_t i = 0; i < count; i++) {
        uint64_t at[4] = {0, 0, 0, (uint64_t)i};
        if (rank == 4) {
            uint64_t rest = (uint64_t)i;
            for (int axis = 3; axis >= 0; axis--) {
                int logical = bnhd && (axis == 1 || axis == 2) ? 3 - axis : axis;
                at[logical] = rest % (uint64_t)shape[axis];
                rest /= (uint64_t)shape[axis];
            }
        }
        put_element(stream, argv[3], factor * hashed(at, seed));
    }
    return end_file(stream);
}

int lengths(char **argv)
{
    int64_t list[64];
    int64_t count = parse_list(argv[4], list, 64);
    FILE *stream = begin_file(argv[2], argv[3], 1, &count);
    for (int64_t i = 0; i < count; i++) {
        put_element(stream, argv[3], (double)list[i]);
    }
    return end_file(stream);
}

int constant(char **argv)
{
    int64_t dim[4];
    int rank = parse_list(argv[3], dim, 4);
    FILE *stream = begin_file(argv[2], "f4", rank, dim);
    int64_t count = 1;
    for (int i = 0; i < rank; i++) {
        count *= dim[i];
    }
    for (int64_t i = 0; i < count; i++) {
        put_element(stream, "f4", strtod(argv[4], NULL));
    }
    return end_file(stream);
}
