/* SPDX-License-Identifier: Apache-2.0 */
/* What is being done, on standard error where that is a terminal. */
#ifndef CLATTN_BENCH_PROGRESS_H
#define CLATTN_BENCH_PROGRESS_H

#include <stddef.h>

/* Case number `done` of `all` is at `doing`. */
void bench_progress(size_t done, size_t all, const char *line, const char *doing);

/* Wipes the bar, before a row is printed. */
void bench_progress_clear(void);

#endif
