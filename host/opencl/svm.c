/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in shared virtual memory: the only code that needs more than OpenCL 1.2. */
#undef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 200
#include "opencl/svm.h"

/* Kernels read and write up to 16 bytes at once. Memory that OpenCL allocates is aligned for
 * that. */
enum { ALIGNMENT = 16 };

#if defined(CLATTN_SVM)

static bool has_svm(cl_device_id device)
{
    cl_device_svm_capabilities can = 0;
    if (clGetDeviceInfo(device, CL_DEVICE_SVM_CAPABILITIES, sizeof can, &can, NULL))
        return false; /* OpenCL before 2.0 does not have this query */
    return (can & CL_DEVICE_SVM_COARSE_GRAIN_BUFFER) != 0;
}

cl_int clattn__svm_set_argument(cl_kernel kernel, cl_uint index, const void *svm)
{
    return clSetKernelArgSVMPointer(kernel, index, svm);
}

#else

static bool has_svm(cl_device_id device)
{
    (void)device;
    return false;
}

cl_int clattn__svm_set_argument(cl_kernel kernel, cl_uint index, const void *svm)
{
    (void)kernel, (void)index, (void)svm;
    return CL_INVALID_ARG_VALUE; /* clattn__svm_check refused it */
}

#endif

clattn_status clattn__svm_check(const clattn_context *context, const char *name, const void *svm)
{
    if (!has_svm(context->id))
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "tensor %s is given by svm; %s has no coarse-grained buffer SVM, or the library was built "
                            "for an OpenCL before 2.0",
                            name, context->device.name);
    if ((uintptr_t)svm % ALIGNMENT)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "svm of %s is %p, no multiple of %d; use offset for smaller steps",
                            name, svm, ALIGNMENT);
    return CLATTN_SUCCESS;
}
