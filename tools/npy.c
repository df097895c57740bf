/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing the elements of a .npy file. */
#include "npy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK_BYTES 65536 /* a multiple of every element's size */

static bool fail_length(const npy_header *header, uint64_t found, const char *suffix, npy_error *error)
{
    char shape[NPY_SHAPE_TEXT];
    uint64_t wanted = header->count * npy_type_bytes(header->type);
    return npy_fail(error, "%s: %" PRIu64 "%s bytes of elements; shape %s of '%s' takes %" PRIu64,
                    found < wanted ? "truncated" : "too long", found, suffix,
                    npy_shape_text(header->rank, header->dim, shape), header->descr, wanted);
}

static bool read_header(npy_file *file, unsigned allowed, uint64_t *begin_of_elements, npy_error *error)
{
    unsigned char bytes[NPY_MAX_PREAMBLE + NPY_MAX_HEADER];
    size_t begin;
    size_t length;
    errno = 0;
    size_t size = fread(bytes, 1, 10, file->stream);
    if (size == 10 && bytes[6] > 1) {
        size += fread(bytes + size, 1, NPY_MAX_PREAMBLE - size, file->stream);
    }
    if (ferror(file->stream)) {
        return npy_fail(error, "cannot be read: %s", strerror(errno));
    }
    if (!npy_parse_preamble(bytes, size, &begin, &length, error)) {
        return false;
    }
    if (fread(bytes + begin, 1, length, file->stream) != length) {
        return npy_fail(error, "truncated within the header of %zu bytes", length);
    }
    *begin_of_elements = begin + length;
    return npy_parse_header(bytes + begin, length, &file->header, error) &&
           npy_check_type(&file->header, allowed, error);
}

/* Checks the length of a regular file before memory is allocated for its elements. */
static bool check_length(const npy_file *file, uint64_t begin, npy_error *error)
{
    struct stat facts;
    if (fstat(fileno(file->stream), &facts) != 0 || !S_ISREG(facts.st_mode)) {
        return true;
    }
    uint64_t size = (uint64_t)facts.st_size;
    uint64_t found = size < begin ? 0 : size - begin;
    if (found != file->header.count * npy_type_bytes(file->header.type)) {
        return fail_length(&file->header, found, "", error);
    }
    return true;
}

bool npy_open(npy_file *file, const char *path, unsigned allowed, npy_error *error)
{
    uint64_t begin;
    file->stream = fopen(path, "rb");
    if (!file->stream) {
        return npy_fail(error, "cannot be opened: %s", strerror(errno));
    }
    if (read_header(file, allowed, &begin, error) && check_length(file, begin, error)) {
        return true;
    }
    npy_close(file);
    return false;
}

void npy_close(npy_file *file)
{
    if (file->stream) {
        fclose(file->stream);
        file->stream = NULL;
    }
}

