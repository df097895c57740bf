/* SPDX-License-Identifier: Apache-2.0 */
#include "startup.h"

#include "clock.h"
#include "sets.h"
#include "verify.h"

#include <stdio.h>
#include <string.h>

struct first {
    clattn_context *context;
    clattn_plan *plan;
    cl_mem workspace;
    struct data_set data;
    struct bench_sets sets;
};

static int fail(const char *what, char *message)
{
    snprintf(message, BENCH_MESSAGE, "%s: %.900s", what, clattn_last_error());
    return -1;
}

static int compute(struct first *f, const struct bench_device *device, const struct test_case *c, char *message)
{
    const clattn_tensors tensors = bench_sets_tensors(&f->sets, 0);
    size_t bytes;
    if (clattn_plan_create(f->context, &c->problem, CLATTN_FORWARD, &f->plan))
        return fail("clattn_plan_create", message);
    if (clattn_plan_workspace_size(f->plan, CLATTN_FORWARD, &bytes))
        return fail("clattn_plan_workspace_size", message);
    f->workspace = bytes ? bench_buffer(device, bytes, message) : NULL;
    if (bytes && !f->workspace)
        return -1;
    if (clattn_enqueue_forward(f->plan, device->plain, &tensors, f->workspace, 0, NULL, NULL))
        return fail("clattn_enqueue_forward", message);
    return 0;
}

static int time_all(struct first *f, const struct bench_device *device, const clattn_options *options,
                    const struct test_case *c, struct bench_startup *startup, char *message)
{
    const double start = bench_now();
    if (clattn_context_create(device->cl, device->id, options, &f->context))
        return fail("clattn_context_create", message);
    const double context = bench_now();
    if (compute(f, device, c, message))
        return -1;
    const double enqueued = bench_now();
    if (bench_sets_read(&f->sets, message)) /* waits */
        return -1;
    const double end = bench_now();
    startup->context = context - start;
    startup->plan = enqueued - context;
    startup->result = end - enqueued;
    startup->all = end - start;
    return 0;
}

int bench_start_up(const struct bench_device *device, const clattn_options *options, const struct test_case *c,
                   struct bench_startup *startup, char *message)
{
    struct first f;
    struct bench_verdict verdict;
    struct test_case forward = *c;
    forward.passes = CLATTN_FORWARD;
    memset(&f, 0, sizeof f);
    int bad = data_make(&forward, &f.data);
    if (bad)
        snprintf(message, BENCH_MESSAGE, "no memory for the case, or its layout does not fit");
    bad = bad || bench_sets_begin(&f.sets, device, &f.data, &forward, message) ||
          time_all(&f, device, options, &forward, startup, message);
    if (!bad && bench_verify(&forward, &f.data, &verdict)) {
        snprintf(message, BENCH_MESSAGE, "out of host memory");
        bad = -1;
    }
    if (!bad)
        startup->error_ratio = verdict.ratio[BENCH_FORWARD];
    clattn_plan_destroy(f.plan);
    clattn_context_destroy(f.context);
    if (f.workspace)
        clReleaseMemObject(f.workspace);
    bench_sets_free(&f.sets);
    data_free(&f.data);
    return bad ? -1 : 0;
}
