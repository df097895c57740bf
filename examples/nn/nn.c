/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a device for the examples; reports errors. */
#include "nn.h"

#include "nn_source.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kernel_names[] = {
#define KERNEL_NAME(name) #name,
    NN_KERNEL_LIST(KERNEL_NAME)
#undef KERNEL_NAME
};

/* ---- errors ---- */

void nn_fail(const char *call, const char *why)
{
    fflush(stdout);
    fprintf(stderr, "error: %s: %s\n", call, why);
    exit(EXIT_FAILURE);
}

void nn_try(cl_int error, const char *call)
{
    if (error != CL_SUCCESS) {
        char why[32];
        snprintf(why, sizeof why, "OpenCL error %d", (int)error);
        nn_fail(call, why);
    }
}

void nn_try_clattn(clattn_status status, const char *call)
{
    if (status != CLATTN_SUCCESS)
        nn_fail(call, clattn_last_error());
}

/* ---- device ---- */

const char *nn_device_name(const struct nn *nn)
{
    static char name[256];
    nn_try(clGetDeviceInfo(nn->device, CL_DEVICE_NAME, sizeof name - 1, name, NULL), "clGetDeviceInfo");
    return name;
}

/* The largest power of two that exceeds neither `wish` nor the device's limit. */
static size_t fitting_items(const struct nn *nn, size_t wish)
{
    size_t most = 0, items = 1;
    nn_try(clGetDeviceInfo(nn->device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof most, &most, NULL), "clGetDeviceInfo");
    while (2 * items <= wish && 2 * items <= most)
        items *= 2;
    return items;
}

static int is_cpu(const struct nn *nn)
{
    cl_device_type type = 0;
    nn_try(clGetDeviceInfo(nn->device, CL_DEVICE_TYPE, sizeof type, &type, NULL), "clGetDeviceInfo");
    return (type & CL_DEVICE_TYPE_CPU) != 0;
}

static void fail_build(const struct nn *nn)
{
    static char log[8192];
    if (clGetProgramBuildInfo(nn->program, nn->device, CL_PROGRAM_BUILD_LOG, sizeof log - 1, log, NULL) != CL_SUCCESS)
        snprintf(log, sizeof log, "(no log)");
    nn_fail("clBuildProgram", log);
}

static void build(struct nn *nn)
{
    const char *source = nn_source;
    char options[128];
    cl_int error;
    nn->program = clCreateProgramWithSource(nn->cl, 1, &source, NULL, &error);
    nn_try(error, "clCreateProgramWithSource");
    snprintf(options, sizeof options, "-cl-std=CL1.2 -DITEMS=%zu -DROW_ITEMS=%zu", nn->items, nn->row_items);
    if (clBuildProgram(nn->program, 1, &nn->device, options, NULL, NULL) != CL_SUCCESS)
        fail_build(nn);
    for (int k = 0; k < NN_KERNELS; ++k) {
        nn->kernels[k] = clCreateKernel(nn->program, kernel_names[k], &error);
        nn_try(error, kernel_names[k]);
    }
}

void nn_open(struct nn *nn, const char *which, size_t row_items)
{
    cl_int error;
    nn_try_clattn(clattn_find_device(which, &nn->device), "clattn_find_device");
    nn->cl = clCreateContext(NULL, 1, &nn->device, NULL, NULL, &error);
    nn_try(error, "clCreateContext");
    nn->queue = clCreateCommandQueue(nn->cl, nn->device, 0, &error);
    nn_try(error, "clCreateCommandQueue");
    nn_try_clattn(clattn_context_create(nn->cl, nn->device, NULL, &nn->attention), "clattn_context_create");
    /* CPU drivers run the work-items of a group one after the other: sharing a row would be
     * slower. */
    nn->items = fitting_items(nn, 64);
    nn->row_items = fitting_items(nn, row_items ? row_items : is_cpu(nn) ? 1 : 64);
    build(nn);
}

void nn_close(struct nn *nn)
{
    nn_try(clFinish(nn->queue), "clFinish");
    for (int k = 0; k < NN_KERNELS; ++k)
        clReleaseKernel(nn->kernels[k]);
    clReleaseProgram(nn->program);
    clattn_context_destroy(nn->attention);
    clReleaseCommandQueue(nn->queue);
    clReleaseContext(nn->cl);
}
