/* SPDX-License-Identifier: Apache-2.0 */
/* Output files that appear whole or not at all: each is written to a temporary file beside its place, and all are
 * renamed only after every one was written. A signal that ends the program comes before all renames, and removes the
 * temporary files, or after them; only SIGKILL, and a rename that fails after others, can come in between. */
#ifndef CLATTN_TOOLS_OUTPUTS_H
#define CLATTN_TOOLS_OUTPUTS_H

#include "input_files.h"

#define MAX_OUTPUTS 8

typedef struct output {
    const char *option; /* "--out", for messages */
    const char *path;   /* as given; NULL: not wanted */
    int rank;
    uint64_t dim[4];
    clattn_dtype dtype; /* of the values; a bfloat16 becomes float32 in the file, which knows no bfloat16 */
    void *values;       /* (dim), NULL before outputs_allocate. Owned, as all below */
    char *place;        /* path with symbolic links resolved; NULL: not open */
    char *temporary;
    FILE *stream;
} output;

/* For signals_begin, which has to come before everything below. */
void outputs_remove_temporaries(void);

/* Opens the temporary file of every wanted output, or of none. No output may be another, or one of the `count` inputs.
 * Returns -1, or the exit code after a message; so all functions below. */
int outputs_open(output outputs[MAX_OUTPUTS], const input_file *inputs, size_t count);

/* Makes memory for the values of every wanted output. */
int outputs_allocate(output outputs[MAX_OUTPUTS]);

/* Writes all values, then renames all. */
int outputs_commit(output outputs[MAX_OUTPUTS]);

/* Closes and removes what is still temporary, and frees; fine at any time after a zero-initialisation. */
void outputs_discard(output outputs[MAX_OUTPUTS]);

#endif
