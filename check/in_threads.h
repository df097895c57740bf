/* SPDX-License-Identifier: Apache-2.0 */
/* Shares a loop over host memory among threads. */
#ifndef CLATTN_CHECK_IN_THREADS_H
#define CLATTN_CHECK_IN_THREADS_H

#include <stddef.h>

/* Splits 0 .. count - 1 into ranges of at least `least` indices (or one range), no more than
 * processors, and calls work(self, first, past) for each on its own thread. Waits for all; returns
 * 0 if every call returned 0, else 1. */
int in_threads(size_t count, size_t least, int (*work)(void *self, size_t first, size_t past), void *self);

#endif
