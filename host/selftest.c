/* Whether an engine's forward is right on a device: a small causal one in float16, against the same in double. */
#include "engine.h"

#include <math.h>

enum { QUERIES = 40, KEYS = 100, DEPTH = 64 };

struct test {
    cl_ushort q[QUERIES * DEPTH], k[KEYS * DEPTH], v[KEYS * DEPTH], out[QUERIES * DEPTH];
    double exact[QUERIES * DEPTH];
};

/* ---- numbers ---- */

/* n / 64 as float16, for |n| < 2048. */
static cl_ushort half_of(int n)
{
    unsigned magnitude = (unsigned)(n < 0 ? -n : n), exponent = 15 - 6 + 10;
    if (!magnitude)
        return 0;
    while (magnitude < 1024) {
        magnitude *= 2;
        --exponent;
    }
    return (cl_ushort)((n < 0 ? 0x8000u : 0u) | exponent << 10 | (magnitude & 1023u));
}

static double value_of(cl_ushort half)
{
    const int exponent = half >> 10 & 31, fraction = half & 1023;
    const double magnitude = exponent == 0    ? ldexp(fraction, -24)
                             : exponent == 31 ? (double)NAN
                                              : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

/* From -2 to 2, by a sequence that has no pattern over rows of DEPTH. */
static void fill(cl_ushort *data, size_t count, unsigned seed)
{
    for (size_t i = 0; i < count; ++i) {
        seed = seed * 1664525u + 1013904223u;
        data[i] = half_of((int)(seed >> 24) - 128);
    }
}

/* Row i of out: softmax over the keys that it sees. */
static void exact_row(struct test *t, int i)
{
    double p[KEYS], most = -INFINITY, sum = 0.0;
    const int seen = i + KEYS - QUERIES + 1;
    for (int j = 0; j < seen; ++j) {
        p[j] = 0.0;
        for (int d = 0; d < DEPTH; ++d)
            p[j] += value_of(t->q[i * DEPTH + d]) * value_of(t->k[j * DEPTH + d]) / sqrt((double)DEPTH);
        most = p[j] > most ? p[j] : most;
    }
    for (int j = 0; j < seen; ++j) {
        p[j] = exp(p[j] - most);
        sum += p[j];
    }
    for (int d = 0; d < DEPTH; ++d)
        for (int j = 0; j < seen; ++j)
            t->exact[i * DEPTH + d] += p[j] / sum * value_of(t->v[j * DEPTH + d]);
}

static clattn_status compare(const struct test *t)
{
    const double tolerance = 4e-3; /* of values up to 2; float16 itself is good for 1e-3 */
    for (int i = 0; i < QUERIES * DEPTH; ++i)
        if (!(fabs(value_of(t->out[i]) - t->exact[i]) <= tolerance))
            return clattn__fail(CLATTN_DEVICE_LIMIT, "its forward is wrong (row %d, depth %d: %g instead of %g)",
                                i / DEPTH, i % DEPTH, value_of(t->out[i]), t->exact[i]);
    return CLATTN_SUCCESS;
}

/* ---- the device ---- */

enum { Q, K, V, OUT, WORKSPACE, BUFFERS };

static clattn_status run_on(cl_command_queue queue, const clattn_plan *plan, const cl_mem *buffers, struct test *t)
{
    clattn_tensors tensors = CLATTN_TENSORS_INIT;
    tensors.q.mem = buffers[Q];
    tensors.k.mem = buffers[K];
    tensors.v.mem = buffers[V];
    tensors.out.mem = buffers[OUT];
    const clattn_status status = clattn_enqueue_forward(plan, queue, &tensors, buffers[WORKSPACE], 0, NULL, NULL);
    if (status)
        return status;
    const cl_int error = clEnqueueReadBuffer(queue, buffers[OUT], CL_TRUE, 0, sizeof t->out, t->out, 0, NULL, NULL);
    return error ? clattn__fail_opencl(error, "clEnqueueReadBuffer") : CLATTN_SUCCESS;
}

static clattn_status run(const clattn_context *context, const clattn_plan *plan, struct test *t)
{
    void *const data[BUFFERS] = {t->q, t->k, t->v, t->out, NULL};
    size_t bytes[BUFFERS] = {sizeof t->q, sizeof t->k, sizeof t->v, sizeof t->out};
    cl_mem buffers[BUFFERS];
    cl_int error;
    cl_command_queue queue = clCreateCommandQueue(context->cl, context->id, 0, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateCommandQueue");
    size_t count = 0;
    clattn_status status = clattn_plan_workspace_size(plan, CLATTN_FORWARD, &bytes[WORKSPACE]);
    for (; !error && count < BUFFERS; count += !error)
        buffers[count] = clCreateBuffer(context->cl, data[count] ? CL_MEM_COPY_HOST_PTR : 0,
                                        bytes[count] ? bytes[count] : 1, data[count], &error);
    if (!status)
        status = error ? clattn__fail_opencl(error, "clCreateBuffer") : run_on(queue, plan, buffers, t);
    while (count)
        clReleaseMemObject(buffers[--count]);
    clReleaseCommandQueue(queue);
    return status;
}

clattn_status clattn__self_test(clattn_context *context, clattn_engine id)
{
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    problem.batch = problem.q_heads = problem.kv_heads = problem.kv_splits = problem.causal = 1;
    problem.q_len = QUERIES;
    problem.kv_len = KEYS;
    problem.qk_dim = problem.v_dim = DEPTH;
    problem.dtype = CLATTN_FLOAT16;
    struct test *t = clattn__allocate(&context->allocator, sizeof *t);
    if (!t)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to test engine %s", clattn__engine_names[id]);
    fill(t->q, ARRAY_SIZE(t->q), 1);
    fill(t->k, ARRAY_SIZE(t->k), 2);
    fill(t->v, ARRAY_SIZE(t->v), 3);
    for (int i = 0; i < QUERIES; ++i)
        exact_row(t, i);
    clattn_plan *plan;
    clattn_status status = clattn__plan_create_by(context, id, &problem, CLATTN_FORWARD, &plan);
    if (!status)
        status = run(context, plan, t);
    if (!status)
        status = compare(t);
    clattn_plan_destroy(plan);
    clattn__release(&context->allocator, t);
    return status;
}
