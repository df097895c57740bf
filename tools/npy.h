/* SPDX-License-Identifier: Apache-2.0 */
/* The subset of NumPy's .npy files that clattn supports: versions 1.0, 2.0 and 3.0, C order,
 * little-endian.
 *
 * A file is the magic "\x93NUMPY", two version bytes, the header's length (2 bytes in 1.0, 4 in 2.0
 * and 3.0), the header and the elements. The header is a Python dictionary such as
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 64, 32), }
 * padded with blanks. Every field of a file is checked before it is used. */
#ifndef CLATTN_TOOLS_NPY_H
#define CLATTN_TOOLS_NPY_H

#include "printf_like.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define NPY_MAX_RANK 8       /* dimensions */
#define NPY_MAX_HEADER 10000 /* bytes; NumPy's own limit */
#define NPY_MAX_PREAMBLE 12  /* bytes before the header */
#define NPY_SHAPE_TEXT 192   /* bytes; enough for npy_shape_text */

/* Element types that the tool accepts, one bit each, so that they form sets. */
typedef enum npy_type {
    NPY_OTHER = 0, /* well formed, but none of these */
    NPY_FLOAT32 = 1,
    NPY_FLOAT16 = 2,
    NPY_BOOL = 4,
    NPY_UINT8 = 8,
    NPY_INT32 = 16,
    NPY_INT64 = 32
} npy_type;

typedef struct npy_header {
    npy_type type;
    char descr[16]; /* the type as the file spells it */
    int rank;
    uint64_t dim[NPY_MAX_RANK];
    uint64_t count; /* product of dim; below 2^60 */
} npy_header;

/* A sentence without the file's name: what was found, what is allowed. Printable ASCII, except
 * messages of the C library. */
typedef struct npy_error {
    char text[384];
} npy_error;

/* Writes the sentence; returns false. */
bool npy_fail(npy_error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* Reads where the header begins and how long it is from the first `size` bytes of a file
 * (NPY_MAX_PREAMBLE, fewer if the file is shorter). Returns false, and a sentence, on bad input, as
 * do all functions below. */
bool npy_parse_preamble(const unsigned char *bytes, size_t size, size_t *begin, size_t *length, npy_error *error);

/* Parses the header. */
bool npy_parse_header(const unsigned char *text, size_t length, npy_header *header, npy_error *error);

/* Checks that the header's type is in the set `allowed`. */
bool npy_check_type(const npy_header *header, unsigned allowed, npy_error *error);

/* "(2, 3, 64, 32)", as Python writes it. */
const char *npy_shape_text(int rank, const uint64_t *dim, char text[NPY_SHAPE_TEXT]);

size_t npy_type_bytes(npy_type type);

/* An open file, with its header read. */
typedef struct npy_file {
    FILE *stream; /* NULL: not open */
    npy_header header;
} npy_file;

/* Opens a file, reads the header, checks the type and, for a regular file, the length. */
bool npy_open(npy_file *file, const char *path, unsigned allowed, npy_error *error);

/* Reads and converts all elements into an array of header.count. float16 converts to float32
 * exactly; int64 saturates to int32; nonzero bytes stay nonzero. Truncated files and bytes after
 * the last element are errors. */
bool npy_read_float32(npy_file *file, float *values, npy_error *error);
bool npy_read_int32(npy_file *file, int32_t *values, npy_error *error);
bool npy_read_bytes(npy_file *file, unsigned char *values, npy_error *error);

/* The same for a float16 file, without conversion. */
bool npy_read_float16(npy_file *file, uint16_t *bits, npy_error *error);

/* NULL stream is ignored. */
void npy_close(npy_file *file);

/* Writes a whole file, version 1.0. */
bool npy_write_float32(FILE *stream, int rank, const uint64_t *dim, const float *values, npy_error *error);
bool npy_write_float16(FILE *stream, int rank, const uint64_t *dim, const uint16_t *bits, npy_error *error);

#endif
