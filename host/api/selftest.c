/* SPDX-License-Identifier: Apache-2.0 */
/* Tests an engine on a device: a small causal float16 problem, forward or gradients, compared with
 * the same computed in double. */
#include "api/trial.h"

#include "plan/plan.h"
#include "select/engine.h"

#include <math.h>
#include <string.h>

enum { QUERIES = 40, KEYS = 100, DEPTH = 64 };

/* The device's tensors, and the exact results. */
struct test {
    cl_ushort q[QUERIES * DEPTH], k[KEYS * DEPTH], v[KEYS * DEPTH], dout[QUERIES * DEPTH];
    cl_ushort out[QUERIES * DEPTH], dq[QUERIES * DEPTH], dk[KEYS * DEPTH], dv[KEYS * DEPTH];
    cl_float lse[QUERIES];
    double exact_out[QUERIES * DEPTH], exact_dq[QUERIES * DEPTH], exact_dk[KEYS * DEPTH], exact_dv[KEYS * DEPTH];
};

/* ---- numbers ---- */

/* To the nearest float16, for |x| < 65504. */
static cl_ushort half_of(double x)
{
    int exponent;
    frexp(x, &exponent); /* |x| in [2^(exponent - 1), 2^exponent) */
    exponent = exponent < -13 ? -13 : exponent;
    const int units = (int)nearbyint(ldexp(fabs(x), 11 - exponent)); /* 2048: the next exponent */
    const int bits = units < 1024 ? units : ((exponent + 14) << 10) + units - 1024;
    return (cl_ushort)(bits | (x < 0.0 ? 0x8000 : 0));
}

static double value_of(cl_ushort half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double magnitude = exponent == 0    ? ldexp(fraction, -24)
                             : exponent == 31 ? (double)NAN
                                              : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

/* Pseudo-random numbers from -most to most, without a pattern over rows of DEPTH. */
static void fill(cl_ushort *data, size_t count, double most, unsigned seed)
{
    for (size_t i = 0; i < count; ++i) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = half_of(((int)(seed >> 24) - 128) / 128.0 * most);
    }
}

/* Dot product of row i of x and row j of y. */
static double dot(const cl_ushort *x, int i, const cl_ushort *y, int j)
{
    double sum = 0.0;
    for (int d = 0; d < DEPTH; ++d)
        sum += value_of(x[i * DEPTH + d]) * value_of(y[j * DEPTH + d]);
    return sum;
}

/* Row i of P over the keys that it sees. Returns their number, and the row's log-sum-exp. */
static int exact_row(const struct test *t, int i, double p[KEYS], double *lse)
{
    double most = -INFINITY, sum = 0.0;
    const int seen = i + KEYS - QUERIES + 1;
    for (int j = 0; j < seen; ++j) {
        p[j] = dot(t->q, i, t->k, j) / sqrt((double)DEPTH);
        most = p[j] > most ? p[j] : most;
    }
    for (int j = 0; j < seen; ++j)
        sum += exp(p[j] - most);
    *lse = most + log(sum);
    for (int j = 0; j < seen; ++j)
        p[j] = exp(p[j] - *lse);
    return seen;
}

/* Adds row i's share of dQ, dK and dV. `out` must be set already, as the device gets it. */
static void add_gradients(struct test *t, int i, const double p[KEYS], int seen)
{
    const double scale = 1.0 / sqrt((double)DEPTH), delta = dot(t->dout, i, t->out, i);
    for (int j = 0; j < seen; ++j) {
        const double ds = p[j] * (dot(t->dout, i, t->v, j) - delta);
        for (int d = 0; d < DEPTH; ++d) {
            t->exact_dq[i * DEPTH + d] += scale * ds * value_of(t->k[j * DEPTH + d]);
            t->exact_dk[j * DEPTH + d] += scale * ds * value_of(t->q[i * DEPTH + d]);
            t->exact_dv[j * DEPTH + d] += p[j] * value_of(t->dout[i * DEPTH + d]);
        }
    }
}

static void make(struct test *t)
{
    double p[KEYS], lse;
    fill(t->q, ARRAY_SIZE(t->q), 2.0, 1);
    fill(t->k, ARRAY_SIZE(t->k), 2.0, 2);
    fill(t->v, ARRAY_SIZE(t->v), 2.0, 3);
    fill(t->dout, ARRAY_SIZE(t->dout), 1.0, 4);
    for (int i = 0; i < QUERIES; ++i) {
        const int seen = exact_row(t, i, p, &lse);
        t->lse[i] = (float)lse;
        for (int d = 0; d < DEPTH; ++d) {
            double *out = &t->exact_out[i * DEPTH + d];
            for (int j = 0; j < seen; ++j)
                *out += p[j] * value_of(t->v[j * DEPTH + d]);
            t->out[i * DEPTH + d] = half_of(*out);
        }
        add_gradients(t, i, p, seen);
    }
}

