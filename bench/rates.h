/* SPDX-License-Identifier: Apache-2.0 */
/* Operations and bytes of a pass, and statistics of several times. */
#ifndef CLATTN_BENCH_RATES_H
#define CLATTN_BENCH_RATES_H

#include "clattn.h"

enum bench_pass { BENCH_FORWARD, BENCH_BACKWARD, BENCH_PASSES };

/* "forward", "backward"; "f32", "f16", "bf16", as in check/cases.h. */
const char *bench_pass_name(enum bench_pass pass);
const char *bench_dtype_name(clattn_dtype dtype);

/* Floating-point operations as FlashAttention counts them: 4 B Hq N M D forward, with D = (qk_dim +
 * v_dim) / 2; 2.5 times that backward; half if causal; with a window, only its pairs count. If
 * `passes` lacks gradients, only the products for the others count. */
double bench_flops(const clattn_problem *problem, unsigned passes, enum bench_pass pass);

/* Bytes of K and V of a forward pass with at most BENCH_NARROW queries, whose speed is bound by
 * reading them; else 0. */
enum { BENCH_NARROW = 16 };
double bench_narrow_bytes(const clattn_problem *problem, enum bench_pass pass);

/* Statistics of several runs, in seconds. */
struct bench_times {
    double median, fastest, slowest;
};

/* Sorts the values and returns their median. */
double bench_median(double *values, int count);

/* Statistics of `seconds`, which it sorts. */
struct bench_times bench_times_of(double *seconds, int count);

#endif
