/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax of a row on the host, by vectors. */
#ifndef CLATTN_BENCH_HOST_SOFTMAX_H
#define CLATTN_BENCH_HOST_SOFTMAX_H

#include <stddef.h>

/* In place, over the first `seen` of `count` numbers; the others become 0, and all where `seen` is 0. */
void host_softmax(float *row, size_t seen, size_t count);

#endif
