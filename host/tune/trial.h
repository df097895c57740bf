/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a problem's kernels repeatedly on the device, for the tuner's measurements. */
#ifndef CLATTN_TUNE_TRIAL_H
#define CLATTN_TUNE_TRIAL_H

#include "tensor/slots.h"
#include "runner/runner.h"
#include "select/config.h"

struct clattn__trial {
    clattn_problem problem;
    unsigned passes;
    struct clattn_runner runner; /* with its own context and queue */
    struct clattn__transfer transfer;
    void *found[TENSOR_SLOT_COUNT], *expected[TENSOR_SLOT_COUNT]; /* of the transfer's outputs */
    clattn_tensors tensors;
    cl_mem workspace;
    size_t workspace_bytes;
};

/* The passes of the trial that the kernel serves; 0: it has no tunables. */
unsigned clattn__trial_pass(const struct clattn__trial *trial, enum clattn__kernel kernel);

/* Creates the context (without files), the queue, and buffers of random numbers. Must be closed,
 * even after a failure. */
clattn_status clattn__trial_open(struct clattn__trial *trial, const clattn_context *context,
                                 const clattn_problem *problem, unsigned passes);
void clattn__trial_close(struct clattn__trial *trial);

/* Runs the plan, which must have the kernel's pass, and stores its results as the expected ones. */
clattn_status clattn__trial_record(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel);
/* Runs the plan and compares its results with the expected ones. */
clattn_status clattn__trial_verify(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel,
                                   bool *right);
/* The median time of a run; the first time if it exceeds `give_up`. */
clattn_status clattn__trial_time(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel,
                                 double give_up, double *seconds);

#endif
