/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays from the folder of scripts/make_encoder_data.py. */
#ifndef CLATTN_EXAMPLES_ENCODER_ARRAYS_H
#define CLATTN_EXAMPLES_ENCODER_ARRAYS_H

#include "npy.h"

/* Reads the elements of FOLDER/NAME.npy; the caller frees them. `type` (NPY_FLOAT32, NPY_INT32 or
 * NPY_BOOL) and `rank` must be the file's; so must each dim[] that is not 0, while the others are
 * set. A mismatch ends the program. */
void *array_read(const char *folder, const char *name, npy_type type, int rank, uint64_t *dim);

#endif
