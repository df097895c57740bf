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
    const cl_mem *mem = launch.mem;
    const bool split = plan->stages[KERNEL_COMBINE].used;
    const cl_mem buffers[] = {mem[ROLE_Q],
                              mem[ROLE_K],
                              mem[ROLE_V],
                              mem[ROLE_MASK],
                              mem[ROLE_KV_LENGTHS],
                              split ? workspace : mem[ROLE_OUT],
                              split ? workspace : mem[ROLE_LSE],
                              workspace};
    status = clattn__launch_maps(&launch, CLATTN_FORWARD, &call, workspace);
    const bool maps = launch.done_count > 0; /* which the kernel then finds by an argument more */
    if (!status)
        status = clattn__launch_stage(&launch, KERNEL_FORWARD, &call, buffers, ARRAY_SIZE(buffers) - !maps,
                                      launch.done_count);
    if (!status && split) {
        const cl_mem of_combine[] = {workspace, mem[ROLE_OUT], mem[ROLE_LSE]};
        status =
            clattn__launch_stage(&launch, KERNEL_COMBINE, &call, of_combine, ARRAY_SIZE(of_combine), launch.done_count);
    }
    return clattn__launch_end(&launch, status, event);
}
