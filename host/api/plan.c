/* SPDX-License-Identifier: Apache-2.0 */
/* Public functions of plans; each plan retains its context. */
#include "api/api.h"

#include "api/trial.h"

clattn_status clattn__passes_check(unsigned passes)
{
    const unsigned all = CLATTN_FORWARD | CLATTN__GRADIENTS;
    if (!passes || passes & ~all)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "passes is 0x%x; allowed are the bits of clattn_pass", passes);
    return CLATTN_SUCCESS;
}

clattn_status clattn__gradients_check(const clattn_problem *problem, unsigned passes)
{
    if (passes & CLATTN_BACKWARD_DBIAS && !problem->score.bias_dim[0])
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "passes has CLATTN_BACKWARD_DBIAS, but problem.score.bias_dim is 0: there is no bias");
    if (passes & CLATTN_BACKWARD_DSINK && !problem->score.sinks)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "passes has CLATTN_BACKWARD_DSINK, but problem.score.sinks is 0");
    return CLATTN_SUCCESS;
}

clattn_status clattn_plan_create(clattn_context *context, const clattn_problem *problem, unsigned passes,
                                 clattn_plan **result)
{
    if (!result)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "plan is NULL");
    *result = NULL;
    if (!context || !problem)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", context ? "problem" : "context");
    clattn_problem taken;
    clattn_status status = clattn__passes_check(passes);
    if (!status)
        status = clattn__problem_take(problem, &taken);
    if (!status)
        status = clattn__gradients_check(&taken, passes);
    if (status)
        return status;
    clattn__context_retain(context);
    status = clattn__plan_build(context, CLATTN_ENGINE_AUTO, clattn__engine_may_use, &taken, passes, result);
    if (status)
        clattn__context_release(context);
    return status;
}

void clattn_plan_destroy(clattn_plan *plan)
{
    if (!plan)
        return;
    clattn_context *context = plan->context;
    clattn__plan_free(plan);
    clattn__context_release(context);
}

clattn_status clattn_plan_workspace_size(const clattn_plan *plan, unsigned pass, size_t *bytes)
{
    if (!plan || !bytes)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", plan ? "bytes" : "plan");
    if (pass != CLATTN_FORWARD && (!pass || pass & ~(unsigned)CLATTN__GRADIENTS))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "pass is 0x%x; allowed are CLATTN_FORWARD, or gradients", pass);
    *bytes = clattn__workspace_bytes(plan, pass);
    return CLATTN_SUCCESS;
}

const char *clattn_plan_describe(const clattn_plan *plan)
{
    return plan ? plan->description : "";
}
