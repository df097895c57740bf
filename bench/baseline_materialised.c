/* SPDX-License-Identifier: Apache-2.0 */
/* S = Q K^T and O = P V by CLBlast, as one batch over all key heads: the query heads of a group are
 * rows of one product. */
#include "baseline.h"

#include <stdio.h>

#ifdef HAVE_CLBLAST

#include "kernels.h"

#include <clblast_c.h>
#include <stdlib.h>
#include <string.h>

struct materialised {
    struct bench_measured *m;
    cl_kernel softmax;
    cl_mem scores, out; /* (B,Hq,N,M), (B,Hq,N,Dv) */
    size_t batch, rows; /* B Hk; N Hq / Hk */
};

static size_t score_count(const clattn_problem *p)
{
    return (size_t)p->batch * (size_t)p->q_heads * (size_t)p->q_len * (size_t)p->kv_len;
}

int bench_materialised_exists(const struct bench_device *device)
{
    (void)device;
    return 1;
}

void bench_materialised_end(void)
{
    CLBlastClearCache();
}

static int fits(struct bench_measured *m)
{
    const size_t count = score_count(&m->c.problem), bytes = count * sizeof(cl_float);
    const char *why = NULL;
    if (count > INT32_MAX)
        why = "are more than CLBlast's 32 bits count";
    else if (bytes > m->device->most_bytes)
        why = "are more than one buffer of the device holds";
    else if (bytes + m->sets.bytes * (size_t)m->sets.count > m->device->global_bytes / 10 * 9)
        why = "do not fit the device's memory";
    if (why)
        snprintf(m->message, sizeof m->message, "the %.2f GiB of scores %s", (double)bytes / (1 << 30), why);
    return !why;
}

/* ---- the three kernels ---- */

static int check(struct bench_measured *m, CLBlastStatusCode code)
{
    if (code == CLBlastSuccess)
        return 0;
    snprintf(m->message, sizeof m->message, "CLBlastSgemmStridedBatched failed with its status %d", (int)code);
    return -1;
}

static int enqueue_softmax(const struct materialised *x, cl_command_queue queue)
{
    const clattn_problem *p = &x->m->c.problem;
    const cl_long sizes[3] = {p->q_len, p->kv_len, bench_baseline_diagonal(p)};
    const cl_float scale = bench_baseline_scale(p);
    const size_t local = x->m->device->is_cpu ? 1 : 256, global = local * x->batch * x->rows;
    cl_int error = clSetKernelArg(x->softmax, 0, sizeof x->scores, &x->scores);
    for (cl_uint i = 0; i < 3 && !error; ++i)
        error = clSetKernelArg(x->softmax, i + 1, sizeof sizes[i], &sizes[i]);
    if (!error)
        error = clSetKernelArg(x->softmax, 4, sizeof scale, &scale);
    if (!error)
        error = clEnqueueNDRangeKernel(queue, x->softmax, 1, NULL, &global, &local, 0, NULL, NULL);
    return error ? bench_fail_opencl(error, "the softmax kernel", x->m->message) : 0;
}

static int enqueue(void *self, cl_command_queue queue, int set)
{
    const struct materialised *x = self;
    const clattn_problem *p = &x->m->c.problem;
    const clattn_tensors t = bench_sets_tensors(&x->m->sets, set);
    const size_t m = (size_t)p->kv_len, d = (size_t)p->qk_dim, dv = (size_t)p->v_dim, rows = x->rows;
    if (check(x->m, CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeYes, rows, m,
                                               d, 1.0f, t.q.mem, t.q.offset, d, rows * d, t.k.mem, t.k.offset, d, m * d,
                                               0.0f, x->scores, 0, m, rows * m, x->batch, &queue, NULL)) ||
        enqueue_softmax(x, queue))
        return -1;
    return check(x->m, CLBlastSgemmStridedBatched(CLBlastLayoutRowMajor, CLBlastTransposeNo, CLBlastTransposeNo, rows,
                                                  dv, m, 1.0f, x->scores, 0, m, rows * m, t.v.mem, t.v.offset, dv,
                                                  m * dv, 0.0f, x->out, 0, dv, rows * dv, x->batch, &queue, NULL));
}

