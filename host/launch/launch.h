/* SPDX-License-Identifier: Apache-2.0 */
/* Enqueueing a pass. */
#ifndef CLATTN_LAUNCH_H
#define CLATTN_LAUNCH_H

#include "attention/args.h"
#include "plan/arguments.h"
#include "plan/plan.h"
#include "tensor/slots.h"

/* A call being enqueued: its tensors checked, its events collected. */
struct clattn__launch {
    const clattn_plan *plan;
    cl_command_queue queue;
    cl_uint wait_count;
    const cl_event *wait_list;
    struct clattn__memory mem[BUFFER_COUNT];          /* of each tensor that the caller gave, and the workspace */
    const struct clattn__stage *stages[KERNEL_COUNT]; /* what makes each of the plan's, for these tensors */
    cl_event *done;                                   /* events of the launches so far */
    size_t done_count;
};

/* Whether there are queries that see no key, or keys that no query sees, by where they stand alone. */
bool clattn__diagonal_hides_rows(const clattn_score *score, int64_t q_len, int64_t kv_len);

/* Checks everything, fills *call, and makes room for the events. On failure there is nothing to end. */
clattn_status clattn__launch_begin(struct clattn__launch *launch, const clattn_plan *plan, unsigned pass,
                                   cl_command_queue queue, const clattn_tensors *tensors, cl_mem workspace,
                                   cl_uint wait_count, const cl_event *wait_list, struct call *call);
/* The stage, or the one that takes tensors which the first does not. */
const struct clattn__stage *clattn__stage_for(const clattn_plan *plan, enum clattn__kernel kernel,
                                              const struct call *call);
/* The one that takes contiguous tensors. */
const struct clattn__stage *clattn__stage_for_contiguous(const clattn_plan *plan, enum clattn__kernel kernel);
/* Enqueues a stage behind the first `after` events of launch->done (behind the call's own wait list where that is 0);
 * its events join launch->done. */
clattn_status clattn__launch_stage(struct clattn__launch *launch, enum clattn__kernel kernel, struct call *call,
                                   size_t after);
/* Gives the caller one event for everything in launch->done, and releases those. Passes `status` through. */
clattn_status clattn__launch_end(struct clattn__launch *launch, clattn_status status, cl_event *event);

/* ---- maps.c ---- */

/* Enqueues the kernel that makes the maps of a pass, if its stages want any, behind the call's wait list. */
clattn_status clattn__launch_maps(struct clattn__launch *launch, unsigned pass, struct call *call);

#endif
