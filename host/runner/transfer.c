/* SPDX-License-Identifier: Apache-2.0 */
/* Copies host arrays to device buffers and back. */
#include "runner/runner.h"

#include <string.h>

clattn_array clattn__input_array(const clattn_const_array *array)
{
    clattn_array input = {.data = (void *)(uintptr_t)array->data};
    memcpy(input.stride, array->stride, sizeof input.stride);
    return input;
}

/* Makes the view of an array, by host addresses. */
static clattn_status bind_array(struct clattn__transfer *transfer, size_t at)
{
    const struct clattn__tensor_slot *slot = &transfer->slots[at];
    struct clattn__view *view = &transfer->views[at];
    clattn_array *array = &transfer->arrays[at];
    const uint64_t most = CLATTN__MOST_STRIDE;
    if (array->stride[0] > most || array->stride[1] > most || array->stride[2] > most)
        return clattn__fail(CLATTN_INVALID_SIZE, "a stride of %s exceeds 2^58 elements", slot->name);
    const clattn_status status = clattn__slot_strides_check(slot, array->stride);
    if (status)
        return status;
    if (!clattn__slot_view(slot, array->stride, view) || clattn__view_extent(view) < 0)
        return clattn__fail(CLATTN_INVALID_SIZE, "the strides of %s reach past 2^62 bytes", slot->name);
    view->base = (int64_t)(intptr_t)array->data;
    for (size_t i = 0; i < 3; ++i)
        array->stride[i] = (size_t)view->stride[i] / slot->element_bytes;
    return CLATTN_SUCCESS;
}

clattn_status clattn__transfer_bind(struct clattn__transfer *transfer)
{
    size_t given = 0; /* only arrays with data can overlap on the host */
    struct clattn__view present[LAYER_TENSOR_SLOT_COUNT];
    for (size_t i = 0; i < transfer->count; ++i) {
        const clattn_status status = bind_array(transfer, i);
        if (status)
            return status;
        if (transfer->arrays[i].data)
            present[given++] = transfer->views[i];
    }
    return clattn__views_check_overlap(present, given);
}

clattn_status clattn__transfer_buffer(struct clattn__transfer *transfer, const char *name, size_t bytes, cl_mem *buffer)
{
    cl_int error;
    *buffer = clCreateBuffer(transfer->runner->cl, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error) {
        *buffer = NULL;
        char call[64] = "clCreateBuffer(";
        strcat(strcat(call, name), ")");
        return clattn__fail_opencl(error, call);
    }
    transfer->device_bytes += bytes;
    return CLATTN_SUCCESS;
}

clattn_status clattn__transfer_upload(struct clattn__transfer *transfer)
{
    for (size_t i = 0; i < transfer->count; ++i) {
        const struct clattn__tensor_slot *slot = &transfer->slots[i];
        const size_t bytes = (size_t)clattn__view_extent(&transfer->views[i]);
        if (!transfer->arrays[i].data && slot->optional)
            continue;
        const clattn_status status = clattn__transfer_buffer(transfer, slot->name, bytes, &transfer->buffers[i]);
        if (status)
            return status;
        if (slot->use == TENSOR_INPUT || transfer->updated[i]) {
            const cl_int error = clEnqueueWriteBuffer(transfer->runner->queue, transfer->buffers[i], CL_FALSE, 0, bytes,
                                                      transfer->arrays[i].data, 0, NULL, NULL);
            if (error)
                return clattn__fail_opencl(error, "clEnqueueWriteBuffer");
        }
    }
    return CLATTN_SUCCESS;
}

/* Copies an output's elements, and nothing between them, from its span on the device. */
static void scatter(const struct clattn__view *view, const char *span, char *data)
{
    for (int64_t b = 0; b < view->count[0]; ++b)
        for (int64_t h = 0; h < view->count[1]; ++h)
            for (int64_t r = 0; r < view->count[2]; ++r) {
                const int64_t at = b * view->stride[0] + h * view->stride[1] + r * view->stride[2];
                memcpy(data + at, span + at, (size_t)view->run);
            }
}

/* Reads all outputs before it writes the first, so that a failure does not change the caller's
 * arrays. */
clattn_status clattn__transfer_download(const struct clattn__transfer *transfer)
{
    const clattn_allocator *allocator = &transfer->runner->allocator;
    char *spans[LAYER_TENSOR_SLOT_COUNT] = {NULL};
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < transfer->count; ++i) {
        if (transfer->slots[i].use != TENSOR_OUTPUT || !transfer->arrays[i].data)
            continue;
        const size_t bytes = (size_t)clattn__view_extent(&transfer->views[i]);
        spans[i] = clattn__allocate(allocator, bytes);
        if (!spans[i])
            status = clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to read back %s, %zu bytes", transfer->slots[i].name,
                                  bytes);
        const cl_int error = status ? CL_SUCCESS
                                    : clEnqueueReadBuffer(transfer->runner->queue, transfer->buffers[i], CL_TRUE, 0,
                                                          bytes, spans[i], 0, NULL, NULL);
        if (error)
            status = clattn__fail_opencl(error, "clEnqueueReadBuffer");
    }
    for (size_t i = 0; i < transfer->count; ++i) {
        if (!status && spans[i])
            scatter(&transfer->views[i], spans[i], transfer->arrays[i].data);
        clattn__release(allocator, spans[i]);
    }
    return status;
}

void clattn__transfer_release(struct clattn__transfer *transfer)
{
    for (size_t i = 0; i < transfer->count; ++i)
        if (transfer->buffers[i])
            clReleaseMemObject(transfer->buffers[i]);
}