/* P and dS are rounded to 16 bits, which costs about a thousandth. */
static clattn_status compare(const char *name, const cl_ushort *found, const double *exact, int count)
{
    double most = 0.0;
    for (int i = 0; i < count; ++i)
        most = fabs(exact[i]) > most ? fabs(exact[i]) : most;
    for (int i = 0; i < count; ++i)
        if (!(fabs(value_of(found[i]) - exact[i]) <= 4e-3 * most))
            return clattn__fail(CLATTN_DEVICE_LIMIT, "its %s is wrong (row %d, depth %d: %g instead of %g)", name,
                                i / DEPTH, i % DEPTH, value_of(found[i]), exact[i]);
    return CLATTN_SUCCESS;
}

static clattn_status compare_pass(const struct test *t, unsigned pass)
{
    if (pass == CLATTN_FORWARD)
        return compare("forward", t->out, t->exact_out, QUERIES * DEPTH);
    clattn_status status = compare("dq", t->dq, t->exact_dq, QUERIES * DEPTH);
    if (!status)
        status = compare("dk", t->dk, t->exact_dk, KEYS * DEPTH);
    return status ? status : compare("dv", t->dv, t->exact_dv, KEYS * DEPTH);
}

/* ---- the device ---- */

enum { Q, K, V, DOUT, LSE, OUT, DQ, DK, DV, TENSORS };

static clattn_status enqueue(cl_command_queue queue, const clattn_plan *plan, unsigned pass, const cl_mem *buffers,
                             cl_mem workspace)
{
    clattn_tensors tensors = CLATTN_TENSORS_INIT;
    tensors.q.mem = buffers[Q];
    tensors.k.mem = buffers[K];
    tensors.v.mem = buffers[V];
    tensors.dout.mem = buffers[DOUT];
    tensors.lse.mem = buffers[LSE];
    tensors.out.mem = buffers[OUT];
    tensors.dq.mem = buffers[DQ];
    tensors.dk.mem = buffers[DK];
    tensors.dv.mem = buffers[DV];
    return (pass == CLATTN_FORWARD ? clattn_enqueue_forward : clattn_enqueue_backward)(plan, queue, &tensors, workspace,
                                                                                       0, NULL, NULL);
}

/* Reads the results back, over the inputs of the same tensors. */
static clattn_status read_back(cl_command_queue queue, unsigned pass, const cl_mem *buffers, void *const *data,
                               const size_t *bytes)
{
    cl_int error = CL_SUCCESS;
    const int first = pass == CLATTN_FORWARD ? OUT : DQ, last = pass == CLATTN_FORWARD ? OUT : DV;
    for (int i = first; !error && i <= last; ++i)
        error = clEnqueueReadBuffer(queue, buffers[i], CL_TRUE, 0, bytes[i], data[i], 0, NULL, NULL);
    return error ? clattn__fail_opencl(error, "clEnqueueReadBuffer") : CLATTN_SUCCESS;
}

static clattn_status run(const clattn_context *context, const clattn_plan *plan, unsigned pass, struct test *t)
{
    void *const data[TENSORS + 1] = {t->q, t->k, t->v, t->dout, t->lse, t->out, t->dq, t->dk, t->dv, NULL};
    size_t bytes[TENSORS + 1] = {sizeof t->q,   sizeof t->k,  sizeof t->v,  sizeof t->dout, sizeof t->lse,
                                 sizeof t->out, sizeof t->dq, sizeof t->dk, sizeof t->dv};
    cl_mem buffers[TENSORS + 1];
    cl_int error;
    cl_command_queue queue = clCreateCommandQueue(context->cl, context->id, 0, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateCommandQueue");
    clattn_status status = CLATTN_SUCCESS;
    bytes[TENSORS] = clattn__workspace_bytes(plan, pass);
    size_t count = 0;
    for (; !error && count <= TENSORS; count += !error)
        buffers[count] = clCreateBuffer(context->cl, data[count] ? CL_MEM_COPY_HOST_PTR : 0,
                                        bytes[count] ? bytes[count] : 1, data[count], &error);
    if (error)
        status = clattn__fail_opencl(error, "clCreateBuffer");
    if (!status)
        status = enqueue(queue, plan, pass, buffers, buffers[TENSORS]);
    if (!status)
        status = read_back(queue, pass, buffers, data, bytes);
    clFinish(queue);
    while (count)
        clReleaseMemObject(buffers[--count]);
    clReleaseCommandQueue(queue);
    return status;
}

clattn_status clattn__self_test(clattn_context *context, clattn_engine id, unsigned pass)
{
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    problem.batch = problem.q_heads = problem.kv_heads = problem.kv_splits = problem.score.causal = 1;
    problem.q_len = QUERIES;
    problem.kv_len = KEYS;
    problem.qk_dim = problem.v_dim = DEPTH;
    problem.dtype = CLATTN_FLOAT16;
    struct test *t = clattn__allocate(&context->allocator, sizeof *t);
    if (!t)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to test engine %s", clattn__engine_names[id]);
    make(t);
    clattn_plan *plan;
    clattn_status status = clattn__plan_build(context, id, NULL, &problem, pass, &plan);
    if (!status && pass == CLATTN_FORWARD)
        memset(t->out, 0xff, sizeof t->out);
    if (!status)
        status = run(context, plan, pass, t);
    if (!status)
        status = compare_pass(t, pass);
    if (plan)
        clattn__plan_free(plan);
    clattn__release(&context->allocator, t);
    return status;
}
