/* SPDX-License-Identifier: Apache-2.0 */
/* Enqueueing a pass. */
#ifndef CLATTN_LAUNCH_H
#define CLATTN_LAUNCH_H

#include "plan/plan.h"

/* Whether causality or the window hides all keys from a query, or a key from all queries. */
bool clattn__diagonal_hides_rows(const clattn_score *score, int64_t q_len, int64_t kv_len);

/* Checks everything, then enqueues the stages that the pass needs for these tensors. Arguments from
 * `given` on are those of clattn_enqueue_forward and clattn_enqueue_backward. */
clattn_status clattn__launch(const clattn_plan *plan, unsigned pass, cl_command_queue queue,
                             const clattn_tensors *given, cl_mem workspace, cl_uint wait_count,
                             const cl_event *wait_list, cl_event *event);
/* The kernel's stage for contiguous tensors. */
const struct clattn__stage *clattn__stage_for_contiguous(const clattn_plan *plan, enum clattn__kernel kernel);

#endif
