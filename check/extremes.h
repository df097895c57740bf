/* SPDX-License-Identifier: Apache-2.0 */
/* Problems at the limits of float32, with answers known without a reference: the largest scores and
 * values, sums over very many rows, NaN that nothing may read. Bounds do not grow with the
 * scores. */
#ifndef CLATTN_CHECK_EXTREMES_H
#define CLATTN_CHECK_EXTREMES_H

#include "clattn.h"

size_t extremes_count(void);
const char *extremes_name(size_t index);

enum extremes_outcome { EXTREMES_PASSED, EXTREMES_FAILED, EXTREMES_NOT_FOR_TYPE };

/* Runs one of them with tensors of type `dtype`; `text` says what failed. */
enum extremes_outcome extremes_run(size_t index, clattn_runner *runner, clattn_dtype dtype, char *text, size_t size);

#endif
