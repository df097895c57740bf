/* Work on many elements of host memory, shared among threads. */
#ifndef CLATTN_TESTS_IN_THREADS_H
#define CLATTN_TESTS_IN_THREADS_H

#include <stddef.h>

/* Calls work(self, first, past) for parts of 0 to count - 1 that together are all of it, each but the last of at least
 * `least`: at once, a thread for each, where there are processors for that. Returns when all are done. */
void in_threads(size_t count, size_t least, void (*work)(void *self, size_t first, size_t past), void *self);

#endif
