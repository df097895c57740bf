/* SPDX-License-Identifier: Apache-2.0 */
#include "measure.h"

#include <stdio.h>
#include <string.h>

/* ---- set-up ---- */

static int fail(struct bench_measured *m, const char *what)
{
    snprintf(m->message, sizeof m->message, "%s: %.900s", what, clattn_last_error());
    return -1;
}

static int make_plan(struct bench_measured *m)
{
    static const unsigned passes[BENCH_PASSES] = {CLATTN_FORWARD, CASE_GRADIENTS};
    size_t most = 0;
    if (clattn_plan_create(m->device->context, &m->c.problem, m->c.passes, &m->plan))
        return fail(m, "clattn_plan_create");
    for (int pass = 0; pass < BENCH_PASSES; ++pass) {
        size_t *bytes = &m->workspace_bytes[pass];
        if (clattn_plan_workspace_size(m->plan, passes[pass], bytes))
            return fail(m, "clattn_plan_workspace_size");
        most = *bytes > most ? *bytes : most;
    }
    m->workspace = most ? bench_buffer(m->device, most, m->message) : NULL;
    return most && !m->workspace ? -1 : 0;
}

/* ---- running ---- */

struct pass_of {
    struct bench_measured *m;
    enum bench_pass pass;
};

static int enqueue(void *self, cl_command_queue queue, int set)
{
    const struct pass_of *of = self;
    struct bench_measured *m = of->m;
    const clattn_tensors tensors = bench_sets_tensors(&m->sets, set);
    const clattn_status status = of->pass == BENCH_FORWARD
                                     ? clattn_enqueue_forward(m->plan, queue, &tensors, m->workspace, 0, NULL, NULL)
                                     : clattn_enqueue_backward(m->plan, queue, &tensors, m->workspace, 0, NULL, NULL);
    return status ? fail(m, of->pass == BENCH_FORWARD ? "clattn_enqueue_forward" : "clattn_enqueue_backward") : 0;
}

static int run_once(struct bench_measured *m, enum bench_pass pass)
{
    struct pass_of of = {m, pass};
    if (enqueue(&of, m->device->plain, 0))
        return -1;
    const cl_int error = clFinish(m->device->plain);
    return error ? bench_fail_opencl(error, "clFinish", m->message) : 0;
}

static int judge(struct bench_measured *m)
{
    if (bench_verify(&m->c, &m->data, &m->verdict)) {
        snprintf(m->message, sizeof m->message, "out of host memory");
        return -1;
    }
    for (int pass = 0; pass < BENCH_PASSES; ++pass)
        if (!(m->verdict.ratio[pass] <= 1.0)) {
            snprintf(m->message, sizeof m->message, "%s is wrong: error / tolerance = %.3g, so it is not timed",
                     bench_pass_name((enum bench_pass)pass), m->verdict.ratio[pass]);
            return -1;
        }
    return 0;
}

int bench_measure_begin(struct bench_measured *m, const struct bench_device *device, struct bench_clock *clock,
                        const struct test_case *c)
{
    memset(m, 0, sizeof *m);
    m->device = device;
    m->clock = clock;
    m->c = *c;
    if (data_make(c, &m->data)) {
        snprintf(m->message, sizeof m->message, "no memory for the case, or its layout does not fit");
        return -1;
    }
    if (bench_sets_begin(&m->sets, device, &m->data, &m->c, m->message) || make_plan(m) || run_once(m, BENCH_FORWARD) ||
        (c->passes & CASE_GRADIENTS && run_once(m, BENCH_BACKWARD)) || bench_sets_read(&m->sets, m->message))
        return -1;
    return judge(m);
}

void bench_measure_end(struct bench_measured *m)
{
    clattn_plan_destroy(m->plan);
    if (m->workspace)
        clReleaseMemObject(m->workspace);
    bench_sets_free(&m->sets);
    data_free(&m->data);
}

int bench_measure_multiply(struct bench_measured *m)
{
    return bench_sets_multiply(&m->sets, m->message);
}

/* ---- timing ---- */

void bench_measure_row(const struct bench_measured *m, enum bench_pass pass, const char *implementation,
                       struct bench_row *row)
{
    const unsigned bits = pass == BENCH_FORWARD ? CLATTN_FORWARD : m->c.passes & CASE_GRADIENTS;
    memset(row, 0, sizeof *row);
    row->c = m->c;
    case_print(&m->c, row->line);
    row->pass = pass;
    snprintf(row->implementation, sizeof row->implementation, "%s", implementation);
    row->flops = bench_flops(&m->c.problem, m->c.passes, pass);
    row->narrow_bytes = bench_narrow_bytes(&m->c.problem, pass);
    row->input_bytes = bench_input_bytes(&m->sets, bits);
    row->output_bytes = bench_output_bytes(&m->sets, bits);
}

/* The engine of the pass, from the plan's description: "forward: engine cpu, ...". */
static void read_engine(const clattn_plan *plan, enum bench_pass pass, char engine[32])
{
    const char *at = strstr(clattn_plan_describe(plan), pass == BENCH_FORWARD ? "forward: " : "backward_");
    at = at ? strstr(at, "engine ") : NULL;
    if (at)
        sscanf(at, "engine %31[a-z_0-9]", engine);
}

int bench_measure_pass(struct bench_measured *m, enum bench_pass pass, int repeats, struct bench_row *row)
{
    struct pass_of of = {m, pass};
    int last_set;
    bench_measure_row(m, pass, "clattn", row);
    row->workspace_bytes = m->workspace_bytes[pass];
    row->error_ratio = m->verdict.ratio[pass];
    read_engine(m->plan, pass, row->engine);
    if (bench_time(m->clock, enqueue, &of, m->sets.count, repeats, &row->clocks, &last_set, m->message))
        return -1;
    return bench_sets_compare(&m->sets, last_set, m->message);
}
