/* SPDX-License-Identifier: Apache-2.0 */
/* Wraps OpenCL functions of the program that it is linked into. Imitates a bug of a driver
 * (580.159): a kernel object cannot be launched any more if an argument was once an SVM pointer and
 * is now a buffer. */
#define _GNU_SOURCE
#undef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 200
#include <CL/cl.h>
#include <dlfcn.h>
#include <string.h>

enum { MOST_KERNELS = 64, MOST_ARGUMENTS = 32 };

static struct {
    cl_kernel kernel;
    unsigned was_svm; /* bit n: argument n was once SVM */
    int spoilt;
} seen[MOST_KERNELS];

/* Stores OpenCL's function of this name in *function. */
static void find_next(const char *name, void *function)
{
    void *found = dlsym(RTLD_NEXT, name);

    memcpy(function, &found, sizeof found);
}

/* The index of the kernel or of a free entry; -1: the table is full. */
static int place_of(cl_kernel kernel)
{
    int empty = -1;

    for (int i = 0; i < MOST_KERNELS; i++) {
        if (seen[i].kernel == kernel) {
            return i;
        }
        if (seen[i].kernel == NULL) {
            empty = i;
        }
    }
    if (empty >= 0) {
        seen[empty].kernel = kernel;
    }
    return empty;
}

cl_int CL_API_CALL clSetKernelArgSVMPointer(cl_kernel kernel, cl_uint index, const void *value)
{
    cl_int(CL_API_CALL * next)(cl_kernel, cl_uint, const void *) = NULL;
    const int at = place_of(kernel);

    if (at < 0 || index >= MOST_ARGUMENTS) {
        return CL_OUT_OF_RESOURCES;
    }
    seen[at].was_svm |= 1u << index;
    find_next("clSetKernelArgSVMPointer", &next);
    return next(kernel, index, value);
}

cl_int CL_API_CALL clSetKernelArg(cl_kernel kernel, cl_uint index, size_t size, const void *value)
{
    cl_int(CL_API_CALL * next)(cl_kernel, cl_uint, size_t, const void *) = NULL;
    const int at = place_of(kernel);

    if (at < 0 || index >= MOST_ARGUMENTS) {
        return CL_OUT_OF_RESOURCES;
    }
    seen[at].spoilt = seen[at].spoilt || (seen[at].was_svm >> index & 1);
    find_next("clSetKernelArg", &next);
    return next(kernel, index, size, value);
}

cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                          const size_t *offset, const size_t *global, const size_t *local,
                                          cl_uint wait_count, const cl_event *wait_list, cl_event *event)
{
    cl_int(CL_API_CALL * next)(cl_command_queue, cl_kernel, cl_uint, const size_t *, const size_t *, const size_t *,
                               cl_uint, const cl_event *, cl_event *) = NULL;
    const int at = place_of(kernel);

    if (at >= 0 && seen[at].spoilt) {
        return CL_INVALID_KERNEL_ARGS;
    }
    find_next("clEnqueueNDRangeKernel", &next);
    return next(queue, kernel, dimensions, offset, global, local, wait_count, wait_list, event);
}

/* Forgets the kernel, as nobody retains kernels here: a new one may get the same handle. */
cl_int CL_API_CALL clReleaseKernel(cl_kernel kernel)
{
    cl_int(CL_API_CALL * next)(cl_kernel) = NULL;
    const int at = place_of(kernel);

    if (at >= 0) {
        memset(&seen[at], 0, sizeof seen[at]);
    }
    find_next("clReleaseKernel", &next);
    return next(kernel);
}
