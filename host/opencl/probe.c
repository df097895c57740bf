/* SPDX-License-Identifier: Apache-2.0 */
/* Finds local memory beyond CL_DEVICE_LOCAL_MEM_SIZE: some GPUs allow a kernel's own array more.
 * Tried once per context; any failure means no. */
#include "opencl/program.h"

#include <stdio.h>
#include <string.h>

enum { ITEMS = 64 }; /* as in kernels/device/probe_local.cl */

/* Runs the kernel on `queue`; true if each work-item read what another wrote. */
static bool run_on(cl_command_queue queue, cl_kernel kernel, cl_mem result)
{
    const size_t items = ITEMS;
    cl_uint wrong[ITEMS];
    memset(wrong, 0xff, sizeof wrong);
    if (clSetKernelArg(kernel, 0, sizeof result, &result) ||
        clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &items, 0, NULL, NULL) ||
        clEnqueueReadBuffer(queue, result, CL_TRUE, 0, sizeof wrong, wrong, 0, NULL, NULL))
        return false;
    for (size_t i = 0; i < ITEMS; ++i)
        if (wrong[i])
            return false;
    return true;
}

static bool run(const clattn_context *context, cl_kernel kernel)
{
    cl_int error;
    cl_command_queue queue = clCreateCommandQueue(context->cl, context->id, 0, &error);
    if (error)
        return false;
    cl_mem result = clCreateBuffer(context->cl, CL_MEM_WRITE_ONLY, ITEMS * sizeof(cl_uint), NULL, &error);
    const bool works = !error && run_on(queue, kernel, result);
    if (!error)
        clReleaseMemObject(result);
    clReleaseCommandQueue(queue);
    return works;
}

bool clattn__probe_local(clattn_context *context, size_t bytes)
{
    char options[64];
    cl_program program;
    cl_int error;
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DLOCAL_BYTES=%zu", bytes);
    if (clattn__program_get(context, false, "probe_local", options, &program))
        return false;
    cl_kernel kernel = clCreateKernel(program, "probe_local", &error);
    if (error)
        return false;
    const bool works = run(context, kernel);
    clReleaseKernel(kernel);
    return works;
}

void clattn__probe(clattn_context *context)
{
    static const size_t sizes[] = {(227 << 10) - 4, 160 << 10, 96 << 10};
    struct clattn__device *device = &context->device;
    if (!(device->type & CL_DEVICE_TYPE_GPU) || device->max_group < ITEMS)
        return;
    for (size_t i = 0; i < ARRAY_SIZE(sizes) && sizes[i] > device->local_bytes; ++i)
        if (clattn__probe_local(context, sizes[i])) {
            device->local_bytes = sizes[i];
            device->local_probed = true;
        }
}
