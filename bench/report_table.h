/* SPDX-License-Identifier: Apache-2.0 */
/* The report for people, on standard output. */
#ifndef CLATTN_BENCH_REPORT_TABLE_H
#define CLATTN_BENCH_REPORT_TABLE_H

#include "measure.h"
#include "startup.h"

/* Prints device, library and peaks, then the table's header. */
void bench_table_begin(const struct bench_setting *setting);
void bench_table_row(const struct bench_setting *setting, const struct bench_row *row);

/* Prints, instead of a row, why `implementation` was not timed. */
void bench_table_skip(const char *line, const char *implementation, const char *why);

/* The table of --memory: device memory. */
void bench_memory_begin(void);
void bench_memory_row(const struct bench_measured *m);

/* The table of --startup: time to the first result. */
void bench_startup_begin(void);
void bench_startup_row(const struct test_case *c, const struct bench_startup *s);

#endif
