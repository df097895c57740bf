#include "measure.h"

#include "check.h"
#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLED_ROWS = 24, MAX_REPEATS = 99 };

struct bench_run {
    const struct bench_device *device;
    const struct test_case *c;
    struct data_set set;
    cl_mem buffers[SLOT_COUNT];
    cl_mem workspace;
    clattn_plan *plan;
    clattn_tensors tensors;
    char message[512]; /* "" while all is well */
};

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

/* FlashAttention counts five products backward where forward has two. A part of the gradients takes its share of them:
 * S and dP serve all, dQ, dK and dV are one each; dV alone does without dP. */
double bench_flops(const clattn_problem *p, unsigned passes, enum bench_pass pass)
{
    const double scores = (double)p->batch * (double)p->q_heads * (double)p->q_len * (double)p->kv_len;
    const double d = 2.0 * (double)p->qk_dim, dv = 2.0 * (double)p->v_dim, visible = p->causal ? 0.5 * scores : scores;
    if (pass == BENCH_FORWARD)
        return visible * (d + dv);
    const double for_ds = passes & (CLATTN_BACKWARD_DQ | CLATTN_BACKWARD_DK) ? dv : 0.0;
    return visible * (d + for_ds + (passes & CLATTN_BACKWARD_DQ ? d : 0.0) + (passes & CLATTN_BACKWARD_DK ? d : 0.0) +
                      (passes & CLATTN_BACKWARD_DV ? dv : 0.0));
}

static int fail(struct bench_run *run, const char *what)
{
    snprintf(run->message, sizeof run->message, "%s: %s", what, clattn_last_error());
    return -1;
}

/* ---- set-up ---- */

static int make_buffers(struct bench_run *run)
{
    for (int i = 0; i < run->set.buffers; ++i) {
        cl_int error;
        run->buffers[i] = clCreateBuffer(run->device->cl, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                         run->set.buffer[i].bytes, run->set.buffer[i].image, &error);
        if (error) {
            run->buffers[i] = NULL;
            snprintf(run->message, sizeof run->message, "clCreateBuffer failed with %d", (int)error);
            return -1;
        }
    }
    return 0;
}

static clattn_tensor tensor_of(const struct bench_run *run, enum data_slot slot)
{
    const struct data_view *view = &run->set.view[slot];
    clattn_tensor tensor = CLATTN_NO_TENSOR;
    if (view->buffer < 0)
        return tensor;
    tensor.mem = run->buffers[view->buffer];
    tensor.offset = view->offset;
    memcpy(tensor.stride, view->stride, sizeof tensor.stride);
    return tensor;
}

static void fill_tensors(struct bench_run *run)
{
    const clattn_tensors none = CLATTN_TENSORS_INIT;
    run->tensors = none;
    run->tensors.q = tensor_of(run, SLOT_Q);
    run->tensors.k = tensor_of(run, SLOT_K);
    run->tensors.v = tensor_of(run, SLOT_V);
    run->tensors.mask = tensor_of(run, SLOT_MASK);
    run->tensors.kv_lengths = tensor_of(run, SLOT_KV_LENGTHS);
    run->tensors.out = tensor_of(run, SLOT_OUT);
    run->tensors.lse = tensor_of(run, SLOT_LSE);
    run->tensors.dout = tensor_of(run, SLOT_DOUT);
    run->tensors.dq = tensor_of(run, SLOT_DQ);
    run->tensors.dk = tensor_of(run, SLOT_DK);
    run->tensors.dv = tensor_of(run, SLOT_DV);
}

static int make_plan(struct bench_run *run, struct bench_result *result)
{
    if (clattn_plan_create(run->device->context, &run->c->problem, run->c->passes, &run->plan))
        return fail(run, "clattn_plan_create");
    size_t forward = 0;
    if (clattn_plan_workspace_size(run->plan, CLATTN_FORWARD, &forward) ||
        clattn_plan_workspace_size(run->plan, CLATTN_BACKWARD, &result->workspace_bytes))
        return fail(run, "clattn_plan_workspace_size");
    result->workspace_bytes = forward > result->workspace_bytes ? forward : result->workspace_bytes;
    if (result->workspace_bytes) {
        cl_int error;
        run->workspace = clCreateBuffer(run->device->cl, CL_MEM_READ_WRITE, result->workspace_bytes, NULL, &error);
        if (error) {
            run->workspace = NULL;
            snprintf(run->message, sizeof run->message, "clCreateBuffer(workspace) failed with %d", (int)error);
            return -1;
        }
    }
    return 0;
}

