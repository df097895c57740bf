/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays from the folder that scripts/make_encoder_data.py made. */
#ifndef CLATTN_EXAMPLES_ENCODER_ARRAYS_H
#define CLATTN_EXAMPLES_ENCODER_ARRAYS_H

#include "npy.h"

/* The elements of FOLDER/NAME.npy, to be freed by the caller. `type` is NPY_FLOAT32, NPY_INT32 or NPY_BOOL, the type of
 * the file. A dim[] that is 0 is set to what the file has, any other must be the file's; so must `rank`. What does not
 * fit ends the program. */
void *array_read(const char *folder, const char *name, npy_type type, int rank, uint64_t *dim);

#endif
