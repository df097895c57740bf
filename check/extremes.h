/* SPDX-License-Identifier: Apache-2.0 */
/* Problems whose answer is known without a reference, where float32 comes to an end: scores and values as large as they
 * get, sums over very many rows, NaN where nothing may read it. Bounds do not grow with the scores. */
#ifndef CLATTN_CHECK_EXTREMES_H
#define CLATTN_CHECK_EXTREMES_H

#include "clattn.h"

size_t extremes_count(void);
const char *extremes_name(size_t index);

enum extremes_outcome { EXTREMES_PASSED, EXTREMES_FAILED, EXTREMES_NOT_FOR_TYPE };

/* Runs one by tensors of that type; `text` says what was wrong. */
enum extremes_outcome extremes_run(size_t index, clattn_runner *runner, clattn_dtype dtype, char *text, size_t size);

#endif
