/* Times the passes of one case on one device, verified first. */
#ifndef CLATTN_BENCH_MEASURE_H
#define CLATTN_BENCH_MEASURE_H

#include "cases.h"
#include "clattn.h"

enum bench_pass { BENCH_FORWARD, BENCH_BACKWARD, BENCH_PASSES };

struct bench_device {
    cl_device_id id;
    cl_context cl;
    cl_command_queue queue;
    clattn_context *context;
};

struct bench_result {
    double median_seconds[BENCH_PASSES], fastest_seconds[BENCH_PASSES], slowest_seconds[BENCH_PASSES];
    double error_ratio[BENCH_PASSES]; /* worst error / tolerance of the elements that were verified: good up to 1 */
    size_t workspace_bytes;
};

/* Runs each pass `repeats` times (at least 3), enqueue to completion, after one run that is verified: out, lse and dq
 * on rows sampled from all of the tensor, dk and dv on one key head. Returns NULL, or what went wrong. */
const char *bench_measure(const struct bench_device *device, const struct test_case *c, int repeats,
                          struct bench_result *result);

/* Floating-point operations as FlashAttention counts them: 4 B Hq N M D forward, 2.5 times that backward, half when
 * causal ((D + Dv) / 2 for D). Where `passes` are not all gradients, the products that those take. */
double bench_flops(const clattn_problem *problem, unsigned passes, enum bench_pass pass);

/* Seconds of a steady clock. */
double bench_now(void);

/* Sorts the values, and gives the middle one. */
double bench_median(double *values, int count);

#endif
