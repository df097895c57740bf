/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel arguments, from the lists of kernels/attention/args_list.h. */
#ifndef CLATTN_PLAN_ARGUMENTS_H
#define CLATTN_PLAN_ARGUMENTS_H

#include "attention/args.h"
#include "opencl/svm.h"
#include "plan/plan.h"
#include "tensor/slots.h"

/* The buffers of a call, by the names of kernel parameters: its tensors, and the members of the
 * workspace. NULL if absent. */
#define CLATTN__BUFFER(slot, member, read, written, when, shape, elements) BUFFER_##member = TENSOR_SLOT_##slot,
enum {
    CLATTN__TENSORS(CLATTN__BUFFER) BUFFER_partials = TENSOR_SLOT_COUNT,
    BUFFER_delta,
    BUFFER_dq_sums,
    BUFFER_tensor_maps,
    BUFFER_COUNT
};

struct clattn__argument {
    const char *name; /* the parameter's */
    size_t buffer;    /* BUFFER_q, .. */
};

/* The arguments after struct call, in order, of the kernel that the configuration builds. Each
 * buffer appears at most once. Returns their number. */
size_t clattn__arguments(const struct clattn__config *config, struct clattn__argument arguments[BUFFER_COUNT]);
/* Sets the arguments of the stage's kernel (hold the plan's lock), or of another object of that
 * kernel. */
clattn_status clattn__set_arguments(const struct clattn__stage *stage, cl_kernel kernel, const struct call *call,
                                    const struct clattn__memory buffers[BUFFER_COUNT]);

#endif
