/* SPDX-License-Identifier: Apache-2.0 */
/* Work on many elements of host memory, shared among threads. */
#ifndef CLATTN_CHECK_IN_THREADS_H
#define CLATTN_CHECK_IN_THREADS_H

#include <stddef.h>

/* Calls work(self, first, past) for parts of 0 to count - 1 that together are all of it, each of at least `least` if
 * there is as much: at once, a thread for each, where there are processors for that. Returns when all are done, 0 if all
 * calls returned that. */
int in_threads(size_t count, size_t least, int (*work)(void *self, size_t first, size_t past), void *self);

#endif
