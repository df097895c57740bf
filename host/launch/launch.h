/* SPDX-License-Identifier: Apache-2.0 */
/* Enqueueing a pass. */
#ifndef CLATTN_LAUNCH_H
#define CLATTN_LAUNCH_H

#include "plan/plan.h"

/* Whether there are queries that see no key, or keys that no query sees, by where they stand alone. */
bool clattn__diagonal_hides_rows(const clattn_score *score, int64_t q_len, int64_t kv_len);

/* Enqueues the stages that the pass needs for these tensors, after everything is checked. `given` and what follows are as
 * clattn_enqueue_forward and _backward have them. */
clattn_status clattn__launch(const clattn_plan *plan, unsigned pass, cl_command_queue queue,
                             const clattn_tensors *given, cl_mem workspace, cl_uint wait_count,
                             const cl_event *wait_list, cl_event *event);
/* The kernel's stage that contiguous tensors have. */
const struct clattn__stage *clattn__stage_for_contiguous(const clattn_plan *plan, enum clattn__kernel kernel);

#endif
