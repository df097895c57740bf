/* SPDX-License-Identifier: Apache-2.0 */
/* Plans of a layer: its projections, and the plans of its attention. */
#include "layer/layer.h"

#include "api/api.h"
#include "base/sizes.h"

#include <inttypes.h>

static clattn_status plan_attention(clattn_layer_plan *plan)
{
    const clattn_problem problem = clattn__layer_problem(&plan->layer);
    const struct {
        unsigned pass, passes;
        clattn_plan **plan;
    } wanted[] = {
        {CLATTN_FORWARD, CLATTN_FORWARD, &plan->forward},
        {CLATTN_BACKWARD, CLATTN_BACKWARD, &plan->backward},
        {CLATTN_BACKWARD, CLATTN_BACKWARD_DQ, &plan->backward_dq},
        {CLATTN_BACKWARD, CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV, &plan->backward_dkdv},
        {problem.score.bias_dim[0] ? CLATTN_BACKWARD : 0u, CLATTN_BACKWARD_DBIAS, &plan->backward_dbias},
        {problem.score.sinks ? CLATTN_BACKWARD : 0u, CLATTN_BACKWARD_DSINK, &plan->backward_dsink},
    };
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < ARRAY_SIZE(wanted); ++i)
        if (plan->passes & wanted[i].pass)
            status = clattn_plan_create(plan->context, &problem, wanted[i].passes, wanted[i].plan);
    return status;
}

/* ---- workspace ---- */

/* Elements at the start of the workspace: the most that a command of the pass needs. */
static clattn_status front_elements(const clattn_layer_plan *plan, unsigned pass, cl_command_queue queue,
                                    int64_t *elements)
{
    const struct clattn__projection *const projections[] = {&plan->q, &plan->kv, &plan->out};
    const clattn_plan *attention = pass == CLATTN_FORWARD ? plan->forward : plan->backward;
    size_t most = 0, of_dbias = 0;
    clattn_status status = clattn_plan_workspace_size(attention, pass, &most);
    if (!status && pass != CLATTN_FORWARD && plan->backward_dbias)
        status = clattn_plan_workspace_size(plan->backward_dbias, CLATTN_BACKWARD_DBIAS, &of_dbias);
    most = of_dbias > most ? of_dbias : most;
    for (size_t i = 0; i < ARRAY_SIZE(projections); ++i) {
        struct clattn__gemm gemms[PROJECTION_GEMMS];
        const size_t count = clattn__projection_gemms(projections[i], pass, gemms);
        for (size_t j = 0; !status && j < count; ++j) {
            size_t bytes = 0;
            status = clattn__gemm_temporary(queue, &gemms[j], &bytes);
            most = bytes > most ? bytes : most;
        }
    }
    const size_t line = 64; /* alignment for vector loads of what follows */
    *elements = (int64_t)((most / sizeof(float) + line - 1) / line * line);
    return status;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Elements of dO's block, which also holds the copies with blanked rows before dO is written and
 * after it is read. */
static int64_t dout_elements(const clattn_layer_plan *plan)
{
    const struct clattn__projection *q = &plan->q, *kv = &plan->kv, *out = &plan->out;
    const int64_t dout = out->rows * out->in;
    if (!plan->blank.kernel)
        return dout;
    return larger(larger(dout, out->rows * out->out), larger(q->rows * q->in, kv->rows * kv->in));
}

static clattn_status plan_space(clattn_layer_plan *plan, unsigned pass, cl_command_queue queue,
                                struct clattn__layer_space *space)
{
    int64_t at = 0;
    const clattn_status status = front_elements(plan, pass, queue, &at);
    if (status)
        return status;
    space->ones = at;
    at += larger(plan->q.rows, plan->kv.rows);
    if (pass == CLATTN_FORWARD) {
        space->saved = at;
        at += clattn__layer_saved(&plan->layer).count;
    } else {
        space->dout = at;
        space->q = space->dout + dout_elements(plan);
        space->kv = space->q + plan->q.rows * plan->q.out;
        at = space->kv + plan->kv.rows * plan->kv.out;
    }
    space->count = at;
    if (at > INT32_MAX)
        return clattn__fail(CLATTN_INVALID_SIZE,
                            "the workspace of %s has %" PRId64 " elements; allowed are less than 2^31",
                            pass == CLATTN_FORWARD ? "forward" : "backward", at);
    return CLATTN_SUCCESS;
}

/* Everything that calls CLBlast, on its own queue. */
static clattn_status plan_projections(clattn_layer_plan *plan)
{
    clattn_status status = CLATTN_SUCCESS;
    cl_int error;
    cl_command_queue queue = clCreateCommandQueue(plan->context->cl, plan->context->id, 0, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateCommandQueue");
    if (plan->passes & CLATTN_FORWARD)
        status = plan_space(plan, CLATTN_FORWARD, queue, &plan->forward_space);
    if (!status && plan->passes & CLATTN_BACKWARD)
        status = plan_space(plan, CLATTN_BACKWARD, queue, &plan->backward_space);
    if (!status)
        status = clattn__layer_warm(plan, queue);
    clReleaseCommandQueue(queue);
    return status;
}

/* ---- description ---- */

static void describe_projection(struct clattn__text *text, const char *name, const struct clattn__projection *p)
{
    clattn__text_add(text, "%s: %" PRId64 " rows, %" PRId64 " -> %" PRId64 "\n", name, p->rows, p->in, p->out);
}

static clattn_status describe(clattn_layer_plan *plan)
{
    struct clattn__text text = {.allocator = &plan->context->allocator};
    clattn__text_add(&text, "projections by %s\n", clattn__gemm_library());
    describe_projection(&text, "q", &plan->q);
    describe_projection(&text, plan->has_context ? "k and v, of the context" : "k and v", &plan->kv);
    describe_projection(&text, "out", &plan->out);
    if (plan->blank.kernel)
        clattn__text_add(&text, "gradients of weights: by copies without the rows that nothing sees\n");
    clattn__text_add(&text, "%s%s", clattn_plan_describe(plan->forward), clattn_plan_describe(plan->backward));
    plan->description = text.chars;
    return text.failed ? clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to describe the plan") : CLATTN_SUCCESS;
}

/* ---- life ---- */

static clattn_status make(clattn_layer_plan *plan)
{
    const clattn_layer *layer = &plan->layer;
    const int64_t width = layer->heads * layer->dim_head;
    const int64_t rows = layer->batch * layer->len, keys = layer->batch * layer->context_len;
    plan->q = (struct clattn__projection){rows, layer->dim, width};
    plan->kv = (struct clattn__projection){keys, layer->context_dim, 2 * layer->kv_heads * layer->dim_head};
    plan->out = (struct clattn__projection){rows, width, layer->dim};
    clattn_status status = plan_attention(plan);
    if (!status && plan->passes & CLATTN_BACKWARD && clattn__layer_hides_rows(layer))
        status = clattn__blank_make(plan->context, &plan->blank);
    if (!status)
        status = plan_projections(plan);
    return status ? status : describe(plan);
}

clattn_status clattn_layer_plan_create(clattn_context *context, const clattn_layer *layer, unsigned passes,
                                       clattn_layer_plan **result)
{
    if (!result)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "plan is NULL");
    *result = NULL;
    if (!context || !layer)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", context ? "layer" : "context");
    const unsigned backward = passes & CLATTN_BACKWARD;
    if (!passes || passes & ~(unsigned)(CLATTN_FORWARD | CLATTN_BACKWARD) || (backward && backward != CLATTN_BACKWARD))
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "passes is 0x%x; allowed are CLATTN_FORWARD, CLATTN_BACKWARD and both", passes);
    clattn_layer taken, checked;
    clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_layer), "layer", layer, &taken);
    if (status)
        return status;
    checked = taken;
    status = clattn__layer_check(&checked);
    if (!status)
        status = clattn__gemm_prepare(context);
    if (status)
        return status;
    clattn_layer_plan *plan = clattn__allocate(&context->allocator, sizeof *plan);
    if (!plan)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for a plan of a layer");
    clattn__context_retain(context);
    plan->context = context;
    plan->layer = checked;
    plan->has_context = taken.context_len != 0;
    plan->passes = passes;
    status = make(plan);
    if (status)
        clattn_layer_plan_destroy(plan);
    else
        *result = plan;
    return status;
}

