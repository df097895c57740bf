/* SPDX-License-Identifier: Apache-2.0 */
/* One row of a report: one pass of one case by one implementation. */
#ifndef CLATTN_BENCH_ROW_H
#define CLATTN_BENCH_ROW_H

#include "cases.h"
#include "clock.h"
#include "peaks.h"

struct bench_row {
    struct test_case c;
    char line[CASE_LINE_SIZE];
    enum bench_pass pass;
    char implementation[32]; /* "clattn", or a baseline's name */
    char engine[32];         /* clattn's; "" for a baseline */
    struct bench_clocks clocks;
    double flops, narrow_bytes; /* of the pass: see rates.h */
    size_t input_bytes, output_bytes, workspace_bytes;
    double error_ratio; /* largest error / tolerance */
};

struct bench_rows {
    struct bench_row *row;
    size_t count;
};

/* Returns 0, or -1 when host memory is short. */
int bench_rows_add(struct bench_rows *rows, const struct bench_row *row);
void bench_rows_free(struct bench_rows *rows);

/* What all rows of a report share. */
struct bench_setting {
    const char *device, *driver, *platform, *version, *commit;
    struct bench_peaks peaks;
};

/* FLOP/s by the device's clock. */
double bench_row_rate(const struct bench_row *row);

#endif
