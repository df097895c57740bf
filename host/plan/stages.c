/* SPDX-License-Identifier: Apache-2.0 */
/* A plan's stages: their order, what they write for each other, and which a call needs. */
#include "plan/plan.h"

#include "plan/arguments.h"

#include <string.h>

/* ---- what they write for each other ---- */

/* Whether the kernel only writes what other stages read. It is chosen after them, and launched
 * before them. */
static bool helps(enum clattn__kernel kernel)
{
    return kernel == KERNEL_DELTA || kernel == KERNEL_TENSOR_MAPS;
}

/* The workspace buffers among the kernel's arguments. */
static unsigned has(const struct clattn__stage *stage)
{
    struct clattn__argument arguments[BUFFER_COUNT];
    const size_t count = clattn__arguments(&stage->config, arguments);
    unsigned bits = 0;
    for (size_t i = 0; i < count; ++i)
        bits |= arguments[i].buffer >= BUFFER_partials ? CLATTN__BIT(arguments[i].buffer) : 0;
    return bits;
}

/* Those that it writes; it reads the rest. */
static unsigned makes(const struct clattn__stage *stage)
{
    static const unsigned made[KERNEL_COUNT] = {
        [KERNEL_FORWARD] = CLATTN__BIT(BUFFER_partials),        [KERNEL_DQ] = CLATTN__BIT(BUFFER_delta),
        [KERNEL_BACKWARD_FUSED] = CLATTN__BIT(BUFFER_dq_sums),  [KERNEL_DELTA] = CLATTN__BIT(BUFFER_delta),
        [KERNEL_TENSOR_MAPS] = CLATTN__BIT(BUFFER_tensor_maps),
    };
    const bool reads_delta = stage->config.kernel == KERNEL_DQ && !(stage->solver->traits & SOLVER_MAKES_DELTA);
    return reads_delta ? 0 : made[stage->config.kernel] & has(stage);
}

unsigned clattn__plan_missing_buffers(const clattn_plan *plan)
{
    /* made: what every stage of the kernel writes, whichever a call uses. */
    unsigned read = 0, made[KERNEL_COUNT] = {0}, all = 0;
    for (size_t i = 0; i < plan->stage_count; ++i) {
        const struct clattn__stage *stage = &plan->stages[i];
        const enum clattn__kernel kernel = stage->config.kernel;
        const bool first = stage == clattn__stage_for(plan, kernel, NULL);
        read |= stage->reads;
        made[kernel] = stage->makes & (first ? ~0u : made[kernel]);
    }
    for (size_t i = 0; i < KERNEL_COUNT; ++i)
        all |= made[i];
    return read & ~all;
}

/* ---- the list ---- */

struct clattn__stage *clattn__stage_add(clattn_plan *plan, const struct clattn__stage *stage)
{
    const size_t at = helps(stage->config.kernel) ? 0 : plan->stage_count;
    memmove(&plan->stages[at + 1], &plan->stages[at], (plan->stage_count - at) * sizeof *stage);
    plan->stages[at] = *stage;
    plan->stages[at].makes = makes(stage);
    plan->stages[at].reads = has(stage) & ~makes(stage);
    ++plan->stage_count;
    return &plan->stages[at];
}

const struct clattn__stage *clattn__stage_for(const clattn_plan *plan, enum clattn__kernel kernel,
                                              const struct call *call)
{
    const struct clattn__stage *found = NULL;
    for (size_t i = 0; i < plan->stage_count; ++i) {
        const struct clattn__stage *stage = &plan->stages[i];
        if (stage->config.kernel != kernel)
            continue;
        found = stage;
        if (!call || !stage->solver->accepts_layout || stage->solver->accepts_layout(&plan->problem, kernel, call))
            break;
    }
    return found;
}

bool clattn__stage_is_of(const struct clattn__stage *stage, unsigned pass)
{
    const unsigned whole = pass == CLATTN_FORWARD ? CLATTN_FORWARD : CLATTN__GRADIENTS;
    return clattn__kernel_passes[stage->config.kernel] & whole;
}

size_t clattn__stages_for(const clattn_plan *plan, unsigned pass, const struct call *call,
                          const struct clattn__stage *stages[KERNEL_COUNT])
{
    unsigned read = 0, made = 0;
    size_t fit = 0, count = 0;
    for (size_t i = 0; i < plan->stage_count; ++i) {
        const struct clattn__stage *stage = &plan->stages[i];
        if (!clattn__stage_is_of(stage, pass) || stage != clattn__stage_for(plan, stage->config.kernel, call))
            continue;
        read |= stage->reads;
        made |= helps(stage->config.kernel) ? 0 : stage->makes;
        stages[fit++] = stage;
    }
    for (size_t i = 0; i < fit; ++i)
        if (!helps(stages[i]->config.kernel) || stages[i]->makes & read & ~made)
            stages[count++] = stages[i];
    return count;
}
