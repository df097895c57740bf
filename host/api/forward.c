/* SPDX-License-Identifier: Apache-2.0 */
/* The forward pass: one kernel; before it one that makes tensor maps, where the engine wants them; and where it is
 * split over the keys, a second that combines the parts. */
#include "launch/launch.h"

clattn_status clattn_enqueue_forward(const clattn_plan *plan, cl_command_queue queue, const clattn_tensors *tensors,
                                     cl_mem workspace, cl_uint wait_count, const cl_event *wait_list, cl_event *event)
{
    struct clattn__launch launch;
    struct call call;
    clattn_status status =
        clattn__launch_begin(&launch, plan, CLATTN_FORWARD, queue, tensors, workspace, wait_count, wait_list, &call);
    if (status)
        return status;
    status = clattn__launch_maps(&launch, CLATTN_FORWARD, &call);
    if (!status)
        status = clattn__launch_stage(&launch, KERNEL_FORWARD, &call, launch.done_count);
    if (!status && plan->stages[KERNEL_COMBINE].used)
        status = clattn__launch_stage(&launch, KERNEL_COMBINE, &call, launch.done_count);
    return clattn__launch_end(&launch, status, event);
}
