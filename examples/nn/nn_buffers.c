/* SPDX-License-Identifier: Apache-2.0 */
/* Makes, fills and reads buffers of the examples. Every element has 4 bytes. */
#include "nn.h"

clattn_block nn_buffer(struct nn *nn, size_t count)
{
    cl_int error;
    clattn_block block = {clCreateBuffer(nn->cl, CL_MEM_READ_WRITE, count * 4, NULL, &error), 0};
    nn_try(error, "clCreateBuffer");
    nn_zero(nn, block, count);
    return block;
}

static clattn_block buffer_of(struct nn *nn, const void *values, size_t count)
{
    cl_int error;
    clattn_block block = {clCreateBuffer(nn->cl, CL_MEM_READ_WRITE, count * 4, NULL, &error), 0};
    nn_try(error, "clCreateBuffer");
    nn_write(nn, block, values, count);
    return block;
}

clattn_block nn_from_floats(struct nn *nn, const float *values, size_t count)
{
    return buffer_of(nn, values, count);
}

clattn_block nn_from_ints(struct nn *nn, const int32_t *values, size_t count)
{
    return buffer_of(nn, values, count);
}

void nn_release(clattn_block block)
{
    if (block.mem)
        nn_try(clReleaseMemObject(block.mem), "clReleaseMemObject");
}

clattn_block nn_after(clattn_block block, size_t elements)
{
    block.offset += elements;
    return block;
}

void nn_write(struct nn *nn, clattn_block block, const void *values, size_t count)
{
    nn_try(clEnqueueWriteBuffer(nn->queue, block.mem, CL_TRUE, block.offset * 4, count * 4, values, 0, NULL, NULL),
           "clEnqueueWriteBuffer");
}

void nn_read(struct nn *nn, clattn_block block, void *values, size_t count)
{
    nn_try(clEnqueueReadBuffer(nn->queue, block.mem, CL_TRUE, block.offset * 4, count * 4, values, 0, NULL, NULL),
           "clEnqueueReadBuffer");
}

void nn_zero(struct nn *nn, clattn_block block, size_t count)
{
    const cl_uint zero = 0;
    nn_try(clEnqueueFillBuffer(nn->queue, block.mem, &zero, sizeof zero, block.offset * 4, count * 4, 0, NULL, NULL),
           "clEnqueueFillBuffer");
}
