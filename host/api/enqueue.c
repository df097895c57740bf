/* SPDX-License-Identifier: Apache-2.0 */
/* Public functions that enqueue a pass. */
#include "launch/launch.h"

clattn_status clattn_enqueue_forward(const clattn_plan *plan, cl_command_queue queue, const clattn_tensors *tensors,
                                     cl_mem workspace, cl_uint wait_count, const cl_event *wait_list, cl_event *event)
{
    return clattn__launch(plan, CLATTN_FORWARD, queue, tensors, workspace, wait_count, wait_list, event);
}

clattn_status clattn_enqueue_backward(const clattn_plan *plan, cl_command_queue queue, const clattn_tensors *tensors,
                                      cl_mem workspace, cl_uint wait_count, const cl_event *wait_list, cl_event *event)
{
    return clattn__launch(plan, CLATTN__GRADIENTS, queue, tensors, workspace, wait_count, wait_list, event);
}
