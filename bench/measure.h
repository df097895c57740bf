/* SPDX-License-Identifier: Apache-2.0 */
/* A case on a device: sets it up, runs and verifies it, then times clattn. Baselines use the same
 * buffers. */
#ifndef CLATTN_BENCH_MEASURE_H
#define CLATTN_BENCH_MEASURE_H

#include "row.h"
#include "sets.h"
#include "verify.h"

struct bench_measured {
    const struct bench_device *device;
    struct bench_clock *clock;
    struct test_case c;
    struct data_set data; /* images of outputs hold clattn's results */
    struct bench_sets sets;
    clattn_plan *plan;
    cl_mem workspace; /* NULL: not needed */
    size_t workspace_bytes[BENCH_PASSES];
    struct bench_verdict verdict;
    char message[BENCH_MESSAGE]; /* the error */
};

/* Runs the passes of the case once and verifies the results. Returns 0, or -1 if a call failed or a
 * result is wrong; end it either way. */
int bench_measure_begin(struct bench_measured *m, const struct bench_device *device, struct bench_clock *clock,
                        const struct test_case *c);
void bench_measure_end(struct bench_measured *m);

/* Makes the buffer sets that timed runs rotate through. Call it before the first pass is timed. */
int bench_measure_multiply(struct bench_measured *m);

/* Times a pass of clattn and fills in the row. Returns 0, or -1. */
int bench_measure_pass(struct bench_measured *m, enum bench_pass pass, int repeats, struct bench_row *row);

/* Fills in what does not depend on the implementation: the case, its operations, its bytes. */
void bench_measure_row(const struct bench_measured *m, enum bench_pass pass, const char *implementation,
                       struct bench_row *row);

#endif
