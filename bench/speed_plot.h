/* SPDX-License-Identifier: Apache-2.0 */
/* Speed against length, as an SVG file. */
#ifndef CLATTN_BENCH_SPEED_PLOT_H
#define CLATTN_BENCH_SPEED_PLOT_H

#include "row.h"

#include <stdio.h>

/* Draws a curve for each implementation, engine and pass of cases that differ only in B, N and M;
 * the axis is M. Returns 1; 0, with nothing written, if all rows have the same M; -1 if host memory
 * is short. */
int bench_plot_write(FILE *file, const struct bench_setting *setting, const struct bench_rows *rows);

#endif
