/* SPDX-License-Identifier: Apache-2.0 */
/* Time to a program's first result. */
#ifndef CLATTN_BENCH_STARTUP_H
#define CLATTN_BENCH_STARTUP_H

#include "device.h"

#include "cases.h"

struct bench_startup {
    double context, plan,
        result;         /* seconds to create the context; to create the plan and enqueue; to compute and read */
    double all;         /* their sum */
    double error_ratio; /* of the result, as in verify.h */
};

/* Times the forward pass of the case from clattn_context_create on, with the kernels that are
 * cached on disk. The OpenCL context, queue and buffers are made beforehand. Returns 0, or -1 with
 * a sentence in `message`. */
int bench_start_up(const struct bench_device *device, const clattn_options *options, const struct test_case *c,
                   struct bench_startup *startup, char *message);

#endif
