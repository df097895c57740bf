/* SPDX-License-Identifier: Apache-2.0 */
/* Input files of any verb: opened as one list, their shapes checked against each other, then read.
 *
 * A function that returns int returns -1, or the exit code after a message that names option, file, what was found and
 * what is allowed. */
#ifndef CLATTN_TOOLS_INPUT_FILES_H
#define CLATTN_TOOLS_INPUT_FILES_H

#include "clattn.h"
#include "npy.h"

/* Sets of types: what the elements become in memory follows from them. */
#define INPUT_FLOATS (NPY_FLOAT32 | NPY_FLOAT16) /* input_file.dtype */
#define INPUT_TRUTHS (NPY_BOOL | NPY_UINT8)      /* unsigned char */
#define INPUT_LENGTHS (NPY_INT32 | NPY_INT64)    /* int32_t */

typedef struct input_file {
    const char *option; /* "--q" */
    const char *path;   /* NULL: not given */
    unsigned types;     /* one of the sets above */
    const char *axes;   /* "(B,H,N,D)", which also says the rank; NULL: any rank */
    clattn_dtype dtype; /* what floats become: float16 files stay as they are in CLATTN_FLOAT16 */
    npy_file file;
    void *data; /* the elements once they are read; owned */
} input_file;

/* A dimension that another input fixes. */
typedef struct input_size {
    int axis; /* of the file */
    const char *name;
    int64_t size;
    const char *from; /* that input's option */
} input_size;

/* Opens what is given. Types and ranks are good afterwards, no dimension is 0, and all elements are addressable, as
 * 8 bytes each too. */
int input_files_open(input_file *files, size_t count);

/* Reads all elements of what is open. A warning tells of numbers that are finite in the file and too large for the
 * dtype, where they are infinite. */
int input_files_read(input_file *files, size_t count);

/* Closes and frees; fine at any time after a zero-initialisation. */
void input_files_close(input_file *files, size_t count);

/* "--q q.npy: shape (2, 3); allowed: " and the sentence; returns EXIT_BAD_INPUT. */
int input_bad_shape(const input_file *input, const char *allowed, ...) PRINTF_LIKE(2, 3);

int input_check_sizes(const input_file *input, const input_size *list, size_t count);

/* What the letters of score_files.h stand for. */
typedef struct score_sizes {
    int64_t b, h, n, m;
} score_sizes;
int64_t score_size(const score_sizes *sizes, char letter);

/* The file has the dimensions `whole`, or only those of `fewer`: the others are 1 then, and any may be 1. Fills `shape`;
 * a file that is not given is good. */
int input_check_score(const input_file *file, const char *whole, const char *fewer, const score_sizes *sizes,
                      int64_t *shape);

/* One length a batch; *kv_lengths says whether they are given. */
int input_check_lengths(const input_file *lengths, int64_t batch, int *kv_lengths);

/* After reading. The library clamps lengths; in a file they are more likely a mistake, which deserves a word. */
void input_warn_lengths(const input_file *lengths, int64_t batch, int64_t kv_len);

#endif