/* ---- running ---- */

static int run_pass(struct bench_run *run, enum bench_pass pass)
{
    const clattn_status status =
        pass == BENCH_FORWARD
            ? clattn_enqueue_forward(run->plan, run->device->queue, &run->tensors, run->workspace, 0, NULL, NULL)
            : clattn_enqueue_backward(run->plan, run->device->queue, &run->tensors, run->workspace, 0, NULL, NULL);
    if (status)
        return fail(run, pass == BENCH_FORWARD ? "clattn_enqueue_forward" : "clattn_enqueue_backward");
    if (clFinish(run->device->queue)) {
        snprintf(run->message, sizeof run->message, "clFinish failed");
        return -1;
    }
    return 0;
}

static int time_pass(struct bench_run *run, enum bench_pass pass, int repeats, struct bench_result *result)
{
    double seconds[MAX_REPEATS];
    repeats = repeats < 3 ? 3 : repeats > MAX_REPEATS ? MAX_REPEATS : repeats;
    for (int i = 0; i < repeats; ++i) {
        const double start = bench_now();
        if (run_pass(run, pass))
            return -1;
        seconds[i] = bench_now() - start;
    }
    result->median_seconds[pass] = bench_median(seconds, repeats); /* sorts */
    result->fastest_seconds[pass] = seconds[0];
    result->slowest_seconds[pass] = seconds[repeats - 1];
    return 0;
}

/* ---- verifying ---- */

static int read_back(struct bench_run *run)
{
    for (int i = 0; i < run->set.buffers; ++i)
        if (run->set.buffer[i].output &&
            clEnqueueReadBuffer(run->device->queue, run->buffers[i], CL_TRUE, 0, run->set.buffer[i].bytes,
                                run->set.buffer[i].image, 0, NULL, NULL)) {
            snprintf(run->message, sizeof run->message, "clEnqueueReadBuffer failed");
            return -1;
        }
    return 0;
}

static const float *row_of(const struct bench_run *run, enum data_slot slot, size_t b, size_t h, size_t r)
{
    const struct data_view *view = &run->set.view[slot];
    const size_t row = (b * view->dim[1] + h) * view->dim[2] + r;
    return (const float *)(const void *)(run->set.buffer[view->buffer].image + data_row_offset(view, row));
}

static void raise_ratio(double *worst, enum check_tensor tensor, const struct reference_sizes *sizes,
                        const float *found, const double *expected, int64_t count)
{
    const struct check_tolerance tolerance = check_tolerance(tensor, sizes, NULL, 0);
    for (int64_t d = 0; d < count; ++d) {
        const double ratio = check_ratio(tolerance, found[d], expected[d]);
        if (!(ratio <= *worst))
            *worst = ratio;
    }
}

/* out, lse and dq on sampled rows; `expected` has room for a row. */
static int verify_rows(struct bench_run *run, const clattn_arrays *arrays, double *expected,
                       struct bench_result *result)
{
    const clattn_problem *p = &run->c->problem;
    struct check_random random = {run->c->seed + 1};
    for (int sample = 0; sample < SAMPLED_ROWS; ++sample) {
        const int64_t b = check_random_below(&random, p->batch), h = check_random_below(&random, p->q_heads);
        const int64_t i = sample == 0 ? p->q_len - 1 : check_random_below(&random, p->q_len);
        const size_t ub = (size_t)b, uh = (size_t)h, ui = (size_t)i;
        struct reference_sizes sizes = {0};
        double lse;
        if (reference_forward_row(p, arrays, b, h, i, expected, &lse, &sizes))
            return -1;
        raise_ratio(&result->error_ratio[BENCH_FORWARD], CHECK_OUT, &sizes, row_of(run, SLOT_OUT, ub, uh, ui), expected,
                    p->v_dim);
        raise_ratio(&result->error_ratio[BENCH_FORWARD], CHECK_LSE, &sizes, row_of(run, SLOT_LSE, ub, uh, ui), &lse, 1);
        if (!(run->c->passes & CLATTN_BACKWARD_DQ))
            continue;
        if (reference_dq_row(p, arrays, b, h, i, expected, &sizes))
            return -1;
        raise_ratio(&result->error_ratio[BENCH_BACKWARD], CHECK_DQ, &sizes, row_of(run, SLOT_DQ, ub, uh, ui), expected,
                    p->qk_dim);
    }
    return 0;
}

