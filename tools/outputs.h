/* SPDX-License-Identifier: Apache-2.0 */
/* Output files that appear complete or not at all. Each is written to a temporary file in the same
 * folder; all are renamed after all are written. A signal ends the program either before the
 * renames, and then removes the temporary files, or after them. Only SIGKILL or a rename that fails
 * after others can leave some outputs without the rest. */
#ifndef CLATTN_TOOLS_OUTPUTS_H
#define CLATTN_TOOLS_OUTPUTS_H

#include "input_files.h"

#define MAX_OUTPUTS 11

typedef struct output {
    const char *option; /* "--out", for messages */
    const char *path;   /* as in the option; NULL: not wanted */
    int rank;
    uint64_t dim[4];
    clattn_dtype dtype; /* of the values; .npy has no bfloat16, so the file has float32 instead */
    void *values;       /* (dim); NULL before outputs_allocate. Owned, like all members below */
    char *place;        /* path without symbolic links; NULL: not open */
    char *temporary;
    FILE *stream;
} output;

/* Pass this to signals_begin, which must be called before all functions below. */
void outputs_remove_temporaries(void);

/* Opens the temporary files of all wanted outputs, or of none. No output may be the same file as
 * another output or as one of the `count` inputs. Returns -1, or the exit code after a message, as
 * do all functions below. */
int outputs_open(output outputs[MAX_OUTPUTS], const input_file *inputs, size_t count);

/* Allocates the values of every wanted output. */
int outputs_allocate(output outputs[MAX_OUTPUTS]);

/* Writes all values, then renames all. */
int outputs_commit(output outputs[MAX_OUTPUTS]);

/* Removes temporary files that were not renamed, closes and frees; allowed at any time after
 * zero-initialisation. */
void outputs_discard(output outputs[MAX_OUTPUTS]);

#endif
