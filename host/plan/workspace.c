/* SPDX-License-Identifier: Apache-2.0 */
/* What lies in the workspace of a pass: sums and parts, and behind them a set of tensor maps for each kernel that has
 * them. */
#include "plan/plan.h"

#include "select/split.h"

/* ---- sums and parts ---- */

/* Bytes of what a pass adds up; all but the maps. */
static size_t sums_bytes(const clattn_plan *plan, unsigned pass)
{
    const clattn_problem *p = &plan->problem;
    const size_t rows = (size_t)(p->batch * p->q_heads * p->q_len);
    const size_t sums = plan->one_walk && p->dtype != CLATTN_FLOAT32 ? (size_t)p->qk_dim : 0;
    if (pass == CLATTN_FORWARD)
        return clattn__split_bytes(p, plan->stages[KERNEL_FORWARD].config.splits);
    return clattn__delta_wanted(plan) ? sizeof(float) * rows * (1 + sums) : 0;
}

/* ---- tensor maps ---- */

static const enum clattn__kernel with_maps[] = {KERNEL_FORWARD, KERNEL_DQ, KERNEL_DKDV};

bool clattn__stage_has_maps(const struct clattn__stage *stage)
{
    return stage->used && stage->solver->traits & SOLVER_MAPS;
}

clattn_engine clattn__maps_engine(const clattn_plan *plan)
{
    for (size_t i = 0; i < ARRAY_SIZE(with_maps); ++i)
        if (clattn__stage_has_maps(&plan->stages[with_maps[i]]))
            return plan->stages[with_maps[i]].config.engine;
    return CLATTN_ENGINE_AUTO;
}

size_t clattn__maps_kernels(const clattn_plan *plan, unsigned pass, enum clattn__kernel kernels[CLATTN__MAP_SETS])
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(with_maps); ++i)
        if ((with_maps[i] == KERNEL_FORWARD) == (pass == CLATTN_FORWARD) &&
            clattn__stage_has_maps(&plan->stages[with_maps[i]]))
            kernels[count++] = with_maps[i];
    return count;
}

/* Bytes of a set and its counter, and what it takes to begin at a multiple of a map's size. */
static size_t set_bytes(const clattn_plan *plan)
{
    return ((size_t)plan->problem.batch * CLATTN__MAPS_A_BATCH + 2) * CLATTN__MAP_BYTES;
}

size_t clattn__maps_at(const clattn_plan *plan, enum clattn__kernel kernel)
{
    const unsigned pass = kernel == KERNEL_FORWARD ? CLATTN_FORWARD : CLATTN_BACKWARD;
    enum clattn__kernel kernels[CLATTN__MAP_SETS];
    const size_t count = clattn__maps_kernels(plan, pass, kernels);
    size_t at = sums_bytes(plan, pass);
    for (size_t i = 0; i < count && kernels[i] != kernel; ++i)
        at += set_bytes(plan);
    return at;
}

size_t clattn__workspace_bytes(const clattn_plan *plan, unsigned pass)
{
    enum clattn__kernel kernels[CLATTN__MAP_SETS];
    return sums_bytes(plan, pass) + clattn__maps_kernels(plan, pass, kernels) * set_bytes(plan);
}
