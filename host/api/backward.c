/* SPDX-License-Identifier: Apache-2.0 */
/* The backward pass: what engines want before they begin; delta, by a kernel of its own or by that of dQ; then dQ and
 * dK/dV, side by side where dQ makes no delta, or all in one walk. */
#include "launch/launch.h"

/* Sums of dQ in the workspace, (B,Hq,N,D) behind delta. */
static struct view contiguous_sums(const clattn_problem *p)
{
    const arg_long head = p->q_len * p->qk_dim, batch = p->q_heads * head;
    return (struct view){.offset = p->batch * p->q_heads * p->q_len, .batch = batch, .head = head, .row = p->qk_dim};
}

clattn_status clattn_enqueue_backward(const clattn_plan *plan, cl_command_queue queue, const clattn_tensors *tensors,
                                      cl_mem workspace, cl_uint wait_count, const cl_event *wait_list, cl_event *event)
{
    struct clattn__launch launch;
    struct call call;
    clattn_status status =
        clattn__launch_begin(&launch, plan, CLATTN_BACKWARD, queue, tensors, workspace, wait_count, wait_list, &call);
    if (status)
        return status;
    call.dq_sums = contiguous_sums(&plan->problem);
    status = clattn__launch_maps(&launch, CLATTN_BACKWARD, &call);
    const bool dq_makes_delta = clattn__stage_makes_delta(launch.stages[KERNEL_DQ]);
    if (!status && plan->stages[KERNEL_DELTA].used && !dq_makes_delta)
        status = clattn__launch_stage(&launch, KERNEL_DELTA, &call, 0);
    const size_t before = launch.done_count; /* maps, and delta */
    if (!status && plan->stages[KERNEL_DQ].used)
        status = clattn__launch_stage(&launch, KERNEL_DQ, &call, before);
    if (!status && plan->stages[KERNEL_DKDV].used) {
        const bool reads_delta = plan->passes & CLATTN_BACKWARD_DK;
        status = clattn__launch_stage(&launch, KERNEL_DKDV, &call,
                                      dq_makes_delta && reads_delta ? launch.done_count : before);
    }
    if (!status && plan->stages[KERNEL_HEAD].used)
        status = clattn__launch_stage(&launch, KERNEL_HEAD, &call, before);
    return clattn__launch_end(&launch, status, event);
}
