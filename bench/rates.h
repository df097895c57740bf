/* SPDX-License-Identifier: Apache-2.0 */
/* From times to rates: what a pass computes and reads, and what is told of several times. */
#ifndef CLATTN_BENCH_RATES_H
#define CLATTN_BENCH_RATES_H

#include "clattn.h"

enum bench_pass { BENCH_FORWARD, BENCH_BACKWARD, BENCH_PASSES };

/* "forward", "backward"; "f32", "f16", "bf16", as in check/cases.h. */
const char *bench_pass_name(enum bench_pass pass);
const char *bench_dtype_name(clattn_dtype dtype);

/* Floating-point operations as FlashAttention counts them: 4 B Hq N M D forward, 2.5 times that backward, half when
 * causal ((D + Dv) / 2 for D); with a window, those of the pairs in it. Where `passes` are not all gradients, the products that those take. */
double bench_flops(const clattn_problem *problem, unsigned passes, enum bench_pass pass);

/* Bytes of K and V of a forward pass that has so few queries (BENCH_NARROW of them at most) that reading K and V is
 * what it does; otherwise 0. */
enum { BENCH_NARROW = 16 };
double bench_narrow_bytes(const clattn_problem *problem, enum bench_pass pass);

/* Of several runs, in seconds. */
struct bench_times {
    double median, fastest, slowest;
};

/* Sorts the values, and gives the middle one. */
double bench_median(double *values, int count);

/* Sorts `seconds`. */
struct bench_times bench_times_of(double *seconds, int count);

#endif
