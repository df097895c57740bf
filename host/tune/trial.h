/* SPDX-License-Identifier: Apache-2.0 */
/* Running a problem over and over on the device: what the tuner measures with. */
#ifndef CLATTN_TUNE_TRIAL_H
#define CLATTN_TUNE_TRIAL_H

#include "tensor/slots.h"
#include "runner/runner.h"
#include "select/config.h"

struct clattn__trial {
    clattn_problem problem;
    unsigned passes;
    struct clattn_runner runner; /* a context and a queue of its own */
    struct clattn__transfer transfer;
    void *found[TENSOR_SLOT_COUNT], *expected[TENSOR_SLOT_COUNT]; /* of the transfer's outputs */
    clattn_tensors tensors;
    cl_mem workspace;
    size_t workspace_bytes;
};

/* What of the passes a kernel does. */
unsigned clattn__trial_pass(const struct clattn__trial *trial, enum clattn__kernel kernel);

/* Makes the context (without files), the queue, and buffers of random numbers. Must be closed in any case. */
clattn_status clattn__trial_open(struct clattn__trial *trial, const clattn_context *context,
                                 const clattn_problem *problem, unsigned passes);
void clattn__trial_close(struct clattn__trial *trial);

/* Runs the plan, which has the kernel's pass, and keeps what comes out as what is right. */
clattn_status clattn__trial_expect(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel);
/* Runs it and compares. */
clattn_status clattn__trial_verify(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel,
                                   bool *right);
/* The median time of a run; where the first takes more than `give_up`, that one. */
clattn_status clattn__trial_time(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel,
                                 double give_up, double *seconds);

#endif