/* dk and dv of the last key head, every row. */
static int verify_group(struct bench_run *run, const clattn_arrays *arrays, double *dk, double *dv,
                        struct bench_result *result)
{
    const clattn_problem *p = &run->c->problem;
    const int64_t b = p->batch - 1, h = p->kv_heads - 1;
    struct reference_sizes sizes = {0};
    if (reference_backward_group(p, arrays, b, h, NULL, dk, dv, &sizes))
        return -1;
    for (int64_t j = 0; j < p->kv_len; ++j) {
        const float *found_dk = row_of(run, SLOT_DK, (size_t)b, (size_t)h, (size_t)j);
        const float *found_dv = row_of(run, SLOT_DV, (size_t)b, (size_t)h, (size_t)j);
        raise_ratio(&result->error_ratio[BENCH_BACKWARD], CHECK_DK, &sizes, found_dk, dk + j * p->qk_dim, p->qk_dim);
        raise_ratio(&result->error_ratio[BENCH_BACKWARD], CHECK_DV, &sizes, found_dv, dv + j * p->v_dim, p->v_dim);
    }
    return 0;
}

static int verify(struct bench_run *run, struct bench_result *result)
{
    const clattn_problem *p = &run->c->problem;
    const unsigned keys = CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV;
    const size_t widest = (size_t)(p->qk_dim > p->v_dim ? p->qk_dim : p->v_dim), rows = (size_t)p->kv_len;
    double *row = malloc(widest * sizeof *row);
    double *dk = malloc(rows * (size_t)p->qk_dim * sizeof *dk), *dv = malloc(rows * (size_t)p->v_dim * sizeof *dv);
    clattn_arrays arrays;
    int bad = !row || !dk || !dv || read_back(run);
    data_arrays(&run->set, &arrays);
    bad = bad || verify_rows(run, &arrays, row, result);
    if (!bad && (run->c->passes & keys) == keys)
        bad = verify_group(run, &arrays, dk, dv, result);
    free(row);
    free(dk);
    free(dv);
    if (bad && !run->message[0])
        snprintf(run->message, sizeof run->message, "out of host memory");
    return bad ? -1 : 0;
}

/* ---- all together ---- */

static int measure(struct bench_run *run, int repeats, struct bench_result *result)
{
    const int backward = (run->c->passes & CLATTN_BACKWARD) != 0;
    if (data_make(run->c, &run->set)) {
        snprintf(run->message, sizeof run->message, "no memory for the case, or its layout does not fit");
        return -1;
    }
    if (make_buffers(run) || make_plan(run, result))
        return -1;
    fill_tensors(run);
    if (run_pass(run, BENCH_FORWARD) || (backward && run_pass(run, BENCH_BACKWARD)) || verify(run, result))
        return -1;
    if (time_pass(run, BENCH_FORWARD, repeats, result))
        return -1;
    return backward ? time_pass(run, BENCH_BACKWARD, repeats, result) : 0;
}

const char *bench_measure(const struct bench_device *device, const struct test_case *c, int repeats,
                          struct bench_result *result)
{
    static struct bench_run run;
    memset(&run, 0, sizeof run);
    memset(result, 0, sizeof *result);
    run.device = device;
    run.c = c;
    const int bad = measure(&run, repeats, result);
    clattn_plan_destroy(run.plan);
    if (run.workspace)
        clReleaseMemObject(run.workspace);
    for (int i = 0; i < SLOT_COUNT; ++i)
        if (run.buffers[i])
            clReleaseMemObject(run.buffers[i]);
    data_free(&run.set);
    return bad ? run.message : NULL;
}
