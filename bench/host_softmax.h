/* SPDX-License-Identifier: Apache-2.0 */
/* Vectorised softmax of a row on the host. */
#ifndef CLATTN_BENCH_HOST_SOFTMAX_H
#define CLATTN_BENCH_HOST_SOFTMAX_H

#include <stddef.h>

/* In-place softmax of the first `seen` of `count` numbers; the others become 0. */
void host_softmax(float *row, size_t seen, size_t count);

#endif
