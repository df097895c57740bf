/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a caller's queue, tensors and workspace: are they of this context, and large enough? */
#include "launch/bind.h"

#include <string.h>

clattn_status clattn__check_queue(const clattn_context *context, cl_command_queue queue)
{
    cl_context cl = NULL;
    cl_device_id device = NULL;
    cl_int error = clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof cl, &cl, NULL);
    if (!error)
        error = clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
    if (error)
        return clattn__fail_opencl(error, "clGetCommandQueueInfo(queue)");
    if (cl != context->cl || device != context->id)
        return clattn__fail(CLATTN_WRONG_CONTEXT, "queue is of another %s than the plan",
                            cl != context->cl ? "OpenCL context" : "device");
    return CLATTN_SUCCESS;
}

clattn_status clattn__check_wait_list(cl_uint wait_count, const cl_event *wait_list)
{
    if (!wait_count != !wait_list)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "wait_count is %u and wait_list is %s", (unsigned)wait_count,
                            wait_list ? "not NULL" : "NULL");
    for (cl_uint i = 0; i < wait_count; ++i)
        if (!wait_list[i])
            return clattn__fail(CLATTN_INVALID_ARGUMENT, "wait_list[%u] is NULL", (unsigned)i);
    return CLATTN_SUCCESS;
}

/* Host address of a buffer on the caller's memory (CL_MEM_USE_HOST_PTR), else NULL. A sub-buffer
 * should report its own address, but on PoCL 3.1 it does not, so the parent is asked first. Intel's
 * CPU runtime does not answer for a parent that its owner has released; then the sub-buffer is
 * asked. */
static cl_int query_host(cl_mem mem, cl_mem parent, size_t origin, void **host)
{
    if (parent) {
        unsigned char *begin = NULL;
        const cl_int error = clGetMemObjectInfo(parent, CL_MEM_HOST_PTR, sizeof begin, &begin, NULL);
        *host = begin ? begin + origin : NULL;
        if (error != CL_INVALID_MEM_OBJECT)
            return error;
    }
    return clGetMemObjectInfo(mem, CL_MEM_HOST_PTR, sizeof *host, host, NULL);
}

/* Size of a buffer, its root (itself, or the parent of a sub-buffer) and its first byte in the
 * root. Fails if the buffer starts at no multiple of `alignment` bytes, as far as can be seen:
 * memory that OpenCL allocates is aligned for every type. */
static clattn_status query_buffer(const clattn_context *context, const char *name, size_t alignment, cl_mem mem,
                                  size_t *size, cl_mem *root, size_t *origin)
{
    cl_context cl = NULL;
    cl_mem parent = NULL;
    void *host = NULL;
    *origin = 0;
    cl_int error = clGetMemObjectInfo(mem, CL_MEM_CONTEXT, sizeof cl, &cl, NULL);
    if (!error)
        error = clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof *size, size, NULL);
    if (!error)
        error = clGetMemObjectInfo(mem, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
    if (!error && parent)
        error = clGetMemObjectInfo(mem, CL_MEM_OFFSET, sizeof *origin, origin, NULL);
    if (!error)
        error = query_host(mem, parent, *origin, &host);
    if (error) {
        char call[64] = "clGetMemObjectInfo(";
        strcat(strcat(call, name), ")");
        return clattn__fail_opencl(error, call);
    }
    *root = parent ? parent : mem;
    if (cl != context->cl)
        return clattn__fail(CLATTN_WRONG_CONTEXT, "buffer of %s is of another OpenCL context than the plan", name);
    if ((host ? (uintptr_t)host : *origin) % alignment)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "buffer of %s begins at %s %zu, no multiple of %zu", name,
                            host ? "address" : "byte", host ? (size_t)(uintptr_t)host : *origin, alignment);
    return CLATTN_SUCCESS;
}

struct clattn__memory clattn__tensor_memory(const clattn_tensor *tensor)
{
    return (struct clattn__memory){tensor->mem, tensor->svm};
}

bool clattn__tensor_given(const clattn_tensor *tensor)
{
    return tensor->mem || tensor->svm;
}

/* The common `memory` of all tensors in SVM: their bases are addresses. */
static const char address_space;

/* Finds the tensor's memory (tensors of different memory do not overlap), its first byte there, and
 * its size. */
static clattn_status find_memory(const clattn_context *context, const struct clattn__tensor_slot *slot,
                                 const clattn_tensor *tensor, const void **memory, int64_t *base, uint64_t *size)
{
    if (tensor->mem && tensor->svm)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "tensor %s has a mem and an svm; set one of them", slot->name);
    if (tensor->svm) {
        *memory = &address_space;
        *base = (int64_t)(intptr_t)tensor->svm;
        *size = UINT64_MAX; /* unknown */
        return clattn__svm_check(context, slot->name, tensor->svm);
    }
    size_t bytes = 0, origin = 0;
    cl_mem root = NULL;
    const clattn_status status =
        query_buffer(context, slot->name, slot->element_bytes, tensor->mem, &bytes, &root, &origin);
    *memory = root;
    *base = (int64_t)origin;
    *size = bytes;
    return status;
}

clattn_status clattn__bind_tensor(const clattn_context *context, const struct clattn__tensor_slot *slot,
                                  const clattn_tensor *tensor, struct clattn__view *view)
{
    const void *memory = NULL;
    int64_t base = 0;
    uint64_t size = 0;
    if (!clattn__tensor_given(tensor))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "tensor %s is missing: its mem is NULL", slot->name);
    clattn_status status = find_memory(context, slot, tensor, &memory, &base, &size);
    if (!status)
        status = clattn__slot_strides_check(slot, tensor->stride);
    if (status)
        return status;
    const uint64_t elements = tensor->offset;
    if (!clattn__slot_view(slot, tensor->stride, view) || elements > CLATTN__MOST_STRIDE)
        return clattn__fail(CLATTN_BUFFER_TOO_SMALL, "offset or a stride of %s exceeds 2^58 elements", slot->name);
    const int64_t extent = clattn__view_extent(view);
    const int64_t offset = (int64_t)elements * (int64_t)slot->element_bytes;
    if (extent < 0 || (uint64_t)extent + (uint64_t)offset > size)
        return clattn__fail(CLATTN_BUFFER_TOO_SMALL,
                            "%s reaches to byte %llu of its buffer (offset and strides included), which has %llu",
                            slot->name, extent < 0 ? ~0ull : (unsigned long long)extent + (unsigned long long)offset,
                            (unsigned long long)size);
    view->memory = memory;
    view->base = base + offset;
    return CLATTN_SUCCESS;
}

/* Kernels read the partial results of split keys four floats at a time. */
enum { WORKSPACE_ALIGNMENT = 16 };

clattn_status clattn__bind_workspace(const clattn_context *context, size_t needed, cl_mem workspace,
                                     struct clattn__view *view)
{
    size_t size = 0, origin = 0;
    cl_mem root = NULL;
    if (!workspace)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "workspace is NULL; the pass needs %zu bytes", needed);
    const clattn_status status =
        query_buffer(context, "workspace", WORKSPACE_ALIGNMENT, workspace, &size, &root, &origin);
    if (status)
        return status;
    if (size < needed)
        return clattn__fail(CLATTN_BUFFER_TOO_SMALL, "workspace has %zu bytes; the pass needs %zu", size, needed);
    *view = (struct clattn__view){.name = "workspace",
                                  .use = TENSOR_OUTPUT,
                                  .memory = root,
                                  .base = (int64_t)origin,
                                  .run = (int64_t)needed,
                                  .count = {1, 1, 1}};
    return CLATTN_SUCCESS;
}
