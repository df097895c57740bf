/* SPDX-License-Identifier: Apache-2.0 */
/* Projections by matrix products. A bias is a product too: forward ones (rows,1) times b (1,out),
 * backward ones (1,rows) times dy (rows,out). */
#include "layer/projection.h"

/* ---- order ---- */

clattn_status clattn__sequence_begin(struct clattn__sequence *sequence, cl_command_queue queue, cl_uint wait_count,
                                     const cl_event *wait_list)
{
    cl_command_queue_properties properties = 0;
    const cl_int error = clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
    if (error)
        return clattn__fail_opencl(error, "clGetCommandQueueInfo(queue)");
    *sequence = (struct clattn__sequence){.queue = queue, .wait_count = wait_count, .wait_list = wait_list};
    sequence->out_of_order = properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;
    return CLATTN_SUCCESS;
}

void clattn__sequence_waits(const struct clattn__sequence *sequence, cl_uint *wait_count, const cl_event **wait_list)
{
    *wait_count = sequence->last ? 1 : sequence->wait_count;
    *wait_list = sequence->last ? &sequence->last : sequence->wait_list;
}

void clattn__sequence_advance(struct clattn__sequence *sequence, cl_event event)
{
    if (sequence->last)
        clReleaseEvent(sequence->last);
    sequence->last = event;
}

/* Enqueues a barrier before a command that takes no wait list, unless the queue's order
 * suffices. */
static clattn_status hold(struct clattn__sequence *sequence)
{
    cl_uint wait_count;
    const cl_event *wait_list;
    clattn__sequence_waits(sequence, &wait_count, &wait_list);
    if (!wait_count || (sequence->last && !sequence->out_of_order))
        return CLATTN_SUCCESS;
    const cl_int error = clEnqueueBarrierWithWaitList(sequence->queue, wait_count, wait_list, NULL);
    return error ? clattn__fail_opencl(error, "clEnqueueBarrierWithWaitList") : CLATTN_SUCCESS;
}

clattn_status clattn__sequence_fill_ones(struct clattn__sequence *sequence, int64_t count)
{
    const float one = 1.0f;
    cl_uint wait_count;
    const cl_event *wait_list;
    cl_event event;
    clattn__sequence_waits(sequence, &wait_count, &wait_list);
    const cl_int error =
        clEnqueueFillBuffer(sequence->queue, sequence->ones.mem, &one, sizeof one, sequence->ones.offset * sizeof one,
                            (size_t)count * sizeof one, wait_count, wait_list, &event);
    if (error)
        return clattn__fail_opencl(error, "clEnqueueFillBuffer(workspace)");
    clattn__sequence_advance(sequence, event);
    return CLATTN_SUCCESS;
}

clattn_status clattn__sequence_end(struct clattn__sequence *sequence, clattn_status status, cl_event *event)
{
    if (!status && event)
        *event = sequence->last;
    else if (sequence->last)
        clReleaseEvent(sequence->last);
    return status;
}

/* ---- products ---- */

static struct clattn__gemm gemm_forward(const struct clattn__projection *p)
{
    return (struct clattn__gemm){.b_transposed = true, .m = p->rows, .n = p->out, .k = p->in};
}

static struct clattn__gemm gemm_bias(const struct clattn__projection *p)
{
    return (struct clattn__gemm){.m = p->rows, .n = p->out, .k = 1};
}

static struct clattn__gemm gemm_dx(const struct clattn__projection *p)
{
    return (struct clattn__gemm){.m = p->rows, .n = p->in, .k = p->out};
}

static struct clattn__gemm gemm_dw(const struct clattn__projection *p)
{
    return (struct clattn__gemm){.a_transposed = true, .m = p->out, .n = p->in, .k = p->rows};
}

static struct clattn__gemm gemm_db(const struct clattn__projection *p)
{
    return (struct clattn__gemm){.m = 1, .n = p->out, .k = p->rows};
}

size_t clattn__projection_gemms(const struct clattn__projection *projection, unsigned passes,
                                struct clattn__gemm gemms[PROJECTION_GEMMS])
{
    size_t count = 0;
    if (passes & CLATTN_FORWARD) {
        gemms[count++] = gemm_bias(projection);
        gemms[count++] = gemm_forward(projection);
    }
    if (passes & CLATTN_BACKWARD) {
        gemms[count++] = gemm_dx(projection);
        gemms[count++] = gemm_dw(projection);
        gemms[count++] = gemm_db(projection);
    }
    return count;
}

/* c = a b, or c += a b with `add`, after all commands of the sequence. */
static clattn_status multiply(struct clattn__sequence *sequence, struct clattn__gemm gemm, clattn_block a,
                              clattn_block b, clattn_block c, bool add)
{
    cl_event event;
    clattn_status status = hold(sequence);
    if (!status)
        status = clattn__gemm_enqueue(sequence->queue, &gemm, a, b, c, add, sequence->temporary, &event);
    if (!status)
        clattn__sequence_advance(sequence, event);
    return status;
}

clattn_status clattn__projection_forward(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                         clattn_block x, clattn_block w, clattn_block b, clattn_block y)
{
    clattn_status status = CLATTN_SUCCESS;
    if (b.mem)
        status = multiply(sequence, gemm_bias(projection), sequence->ones, b, y, false);
    if (!status)
        status = multiply(sequence, gemm_forward(projection), x, w, y, b.mem != NULL);
    return status;
}

clattn_status clattn__projection_dx(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                    clattn_block dy, clattn_block w, clattn_block dx, bool add)
{
    return multiply(sequence, gemm_dx(projection), dy, w, dx, add);
}

clattn_status clattn__projection_dw(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                    clattn_block dy, clattn_block x, clattn_block dw, clattn_block db, bool add)
{
    clattn_status status = CLATTN_SUCCESS;
    if (dw.mem)
        status = multiply(sequence, gemm_dw(projection), dy, x, dw, add);
    if (!status && db.mem)
        status = multiply(sequence, gemm_db(projection), sequence->ones, dy, db, add);
    return status;
}
