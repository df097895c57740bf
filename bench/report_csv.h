/* SPDX-License-Identifier: Apache-2.0 */
/* The report for programs: comma-separated values, a row a pass. docs/performance.md tells what the columns are. */
#ifndef CLATTN_BENCH_REPORT_CSV_H
#define CLATTN_BENCH_REPORT_CSV_H

#include "row.h"

#include <stdio.h>

extern const char bench_csv_header[];

/* A row names what it was measured with. What does not apply is left empty. Rows are flushed, so that what was measured
 * is there when a run is cut short. */
void bench_csv_begin(FILE *file);
void bench_csv_row(FILE *file, const struct bench_setting *setting, const struct bench_row *row);

#endif
