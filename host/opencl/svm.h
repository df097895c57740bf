/* SPDX-License-Identifier: Apache-2.0 */
/* A tensor's memory on the device: a buffer, or shared virtual memory. */
#ifndef CLATTN_OPENCL_SVM_H
#define CLATTN_OPENCL_SVM_H

#include "opencl/context.h"

/* At most one of the two is set. */
struct clattn__memory {
    cl_mem mem;
    void *svm;
};

/* INVALID_ARGUMENT if tensor `name` cannot be at `svm`. */
clattn_status clattn__svm_check(const clattn_context *context, const char *name, const void *svm);
cl_int clattn__svm_set_argument(cl_kernel kernel, cl_uint index, const void *svm);

#endif
