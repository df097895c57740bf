/* SPDX-License-Identifier: Apache-2.0 */
/* Excludes rows that nothing sees from the gradients of weights (kernels/layer/blank_rows.cl). */
#include "layer/layer.h"

#include "launch/launch.h"
#include "opencl/program.h"

bool clattn__layer_hides_rows(const clattn_layer *layer)
{
    return layer->score.mask_dim[0] || layer->score.bias_dim[0] || layer->kv_lengths ||
           clattn__diagonal_hides_rows(&layer->score, layer->len, layer->context_len);
}

/* Chooses the work-items per row. */
static clattn_status choose_group(const clattn_context *context, struct clattn__blank *blank)
{
    const size_t group = context->device.type & CL_DEVICE_TYPE_CPU ? 1 : 64;
    size_t most = 0;
    const cl_int error =
        clGetKernelWorkGroupInfo(blank->kernel, context->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof most, &most, NULL);
    if (error)
        return clattn__fail_opencl(error, "clGetKernelWorkGroupInfo");
    blank->group = group < most ? group : most;
    return CLATTN_SUCCESS;
}

clattn_status clattn__blank_make(clattn_context *context, struct clattn__blank *blank)
{
    cl_program program;
    clattn_status status = clattn__program_get(context, false, "blank_rows", "-cl-std=CL1.2", &program);
    if (status)
        return status;
    cl_int error;
    cl_kernel kernel = clCreateKernel(program, "blank_rows", &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateKernel");
    if (pthread_mutex_init(&blank->lock, NULL)) {
        clReleaseKernel(kernel);
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no mutex for a plan of a layer");
    }
    blank->kernel = kernel;
    return choose_group(context, blank);
}

void clattn__blank_release(struct clattn__blank *blank)
{
    if (!blank->kernel)
        return;
    clReleaseKernel(blank->kernel);
    pthread_mutex_destroy(&blank->lock);
}

static cl_int set_arguments(cl_kernel kernel, const struct clattn__blank_rows *rows)
{
    const cl_long partner_at = (cl_long)rows->partner.offset, from_at = (cl_long)rows->from.offset;
    const cl_long to_at = (cl_long)rows->to.offset, partner_width = rows->partner_width, width = rows->width;
    const struct {
        size_t bytes;
        const void *value;
    } arguments[] = {
        {sizeof(cl_mem), &rows->partner.mem},
        {sizeof partner_at, &partner_at},
        {sizeof partner_width, &partner_width},
        {sizeof(cl_mem), &rows->from.mem},
        {sizeof from_at, &from_at},
        {sizeof(cl_mem), &rows->to.mem},
        {sizeof to_at, &to_at},
        {sizeof width, &width},
    };
    cl_int error = CL_SUCCESS;
    for (size_t i = 0; !error && i < ARRAY_SIZE(arguments); ++i)
        error = clSetKernelArg(kernel, (cl_uint)i, arguments[i].bytes, arguments[i].value);
    return error;
}

clattn_status clattn__blank_enqueue(const struct clattn__blank *blank, struct clattn__sequence *sequence,
                                    const struct clattn__blank_rows *rows)
{
    /* Guards the kernel's arguments: no change that a caller sees. */
    pthread_mutex_t *lock = (pthread_mutex_t *)&blank->lock;
    const size_t local = blank->group, global = (size_t)rows->count * local;
    cl_uint wait_count;
    const cl_event *wait_list;
    cl_event event;
    clattn__sequence_waits(sequence, &wait_count, &wait_list);
    pthread_mutex_lock(lock);
    cl_int error = set_arguments(blank->kernel, rows);
    const char *call = error ? "clSetKernelArg" : "clEnqueueNDRangeKernel(blank_rows)";
    if (!error)
        error = clEnqueueNDRangeKernel(sequence->queue, blank->kernel, 1, NULL, &global, &local, wait_count, wait_list,
                                       &event);
    pthread_mutex_unlock(lock);
    if (error)
        return clattn__fail_opencl(error, call);
    clattn__sequence_advance(sequence, event);
    return CLATTN_SUCCESS;
}
