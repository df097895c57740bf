/* SPDX-License-Identifier: Apache-2.0 */
/* How long a program waits for its first result. */
#ifndef CLATTN_BENCH_STARTUP_H
#define CLATTN_BENCH_STARTUP_H

#include "device.h"

#include "cases.h"

struct bench_startup {
    double context, plan, result; /* seconds: to make the one; the other, and enqueue; to compute and read */
    double all;                   /* their sum */
    double error_ratio;           /* of the result, as in verify.h */
};

/* The forward pass of the case, from clattn_context_create on, with whatever kernels are cached on disk. The OpenCL
 * context, queue and buffers are there before. Returns 0, or -1 with a sentence in `message`. */
int bench_start_up(const struct bench_device *device, const clattn_options *options, const struct test_case *c,
                   struct bench_startup *startup, char *message);

#endif
