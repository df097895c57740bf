/* SPDX-License-Identifier: Apache-2.0 */
/* Attention on the program's own OpenCL objects: a plan, then forward and backward on its queue and
 * buffers, ordered by events. Q, K and V are packed in one float16 buffer (B,N,Hq+2Hk,D), the
 * layout of a single projection of hidden states, with two query heads per key head. Gradients go
 * to a second buffer of the same layout.
 *
 *   enqueue [DEVICE]   as for clattn_find_device; exit status 1 if results differ from a plain loop in double */
#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120 /* the program itself needs no more */
#endif
#include <clattn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 2, N = 50, HQ = 4, HK = 2, D = 32 };
enum { ROW = (HQ + 2 * HK) * D, PACKED = B * N * ROW }; /* elements of a token; of the buffer */
enum { OUT_ROW = HQ * D, OUT = B * N * OUT_ROW };       /* out and its gradient are (B,N,Hq,D) */
enum { LSE = B * HQ * N };

/* ---- the device: everything that has to be released ---- */

struct program {
    cl_context cl;
    cl_command_queue queue;
    clattn_context *context;
    clattn_plan *plan;
    cl_mem qkv, out, lse, dout, dqkv, workspace;
};

/* 1, after a message on stderr, if `status` is an error. */
static int failed(clattn_status status, const char *what)
{
    if (status)
        fprintf(stderr, "%s: %s: %s\n", what, clattn_status_name(status), clattn_last_error());
    return status != CLATTN_SUCCESS;
}

static int cl_failed(cl_int error, const char *what)
{
    if (error)
        fprintf(stderr, "%s: OpenCL error %d\n", what, (int)error);
    return error != CL_SUCCESS;
}

/* Makes an out-of-order queue if the device supports it. Events order the commands on either
 * kind. */
static int make_queue(struct program *p, cl_device_id device)
{
    cl_command_queue_properties can = 0;
    cl_int error = clGetDeviceInfo(device, CL_DEVICE_QUEUE_PROPERTIES, sizeof can, &can, NULL);
    if (!error)
        p->cl = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    if (!error)
        p->queue = clCreateCommandQueue(p->cl, device, can & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &error);
    return cl_failed(error, "context and queue");
}

static int make_plan(struct program *p, cl_device_id device)
{
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    problem.batch = B;
    problem.q_heads = HQ;
    problem.kv_heads = HK;
    problem.q_len = problem.kv_len = N;
    problem.qk_dim = problem.v_dim = D;
    problem.dtype = CLATTN_FLOAT16;
    problem.score.causal = 1;
    return failed(clattn_context_create(p->cl, device, NULL, &p->context), "context") ||
           failed(clattn_plan_create(p->context, &problem, CLATTN_FORWARD | CLATTN_BACKWARD, &p->plan), "plan");
}

static int make_buffer(const struct program *p, size_t bytes, cl_mem *buffer)
{
    cl_int error;
    *buffer = clCreateBuffer(p->cl, CL_MEM_READ_WRITE, bytes, NULL, &error);
    return cl_failed(error, "buffer");
}

/* Both passes share one workspace, as backward waits for forward. */
static int make_buffers(struct program *p)
{
    size_t forward, backward;
    if (failed(clattn_plan_workspace_size(p->plan, CLATTN_FORWARD, &forward), "workspace of forward") ||
        failed(clattn_plan_workspace_size(p->plan, CLATTN_BACKWARD, &backward), "workspace of backward"))
        return 1;
    const size_t workspace = forward > backward ? forward : backward;
    return make_buffer(p, PACKED * sizeof(uint16_t), &p->qkv) || make_buffer(p, OUT * sizeof(uint16_t), &p->out) ||
           make_buffer(p, LSE * sizeof(float), &p->lse) || make_buffer(p, OUT * sizeof(uint16_t), &p->dout) ||
           make_buffer(p, PACKED * sizeof(uint16_t), &p->dqkv) ||
           (workspace && make_buffer(p, workspace, &p->workspace));
}

static void release(struct program *p)
{
    const cl_mem buffers[] = {p->qkv, p->out, p->lse, p->dout, p->dqkv, p->workspace};
    if (p->queue)
        clFinish(p->queue); /* after a failure, copies from and to host arrays may still run */
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; ++i)
        if (buffers[i])
            clReleaseMemObject(buffers[i]);
    clattn_plan_destroy(p->plan);
    clattn_context_destroy(p->context);
    if (p->queue)
        clReleaseCommandQueue(p->queue);
    if (p->cl)
        clReleaseContext(p->cl);
}

