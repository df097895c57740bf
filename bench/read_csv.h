/* SPDX-License-Identifier: Apache-2.0 */
/* Reads reports of this program (report_csv.h) or of compare_torch.py, for a plot. */
#ifndef CLATTN_BENCH_READ_CSV_H
#define CLATTN_BENCH_READ_CSV_H

#include "device.h"
#include "row.h"

#include <stdio.h>

/* Adds the rows of `file`, with the fields for a plot: case, pass, implementation, engine, time and
 * rate. `device`: the device of the last row. Returns 0, or -1 with a sentence in `message`
 * (BENCH_MESSAGE bytes) that names the line. */
int bench_csv_read(FILE *file, struct bench_rows *rows, char device[256], char *message);

#endif
