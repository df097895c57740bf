/* SPDX-License-Identifier: Apache-2.0 */
/* Speed against length, as an SVG file. */
#ifndef CLATTN_BENCH_SPEED_PLOT_H
#define CLATTN_BENCH_SPEED_PLOT_H

#include "row.h"

#include <stdio.h>

/* A curve for each implementation, engine and pass of cases that differ in nothing but B, N and M; M is along the axis.
 * Returns 1,
 * or 0 and has written nothing where all rows have the same M; -1 where host memory is short. */
int bench_plot_write(FILE *file, const struct bench_setting *setting, const struct bench_rows *rows);

#endif
