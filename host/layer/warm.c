/* SPDX-License-Identifier: Apache-2.0 */
/* CLBlast compiles a kernel at the first call that needs it, some CPU drivers at its first launch.
 * So every product of a layer runs once here, on scratch buffers, and later calls compile
 * nothing. */
#include "layer/layer.h"

enum { ROWS = 1024 }; /* enough rows to use every kernel that the layer's rows need */

struct scratch {
    cl_command_queue queue;
    cl_mem operands[3], temporary;
};

/* Reduces the rows to as many as matter, with the same remainder for every tile size. */
static struct clattn__projection shorten(struct clattn__projection projection)
{
    if (projection.rows > 2 * ROWS)
        projection.rows = ROWS + projection.rows % ROWS;
    return projection;
}

/* Bytes of a, b and c of a product. */
static void operand_bytes(const struct clattn__gemm *gemm, size_t bytes[3])
{
    bytes[0] = (size_t)(gemm->m * gemm->k) * sizeof(float);
    bytes[1] = (size_t)(gemm->k * gemm->n) * sizeof(float);
    bytes[2] = (size_t)(gemm->m * gemm->n) * sizeof(float);
}

static clattn_status make_zeroed(const clattn_context *context, cl_command_queue queue, size_t bytes, cl_mem *buffer)
{
    const float zero = 0.0f;
    cl_int error;
    *buffer = clCreateBuffer(context->cl, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error) {
        *buffer = NULL;
        return clattn__fail_opencl(error, "clCreateBuffer(scratch of CLBlast)");
    }
    error = clEnqueueFillBuffer(queue, *buffer, &zero, sizeof zero, 0, bytes, 0, NULL, NULL);
    return error ? clattn__fail_opencl(error, "clEnqueueFillBuffer(scratch of CLBlast)") : CLATTN_SUCCESS;
}

/* Buffers for the largest product, with room for an offset. */
static clattn_status make_scratch(const clattn_context *context, const struct clattn__gemm *gemms, size_t count,
                                  struct scratch *scratch)
{
    size_t most[3] = {0, 0, 0}, most_temporary = sizeof(float);
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < count; ++i) {
        size_t bytes[3], temporary = 0;
        operand_bytes(&gemms[i], bytes);
        status = clattn__gemm_temporary(scratch->queue, &gemms[i], &temporary);
        for (size_t j = 0; j < 3; ++j)
            most[j] = bytes[j] > most[j] ? bytes[j] : most[j];
        most_temporary = temporary > most_temporary ? temporary : most_temporary;
    }
    for (size_t j = 0; !status && j < 3; ++j)
        status = make_zeroed(context, scratch->queue, most[j] + sizeof(float), &scratch->operands[j]);
    if (!status)
        status = make_zeroed(context, scratch->queue, most_temporary, &scratch->temporary);
    return status;
}

/* Runs each product with operands at offset 0 and at another: CLBlast has kernels for both. */
static clattn_status run(const struct scratch *scratch, const struct clattn__gemm *gemms, size_t count)
{
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < 2 * count; ++i) {
        const size_t offset = i % 2;
        const clattn_block a = {scratch->operands[0], offset}, b = {scratch->operands[1], offset};
        const clattn_block c = {scratch->operands[2], offset};
        cl_event event;
        status = clattn__gemm_enqueue(scratch->queue, &gemms[i / 2], a, b, c, i % 4 < 2, scratch->temporary, &event);
        if (!status)
            clReleaseEvent(event);
    }
    const cl_int error = clFinish(scratch->queue);
    return status || !error ? status : clattn__fail_opencl(error, "clFinish");
}

static clattn_status run_blank(const struct scratch *scratch, const struct clattn__blank *blank)
{
    struct clattn__sequence sequence = {.queue = scratch->queue};
    const struct clattn__blank_rows row = {.count = 1,
                                           .partner_width = 1,
                                           .width = 1,
                                           .partner = {scratch->operands[0], 0},
                                           .from = {scratch->operands[1], 0},
                                           .to = {scratch->operands[2], 0}};
    return clattn__sequence_end(&sequence, clattn__blank_enqueue(blank, &sequence, &row), NULL);
}

clattn_status clattn__layer_warm(const clattn_layer_plan *plan, cl_command_queue queue)
{
    const struct clattn__projection projections[] = {shorten(plan->q), shorten(plan->kv), shorten(plan->out)};
    struct clattn__gemm gemms[ARRAY_SIZE(projections) * PROJECTION_GEMMS];
    struct scratch scratch = {.queue = queue};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(projections); ++i)
        count += clattn__projection_gemms(&projections[i], plan->passes, &gemms[count]);
    clattn_status status = make_scratch(plan->context, gemms, count, &scratch);
    if (!status && plan->blank.kernel)
        status = run_blank(&scratch, &plan->blank);
    if (!status)
        status = run(&scratch, gemms, count);
    else
        clFinish(queue);
    for (size_t i = 0; i < ARRAY_SIZE(scratch.operands); ++i)
        if (scratch.operands[i])
            clReleaseMemObject(scratch.operands[i]);
    if (scratch.temporary)
        clReleaseMemObject(scratch.temporary);
    return status;
}