void clattn_layer_plan_destroy(clattn_layer_plan *plan)
{
    if (!plan)
        return;
    clattn_context *context = plan->context;
    clattn_plan_destroy(plan->forward);
    clattn_plan_destroy(plan->backward);
    clattn_plan_destroy(plan->backward_dq);
    clattn_plan_destroy(plan->backward_dkdv);
    clattn_plan_destroy(plan->backward_dbias);
    clattn_plan_destroy(plan->backward_dsink);
    clattn__blank_release(&plan->blank);
    clattn__release(&context->allocator, plan->description);
    clattn__release(&context->allocator, plan);
    clattn__context_release(context);
}

const char *clattn_layer_plan_describe(const clattn_layer_plan *plan)
{
    return plan ? plan->description : "";
}

clattn_status clattn_layer_workspace_size(const clattn_layer_plan *plan, unsigned pass, size_t *bytes)
{
    if (!plan || !bytes)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", plan ? "bytes" : "plan");
    if (pass != CLATTN_FORWARD && pass != CLATTN_BACKWARD)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "pass is 0x%x; allowed are CLATTN_FORWARD and CLATTN_BACKWARD",
                            pass);
    const struct clattn__layer_space *space = pass == CLATTN_FORWARD ? &plan->forward_space : &plan->backward_space;
    *bytes = (size_t)space->count * sizeof(float);
    return CLATTN_SUCCESS;
}

clattn_status clattn_layer_saved_size(const clattn_layer_plan *plan, size_t *bytes)
{
    if (!plan || !bytes)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", plan ? "bytes" : "plan");
    *bytes = (size_t)clattn__layer_saved(&plan->layer).count * sizeof(float);
    return CLATTN_SUCCESS;
}
