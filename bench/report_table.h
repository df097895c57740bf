/* The report for people, on standard output. */
#ifndef CLATTN_BENCH_REPORT_TABLE_H
#define CLATTN_BENCH_REPORT_TABLE_H

#include "measure.h"

/* Device, library, peaks; then the head of the table. */
void bench_table_begin(const struct bench_setting *setting);
void bench_table_row(const struct bench_setting *setting, const struct bench_row *row);

/* Device memory, for --memory. */
void bench_memory_begin(void);
void bench_memory_row(const struct bench_measured *m);

#endif
