/* SPDX-License-Identifier: Apache-2.0 */
/* Layout of a pass's workspace: sums or partial results, then a set of tensor maps for each kernel
 * that uses them. */
#include "plan/plan.h"

#include "select/split.h"

/* ---- sums and partial results ---- */

/* Bytes of everything except the maps. */
static size_t sums_bytes(const clattn_plan *plan, unsigned pass)
{
    const clattn_problem *p = &plan->problem;
    const size_t rows = (size_t)(p->batch * p->q_heads * p->q_len);
    const size_t sums = plan->fused && p->dtype != CLATTN_FLOAT32 ? (size_t)p->qk_dim : 0;
    if (pass == CLATTN_FORWARD)
        return clattn__partials_bytes(p, plan->splits);
    return plan->passes & clattn__kernel_passes[KERNEL_DELTA] ? sizeof(float) * rows * (1 + sums) : 0;
}

/* ---- tensor maps ---- */

size_t clattn__stages_with_maps(const clattn_plan *plan, unsigned pass,
                                const struct clattn__stage *readers[CLATTN__MAP_SETS])
{
    size_t count = 0;
    for (size_t i = 0; i < plan->stage_count; ++i)
        if (clattn__stage_is_of(&plan->stages[i], pass) && plan->stages[i].solver->traits & SOLVER_TENSOR_MAPS)
            readers[count++] = &plan->stages[i];
    return count;
}

/* Bytes of a set, its counter, and padding to align it to a map's size. */
static size_t set_bytes(const clattn_plan *plan)
{
    return ((size_t)plan->problem.batch * CLATTN__MAPS_A_BATCH + 2) * CLATTN__MAP_BYTES;
}

size_t clattn__maps_offset(const clattn_plan *plan, unsigned pass, const struct clattn__stage *reader)
{
    const struct clattn__stage *readers[CLATTN__MAP_SETS];
    const size_t count = clattn__stages_with_maps(plan, pass, readers);
    size_t at = sums_bytes(plan, pass);
    for (size_t i = 0; i < count && readers[i] != reader; ++i)
        at += set_bytes(plan);
    return at;
}

size_t clattn__workspace_bytes(const clattn_plan *plan, unsigned pass)
{
    const struct clattn__stage *readers[CLATTN__MAP_SETS];
    return sums_bytes(plan, pass) + clattn__stages_with_maps(plan, pass, readers) * set_bytes(plan);
}
