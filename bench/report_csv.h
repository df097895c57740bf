/* SPDX-License-Identifier: Apache-2.0 */
/* The report for programs: CSV, one row per pass. docs/performance.md describes the columns. */
#ifndef CLATTN_BENCH_REPORT_CSV_H
#define CLATTN_BENCH_REPORT_CSV_H

#include "row.h"

#include <stdio.h>

extern const char bench_csv_header[];

/* Every row names device, driver and build. Fields that do not apply are empty. Rows are flushed,
 * so that an interrupted run keeps its results. */
void bench_csv_begin(FILE *file);
void bench_csv_row(FILE *file, const struct bench_setting *setting, const struct bench_row *row);

#endif