/* ---- all together ---- */

/* Creating a clattn layer plan sets CLBlast's parameters for a CPU in the whole process; CLBlast
 * has none for CPUs. If that fails, CLBlast is slower but still correct. */
static void suit_cpu(struct bench_measured *m)
{
    static int done;
    clattn_layer layer = CLATTN_LAYER_INIT;
    clattn_layer_plan *plan = NULL;
    if (done || !m->device->is_cpu)
        return;
    done = 1;
    layer.batch = layer.heads = 1;
    layer.len = layer.dim = layer.dim_head = 16;
    clattn_layer_plan_create(m->device->context, &layer, CLATTN_FORWARD, &plan);
    clattn_layer_plan_destroy(plan);
}

static int begin(struct materialised *x, struct bench_measured *m)
{
    const clattn_problem *p = &m->c.problem;
    const size_t out_bytes = data_count(&m->data.view[SLOT_OUT]) * sizeof(cl_float);
    memset(x, 0, sizeof *x);
    x->m = m;
    x->batch = (size_t)(p->batch * p->kv_heads);
    x->rows = (size_t)(p->q_heads / p->kv_heads * p->q_len);
    suit_cpu(m);
    x->softmax = bench_kernel(m->device, bench_softmax_cl, "softmax",
                              m->device->is_cpu ? "-DGROUP=1 -DWIDTH=16" : "-DGROUP=256 -DWIDTH=1", m->message);
    if (x->softmax)
        x->scores = bench_buffer(m->device, score_count(p) * sizeof(cl_float), m->message);
    if (x->scores)
        x->out = bench_buffer(m->device, out_bytes, m->message);
    return x->out ? 0 : -1;
}

static void end(struct materialised *x)
{
    if (x->softmax)
        clReleaseKernel(x->softmax);
    if (x->scores)
        clReleaseMemObject(x->scores);
    if (x->out)
        clReleaseMemObject(x->out);
}

static int verify(struct materialised *x, struct bench_row *row)
{
    const size_t bytes = data_count(&x->m->data.view[SLOT_OUT]) * sizeof(float);
    float *out = malloc(bytes);
    int bad = -1;
    if (!out)
        snprintf(x->m->message, sizeof x->m->message, "out of host memory");
    else if (enqueue(x, x->m->device->plain, 0) == 0) {
        const cl_int error = clEnqueueReadBuffer(x->m->device->plain, x->out, CL_TRUE, 0, bytes, out, 0, NULL, NULL);
        bad = error ? bench_fail_opencl(error, "clEnqueueReadBuffer", x->m->message)
                    : bench_baseline_verify(x->m, out, row);
    }
    free(out);
    return bad;
}

enum bench_outcome bench_materialised_measure(struct bench_measured *m, int repeats, struct bench_row *row)
{
    struct materialised x;
    int last_set;
    if (!bench_baseline_accepts(m) || !fits(m))
        return BENCH_SKIPPED;
    bench_measure_row(m, BENCH_FORWARD, "materialised", row);
    row->workspace_bytes = score_count(&m->c.problem) * sizeof(cl_float);
    int bad = begin(&x, m);
    const enum bench_outcome failed = bad ? BENCH_SKIPPED : BENCH_FAILED; /* without buffers it cannot run here */
    bad = bad || verify(&x, row) ||
          bench_time(m->clock, enqueue, &x, m->sets.count, repeats, &row->clocks, &last_set, m->message);
    end(&x);
    return bad ? failed : BENCH_TIMED;
}

#else

int bench_materialised_exists(const struct bench_device *device)
{
    (void)device;
    return 0;
}

enum bench_outcome bench_materialised_measure(struct bench_measured *m, int repeats, struct bench_row *row)
{
    (void)repeats;
    (void)row;
    snprintf(m->message, sizeof m->message, "not in this build");
    return BENCH_SKIPPED;
}

void bench_materialised_end(void)
{
}

#endif
