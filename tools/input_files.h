/* SPDX-License-Identifier: Apache-2.0 */
/* Input files of all verbs: opens a list of files, checks shapes against each other, then reads.
 *
 * Functions that return int return -1, or the exit code after a message with the option, the file,
 * what was found and what is allowed. */
#ifndef CLATTN_TOOLS_INPUT_FILES_H
#define CLATTN_TOOLS_INPUT_FILES_H

#include "clattn.h"
#include "npy.h"

/* Sets of element types, and the type in memory that each is converted to. */
#define INPUT_FLOATS (NPY_FLOAT32 | NPY_FLOAT16) /* input_file.dtype */
#define INPUT_TRUTHS (NPY_BOOL | NPY_UINT8)      /* unsigned char */
#define INPUT_LENGTHS (NPY_INT32 | NPY_INT64)    /* int32_t */

typedef struct input_file {
    const char *option; /* "--q" */
    const char *path;   /* NULL: absent */
    unsigned types;     /* one of the sets above */
    const char *axes;   /* "(B,H,N,D)", which fixes the rank too; NULL: any rank */
    clattn_dtype dtype; /* type in memory of floats; a float16 file is not converted for CLATTN_FLOAT16 */
    npy_file file;
    void *data; /* the elements, after reading; owned */
} input_file;

/* A dimension that another input fixes. */
typedef struct input_size {
    int axis; /* of the file */
    const char *name;
    int64_t size;
    const char *from; /* that input's option */
} input_size;

/* Opens the files that have a path, and checks types and ranks, that no dimension is 0, and that
 * the elements are addressable even at 8 bytes each. */
int input_files_open(input_file *files, size_t count);

/* Reads all elements of the open files. Warns about numbers that are finite in the file but
 * infinite in the dtype. */
int input_files_read(input_file *files, size_t count);

/* Closes and frees; allowed at any time after zero-initialisation. */
void input_files_close(input_file *files, size_t count);

/* Prints "--q q.npy: shape (2, 3); allowed: " and the sentence; returns EXIT_BAD_INPUT. */
int input_bad_shape(const input_file *input, const char *allowed, ...) PRINTF_LIKE(2, 3);

int input_check_sizes(const input_file *input, const input_size *list, size_t count);

/* The sizes of the letters of score_files.h. */
typedef struct score_sizes {
    int64_t b, h, n, m;
} score_sizes;
int64_t score_size(const score_sizes *sizes, char letter);

/* Checks that the file has the dimensions `whole` or only those of `fewer`, the missing ones being
 * 1; any dimension may also be 1. Fills `shape`. An absent file passes. */
int input_check_score(const input_file *file, const char *whole, const char *fewer, const score_sizes *sizes,
                      int64_t *shape);

/* Checks that there is one sink per head; sets *sinks to whether the file is present. */
int input_check_sinks(const input_file *sink, int64_t heads, int *sinks);

/* Checks that there is one length per batch; sets *kv_lengths to whether the file is present. */
int input_check_lengths(const input_file *lengths, int64_t batch, int *kv_lengths);

/* Call after reading. Warns about lengths outside 0..M, which the library clamps but which are
 * probably a mistake. */
void input_warn_lengths(const input_file *lengths, int64_t batch, int64_t kv_len);

#endif
