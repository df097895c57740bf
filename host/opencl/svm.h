/* SPDX-License-Identifier: Apache-2.0 */
/* Where a tensor is on the device: in a buffer, or in shared virtual memory. */
#ifndef CLATTN_OPENCL_SVM_H
#define CLATTN_OPENCL_SVM_H

#include "opencl/context.h"

/* One of the two, or neither. */
struct clattn__memory {
    cl_mem mem;
    void *svm;
};

/* INVALID_ARGUMENT where tensor `name` cannot be at the address. */
clattn_status clattn__svm_check(const clattn_context *context, const char *name, const void *svm);
cl_int clattn__svm_set_argument(cl_kernel kernel, cl_uint index, const void *svm);

#endif
