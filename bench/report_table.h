/* SPDX-License-Identifier: Apache-2.0 */
/* The report for people, on standard output. */
#ifndef CLATTN_BENCH_REPORT_TABLE_H
#define CLATTN_BENCH_REPORT_TABLE_H

#include "measure.h"
#include "startup.h"

/* Device, library, peaks; then the head of the table. */
void bench_table_begin(const struct bench_setting *setting);
void bench_table_row(const struct bench_setting *setting, const struct bench_row *row);

/* In place of a row: `implementation` was not timed, and why. */
void bench_table_skip(const char *line, const char *implementation, const char *why);

/* Device memory, for --memory. */
void bench_memory_begin(void);
void bench_memory_row(const struct bench_measured *m);

/* Start-up, for --startup. */
void bench_startup_begin(void);
void bench_startup_row(const struct test_case *c, const struct bench_startup *s);

#endif
