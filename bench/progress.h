/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error, if that is a terminal. */
#ifndef CLATTN_BENCH_PROGRESS_H
#define CLATTN_BENCH_PROGRESS_H

#include <stddef.h>

/* Shows that case number `done` of `all` is at step `doing`. */
void bench_progress(size_t done, size_t all, const char *line, const char *doing);

/* Erases the bar; call it before printing a row. */
void bench_progress_clear(void);

#endif