/* ---- the calls ---- */

/* Heads from `head` on, of a packed buffer (B,N,Hq+2Hk,D). */
static clattn_tensor packed(cl_mem mem, size_t head)
{
    const clattn_tensor tensor = {.mem = mem, .offset = head * D, .stride = {N * ROW, D, ROW}}; /* batch, head, token */
    return tensor;
}

static clattn_tensors make_tensors(const struct program *p)
{
    const clattn_tensor out = {.mem = p->out, .stride = {N * OUT_ROW, D, OUT_ROW}},
                        dout = {.mem = p->dout, .stride = {N * OUT_ROW, D, OUT_ROW}};
    clattn_tensors tensors = CLATTN_TENSORS_INIT;
    tensors.q = packed(p->qkv, 0);
    tensors.k = packed(p->qkv, HQ);
    tensors.v = packed(p->qkv, HQ + HK);
    tensors.out = out;
    tensors.lse.mem = p->lse; /* strides of 0: contiguous */
    tensors.dout = dout;
    tensors.dq = packed(p->dqkv, 0);
    tensors.dk = packed(p->dqkv, HQ);
    tensors.dv = packed(p->dqkv, HQ + HK);
    return tensors;
}

/* Events of the commands. */
enum { WRITE_QKV, WRITE_DOUT, FORWARD, BACKWARD, EVENTS };

/* Only the last two calls, which read results, wait. */
static int enqueue(const struct program *p, const uint16_t *qkv, const uint16_t *dout, uint16_t *out, uint16_t *dqkv,
                   cl_event events[EVENTS])
{
    const clattn_tensors tensors = make_tensors(p);
    if (cl_failed(
            clEnqueueWriteBuffer(p->queue, p->qkv, CL_FALSE, 0, PACKED * sizeof *qkv, qkv, 0, NULL, &events[WRITE_QKV]),
            "write qkv") ||
        cl_failed(clEnqueueWriteBuffer(p->queue, p->dout, CL_FALSE, 0, OUT * sizeof *dout, dout, 0, NULL,
                                       &events[WRITE_DOUT]),
                  "write dout"))
        return 1;
    if (failed(
            clattn_enqueue_forward(p->plan, p->queue, &tensors, p->workspace, 1, &events[WRITE_QKV], &events[FORWARD]),
            "forward"))
        return 1;
    const cl_event before_backward[] = {events[WRITE_DOUT], events[FORWARD]};
    if (failed(
            clattn_enqueue_backward(p->plan, p->queue, &tensors, p->workspace, 2, before_backward, &events[BACKWARD]),
            "backward"))
        return 1;
    return cl_failed(
               clEnqueueReadBuffer(p->queue, p->out, CL_TRUE, 0, OUT * sizeof *out, out, 1, &events[FORWARD], NULL),
               "read out") ||
           cl_failed(clEnqueueReadBuffer(p->queue, p->dqkv, CL_TRUE, 0, PACKED * sizeof *dqkv, dqkv, 1,
                                         &events[BACKWARD], NULL),
                     "read dqkv");
}

static int run(const char *which, const uint16_t *qkv, const uint16_t *dout, uint16_t *out, uint16_t *dqkv)
{
    struct program p = {NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL};
    cl_event events[EVENTS] = {NULL, NULL, NULL, NULL};
    cl_device_id device;
    const int bad = failed(clattn_find_device(which, &device), "device") || make_queue(&p, device) ||
                    make_plan(&p, device) || make_buffers(&p) || enqueue(&p, qkv, dout, out, dqkv, events);
    if (!bad)
        printf("%s", clattn_plan_describe(p.plan));
    release(&p);
    for (size_t i = 0; i < EVENTS; ++i)
        if (events[i])
            clReleaseEvent(events[i]);
    return bad;
}

/* ---- the same in double ---- */

/* Index of the row of head `head` (of Hq + 2 Hk) of token n. */
static size_t at(int b, int n, int head)
{
    return ((size_t)b * N + (size_t)n) * ROW + (size_t)head * D;
}

static double dot(const float *x, const float *y)
{
    double sum = 0.0;
    for (int d = 0; d < D; ++d)
        sum += (double)x[d] * (double)y[d];
    return sum;
}