static uint32_t load_u16(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t load_u32(const unsigned char *p)
{
    return load_u16(p) | load_u16(p + 2) << 16;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE binary16 to binary32: exact for every value, NaN payloads included. */
static float float_of_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 31u;
    uint32_t fraction = half & 0x3ffu;
    if (exponent == 31u) {
        return float_of_bits(sign | 0x7f800000u | fraction << 13);
    }
    if (exponent == 0u) {
        float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return float_of_bits(sign | (exponent + 112u) << 23 | fraction << 13);
}

static int32_t int32_of_int64(const unsigned char *p)
{
    uint64_t bits = (uint64_t)load_u32(p) | (uint64_t)load_u32(p + 4) << 32;
    if (bits >> 63) {
        return bits < (uint64_t)(int64_t)INT32_MIN ? INT32_MIN : (int32_t)(int64_t)bits;
    }
    return bits > INT32_MAX ? INT32_MAX : (int32_t)bits;
}

/* Converts `count` elements of `type` to values[first...]. `as_bits` keeps float16 as it is,
 * instead of float. */
static void convert(npy_type type, bool as_bits, const unsigned char *bytes, size_t count, void *values, uint64_t first)
{
    float *floats = (float *)values + first;
    int32_t *ints = (int32_t *)values + first;
    uint16_t *halves = (uint16_t *)values + first;
    if (as_bits) {
        for (size_t i = 0; i < count; i++) {
            halves[i] = (uint16_t)load_u16(bytes + 2 * i);
        }
    } else if (type == NPY_FLOAT32) {
        for (size_t i = 0; i < count; i++) {
            floats[i] = float_of_bits(load_u32(bytes + 4 * i));
        }
    } else if (type == NPY_FLOAT16) {
        for (size_t i = 0; i < count; i++) {
            floats[i] = float_of_half(load_u16(bytes + 2 * i));
        }
    } else if (type == NPY_INT32) {
        for (size_t i = 0; i < count; i++) {
            uint32_t bits = load_u32(bytes + 4 * i);
            memcpy(&ints[i], &bits, sizeof bits);
        }
    } else if (type == NPY_INT64) {
        for (size_t i = 0; i < count; i++) {
            ints[i] = int32_of_int64(bytes + 8 * i);
        }
    } else {
        memcpy((unsigned char *)values + first, bytes, count);
    }
}

static bool read_elements(npy_file *file, bool as_bits, void *values, npy_error *error)
{
    unsigned char chunk[CHUNK_BYTES];
    const npy_header *header = &file->header;
    size_t bytes = npy_type_bytes(header->type);
    for (uint64_t done = 0; done < header->count;) {
        uint64_t left = header->count - done;
        size_t wanted = left < CHUNK_BYTES / bytes ? (size_t)left : CHUNK_BYTES / bytes;
        errno = 0;
        size_t got = fread(chunk, 1, wanted * bytes, file->stream);
        if (ferror(file->stream)) {
            return npy_fail(error, "cannot be read: %s", strerror(errno));
        }
        if (got != wanted * bytes) {
            return fail_length(header, done * bytes + got, "", error);
        }
        convert(header->type, as_bits, chunk, wanted, values, done);
        done += wanted;
    }
    if (fgetc(file->stream) != EOF) {
        return fail_length(header, header->count * bytes + 1, " or more", error);
    }
    return true;
}

bool npy_read_float32(npy_file *file, float *values, npy_error *error)
{
    return npy_check_type(&file->header, NPY_FLOAT32 | NPY_FLOAT16, error) && read_elements(file, false, values, error);
}

bool npy_read_int32(npy_file *file, int32_t *values, npy_error *error)
{
    return npy_check_type(&file->header, NPY_INT32 | NPY_INT64, error) && read_elements(file, false, values, error);
}

bool npy_read_bytes(npy_file *file, unsigned char *values, npy_error *error)
{
    return npy_check_type(&file->header, NPY_BOOL | NPY_UINT8, error) && read_elements(file, false, values, error);
}

bool npy_read_float16(npy_file *file, uint16_t *bits, npy_error *error)
{
    return npy_check_type(&file->header, NPY_FLOAT16, error) && read_elements(file, true, bits, error);
}

/* Version 1.0, padded as NumPy does: elements start at a multiple of 64 bytes. */
static bool write_header(FILE *stream, size_t element_bytes, int rank, const uint64_t *dim)
{
    char shape[NPY_SHAPE_TEXT];
    char text[64 + NPY_SHAPE_TEXT + 64];
    int used = snprintf(text, sizeof text, "{'descr': '<f%d', 'fortran_order': False, 'shape': %s, }",
                        (int)element_bytes, npy_shape_text(rank, dim, shape));
    size_t length = (size_t)used;
    do {
        text[length++] = ' ';
    } while ((10 + length) % 64 != 0);
    text[length - 1] = '\n';
    const unsigned char head[] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (unsigned char)(length & 255), (unsigned char)(length >> 8)};
    return fwrite(head, 1, sizeof head, stream) == sizeof head && fwrite(text, 1, length, stream) == length;
}

static uint32_t element_bits(const void *values, size_t element_bytes, uint64_t index)
{
    uint32_t bits;
    if (element_bytes == 2) {
        return ((const uint16_t *)values)[index];
    }
    memcpy(&bits, (const float *)values + index, sizeof bits);
    return bits;
}

/* Writes a file of floats of 4 or 2 bytes. */
static bool write_floats(FILE *stream, size_t element_bytes, int rank, const uint64_t *dim, const void *values,
                         npy_error *error)
{
    unsigned char chunk[CHUNK_BYTES];
    unsigned char *end;
    uint64_t count = 1;
    for (int i = 0; i < rank; i++) {
        count *= dim[i];
    }
    errno = 0;
    bool good = write_header(stream, element_bytes, rank, dim);
    for (uint64_t done = 0; good && done < count;) {
        uint64_t left = count - done;
        size_t now = left < CHUNK_BYTES / element_bytes ? (size_t)left : CHUNK_BYTES / element_bytes;
        end = chunk;
        for (size_t i = 0; i < now; i++) {
            uint32_t bits = element_bits(values, element_bytes, done + i);
            for (size_t byte = 0; byte < element_bytes; byte++) {
                *end++ = (unsigned char)(bits >> 8 * byte);
            }
        }
        good = fwrite(chunk, element_bytes, now, stream) == now;
        done += now;
    }
    if (!good || fflush(stream) != 0) {
        return npy_fail(error, "cannot be written: %s", strerror(errno));
    }
    return true;
}

bool npy_write_float32(FILE *stream, int rank, const uint64_t *dim, const float *values, npy_error *error)
{
    return write_floats(stream, sizeof *values, rank, dim, values, error);
}

bool npy_write_float16(FILE *stream, int rank, const uint64_t *dim, const uint16_t *bits, npy_error *error)
{
    return write_floats(stream, sizeof *bits, rank, dim, bits, error);
}
