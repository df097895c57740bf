/* Output files that appear whole or not at all: each is written to a temporary file beside its place, and all are
 * renamed only after every one was written. A signal that ends the program removes the temporary files too. */
#ifndef CLATTN_TOOLS_OUTPUTS_H
#define CLATTN_TOOLS_OUTPUTS_H

#include "npy.h"

#define MAX_OUTPUTS 3

typedef struct output {
    const char *option; /* "--out", for messages */
    const char *path;   /* as given; NULL: not wanted */
    int rank;
    uint64_t dim[4];
    float *values; /* (dim), owned by the caller */
    char *place;   /* path with symbolic links resolved; NULL: not open. Owned, as all below */
    char *temporary;
    FILE *stream;
} output;

/* Opens the temporary file of every wanted output, or of none. No output may be another, or one of the `count` inputs
 * (NULL ones are skipped). Returns -1, or the exit code after a message; so all functions below. */
int outputs_open(output outputs[MAX_OUTPUTS], const char *const *inputs, size_t count);

/* Writes all values, then renames all. */
int outputs_commit(output outputs[MAX_OUTPUTS]);

/* Closes and removes what is still temporary, and frees; fine at any time after a zero-initialisation. */
void outputs_discard(output outputs[MAX_OUTPUTS]);

#endif