/* Computes a query's row of out, and adds its terms to the gradients. */
static void add_query(const float *qkv, const float *dout, double *out, double *dqkv, int b, int h, int i)
{
    const int k_head = HQ + h / (HQ / HK), v_head = k_head + HK;
    const double scale = 1.0 / sqrt((double)D);
    const size_t q = at(b, i, h), o = ((size_t)b * N + (size_t)i) * OUT_ROW + (size_t)h * D;
    double P[N], most = -INFINITY, sum = 0.0, delta = 0.0;
    for (int j = 0; j <= i; ++j) {
        P[j] = scale * dot(&qkv[q], &qkv[at(b, j, k_head)]);
        most = fmax(most, P[j]);
    }
    for (int j = 0; j <= i; ++j)
        sum += P[j] = exp(P[j] - most);
    for (int j = 0; j <= i; ++j) {
        P[j] /= sum;
        for (int d = 0; d < D; ++d)
            out[o + (size_t)d] += P[j] * (double)qkv[at(b, j, v_head) + (size_t)d];
        delta += P[j] * dot(&dout[o], &qkv[at(b, j, v_head)]);
    }
    for (int j = 0; j <= i; ++j) {
        const size_t k = at(b, j, k_head), v = at(b, j, v_head);
        const double dS = scale * P[j] * (dot(&dout[o], &qkv[v]) - delta);
        for (size_t d = 0; d < D; ++d) {
            dqkv[q + d] += dS * (double)qkv[k + d];
            dqkv[k + d] += dS * (double)qkv[q + d];
            dqkv[v + d] += P[j] * (double)dout[o + d];
        }
    }
}

/* Compares heads first .. last - 1 in rows of `row` elements. The tolerance, 1/250 of the largest
 * element, covers only the float16 roundings. */
static int compare(const char *name, const float *found, const double *expected, size_t row, size_t first, size_t last)
{
    double size = 0.0, error = 0.0;
    int bad = 0;
    for (size_t n = 0; n < (size_t)B * N; ++n)
        for (size_t d = first * D; d < last * D; ++d)
            size = fmax(size, fabs(expected[n * row + d]));
    for (size_t n = 0; n < (size_t)B * N; ++n)
        for (size_t d = first * D; d < last * D; ++d) {
            const double difference = fabs((double)found[n * row + d] - expected[n * row + d]);
            bad |= !(difference <= 4e-3 * size); /* NaN too */
            error = fmax(error, difference);
        }
    printf("%-4s off by at most %.1e of its largest element\n", name, error / size);
    return bad;
}

static int check(const float *qkv, const float *dout, const float *out, const float *dqkv)
{
    static double exact_out[OUT], exact_dqkv[PACKED];
    for (int b = 0; b < B; ++b)
        for (int h = 0; h < HQ; ++h)
            for (int i = 0; i < N; ++i)
                add_query(qkv, dout, exact_out, exact_dqkv, b, h, i);
    int bad = compare("out", out, exact_out, OUT_ROW, 0, HQ);
    bad |= compare("dq", dqkv, exact_dqkv, ROW, 0, HQ);
    bad |= compare("dk", dqkv, exact_dqkv, ROW, HQ, HQ + HK);
    bad |= compare("dv", dqkv, exact_dqkv, ROW, HQ + HK, HQ + 2 * HK);
    return bad;
}

/* Fills with float16 numbers within +-1; x gets the same numbers as floats. */
static void fill(float *x, uint16_t *halves, size_t count)
{
    for (size_t i = 0; i < count; ++i)
        x[i] = 2.0f * (float)rand() / (float)RAND_MAX - 1.0f;
    clattn_float_to_float16(x, halves, count);
    clattn_float16_to_float(halves, x, count);
}

int main(int argc, char **argv)
{
    static float qkv[PACKED], dout[OUT], out[OUT], dqkv[PACKED];
    static uint16_t half_qkv[PACKED], half_dout[OUT], half_out[OUT], half_dqkv[PACKED];
    fill(qkv, half_qkv, PACKED);
    fill(dout, half_dout, OUT);
    if (run(argc > 1 ? argv[1] : NULL, half_qkv, half_dout, half_out, half_dqkv))
        return 1;
    clattn_float16_to_float(half_out, out, OUT);
    clattn_float16_to_float(half_dqkv, dqkv, PACKED);
    if (check(qkv, dout, out, dqkv)) {
        fprintf(stderr, "results are wrong\n");
        return 1;
    }
    printf("The device and plain loops in double agree.\n");
    return 0;
}
