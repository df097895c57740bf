/* SPDX-License-Identifier: Apache-2.0 */
/* Who makes delta, which lies at the beginning of a backward's workspace: a kernel of its own before the gradients, or
 * that of dQ before the one of dK and dV. */
#include "plan/plan.h"

bool clattn__delta_wanted(const clattn_plan *plan)
{
    return plan->passes & (CLATTN_BACKWARD_DQ | CLATTN_BACKWARD_DK);
}

bool clattn__stage_makes_delta(const struct clattn__stage *stage)
{
    return stage->used && stage->solver->traits & SOLVER_MAKES_DELTA;
}

bool clattn__dq_makes_delta(const clattn_plan *plan)
{
    const struct clattn__stage *fallback = &plan->fallbacks[KERNEL_DQ];
    return clattn__stage_makes_delta(&plan->stages[KERNEL_DQ]) &&
           (!fallback->used || clattn__stage_makes_delta(fallback));
}
