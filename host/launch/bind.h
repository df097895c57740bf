/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a caller's objects: are they of this context, and large enough? */
#ifndef CLATTN_LAUNCH_BIND_H
#define CLATTN_LAUNCH_BIND_H

#include "opencl/svm.h"
#include "tensor/tensor.h"

struct clattn__memory clattn__tensor_memory(const clattn_tensor *tensor);
bool clattn__tensor_given(const clattn_tensor *tensor);

clattn_status clattn__check_queue(const clattn_context *context, cl_command_queue queue);
clattn_status clattn__check_wait_list(cl_uint wait_count, const cl_event *wait_list);
/* Checks a tensor against its buffer, and makes its view for the overlap check. */
clattn_status clattn__bind_tensor(const clattn_context *context, const struct clattn__tensor_slot *slot,
                                  const clattn_tensor *tensor, struct clattn__view *view);
/* The same for the `needed` bytes of a workspace. */
clattn_status clattn__bind_workspace(const clattn_context *context, size_t needed, cl_mem workspace,
                                     struct clattn__view *view);

#endif
