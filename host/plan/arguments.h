/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of kernels, by the lists of kernels/attention/args_list.h. */
#ifndef CLATTN_PLAN_ARGUMENTS_H
#define CLATTN_PLAN_ARGUMENTS_H

#include "attention/args.h"
#include "opencl/svm.h"
#include "plan/plan.h"
#include "tensor/slots.h"

/* What a call brings for kernels, by their parameters' names: its tensors, and the workspace by what is in it. NULL where
 * it has none. */
#define CLATTN__BUFFER(slot, member, read, written, when, shape, elements) BUFFER_##member = TENSOR_SLOT_##slot,
enum {
    CLATTN__TENSORS(CLATTN__BUFFER) BUFFER_partials = TENSOR_SLOT_COUNT,
    BUFFER_delta,
    BUFFER_dq_sums,
    BUFFER_tensor_maps,
    BUFFER_COUNT
};

struct clattn__argument {
    const char *name; /* of the parameter */
    size_t buffer;    /* BUFFER_q, .. */
};

/* Those behind struct call, in order, of the kernel that the configuration builds; each buffer is one at most. Returns how
 * many. */
size_t clattn__arguments(const struct clattn__config *config, struct clattn__argument arguments[BUFFER_COUNT]);
/* Of the stage's kernel, under the plan's lock, or of another object of it. */
clattn_status clattn__set_arguments(const struct clattn__stage *stage, cl_kernel kernel, const struct call *call,
                                    const struct clattn__memory buffers[BUFFER_COUNT]);

#endif
