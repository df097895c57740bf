/* Plans: a checked problem with a configuration and a kernel for each pass asked for. */
#include "internal.h"

#include "engine.h"
#include "tuned.h"

#include <math.h>
#include <string.h>

static bool stage_wanted(const clattn_plan *plan, enum clattn__kernel kernel)
{
    const unsigned passes = plan->passes;
    switch (kernel) {
    case KERNEL_FORWARD:
        return passes & CLATTN_FORWARD;
    case KERNEL_COMBINE:
        return plan->stages[KERNEL_FORWARD].config.splits > 1;
    case KERNEL_DELTA:
        return clattn__delta_wanted(plan) && !clattn__dq_makes_delta(plan);
    case KERNEL_DQ:
        return !plan->one_walk && passes & CLATTN_BACKWARD_DQ;
    case KERNEL_DKDV:
        return !plan->one_walk && passes & (CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV);
    case KERNEL_HEAD:
        return plan->one_walk;
    case KERNEL_MAPS:
        return clattn__maps_engine(plan) != CLATTN_ENGINE_AUTO;
    case KERNEL_COUNT:
        break;
    }
    return false;
}

/* Multiply-adds count 2; a product of the pass costs 2 N M D for each query head. */
static double stage_flops(const struct clattn__stage *stage, const clattn_problem *p)
{
    const double scores = (double)p->batch * (double)p->q_heads * (double)p->q_len * (double)p->kv_len;
    const double d = 2.0 * (double)p->qk_dim, dv = 2.0 * (double)p->v_dim;
    switch (stage->config.kernel) {
    case KERNEL_FORWARD:
        return scores * (d + dv);
    case KERNEL_COMBINE:
        return (double)p->batch * (double)p->q_heads * (double)p->q_len * dv * (double)stage->config.splits;
    case KERNEL_DQ:
        return scores * (2.0 * d + dv);
    case KERNEL_DKDV:
        return scores * (d + (stage->config.want_dk ? d + dv : 0.0) + (stage->config.want_dv ? dv : 0.0));
    case KERNEL_HEAD:
        return scores * (3.0 * d + 2.0 * dv);
    case KERNEL_MAPS:
        return 0.0;
    default:
        return (double)p->batch * (double)p->q_heads * (double)p->q_len * dv;
    }
}

static void limit_launch(const clattn_context *context, const clattn_problem *problem, struct clattn__stage *stage)
{
    const uint64_t most = SIZE_MAX / 2 / stage->config.group_size;
    stage->groups = clattn__config_groups(&stage->config, problem);
    stage->groups_per_launch = stage->groups < most ? stage->groups : most;
    stage->most_groups = stage->config.stay ? (size_t)context->device.compute_units : 0;
    if (context->max_launch_flops) {
        const double each = stage_flops(stage, problem) / (double)stage->groups;
        const double groups = (double)context->max_launch_flops / (each > 1.0 ? each : 1.0);
        if (groups < (double)stage->groups_per_launch)
            stage->groups_per_launch = groups < 1.0 ? 1 : (uint64_t)groups;
    }
}

/* Whether the built kernel can run with its work-group and local memory; false is no failure, *status is. */
static bool kernel_fits(const clattn_context *context, const struct clattn__config *config, cl_kernel kernel,
                        clattn_status *status)
{
    size_t group = 0;
    cl_ulong local = 0;
    cl_int error = clGetKernelWorkGroupInfo(kernel, context->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof group, &group, NULL);
    if (!error)
        error = clGetKernelWorkGroupInfo(kernel, context->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    if (error) {
        *status = clattn__fail_opencl(error, "clGetKernelWorkGroupInfo");
        return false;
    }
    /* A program edited for sm_90a was compiled for its work-group, or not at all; the driver counts as if no work-item
     * gave registers to others. */
    const bool sized = clattn__engine_find(config->engine)->retarget || group >= config->group_size;
    return sized && local <= context->device.local_bytes;
}

/* Engines that the plan's stages try in turn. What works on no tiles is the last one's. */
static size_t engine_order(const clattn_plan *plan, clattn_engine order[CLATTN__ENGINE_COUNT])
{
    if (!plan->only)
        return clattn__engine_order(plan->context, order);
    order[0] = plan->only;
    order[1] = CLATTN_ENGINE_SIMT;
    return 2;
}

/* The one that is right everywhere. */
static clattn_engine last_engine(const clattn_plan *plan)
{
    clattn_engine order[CLATTN__ENGINE_COUNT];
    return order[engine_order(plan, order) - 1];
}

/* Builds a configuration. Success without stage->used: the device cannot run what came of it. */
static clattn_status try_config(clattn_plan *plan, struct clattn__stage *stage, const struct clattn__config *config)
{
    clattn_context *context = plan->context;
    const char *name = clattn__config_program(config);
    char options[CLATTN__OPTIONS_MAX];
    cl_program program;
    clattn__config_options(config, options);
    clattn_status status = clattn__program_get(context, config->engine, name, options, &program);
    if (status)
        return status;
    cl_int error;
    cl_kernel built = clCreateKernel(program, name, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateKernel");
    if (!kernel_fits(context, config, built, &status)) {
        clReleaseKernel(built);
        return status;
    }
    stage->used = true;
    stage->config = *config;
    stage->kernel = built;
    limit_launch(context, &plan->problem, stage);
    return CLATTN_SUCCESS;
}

/* Tries an engine's configurations, the best first, until one builds to a kernel that the device can run. A tuned one
 * that does not is passed over as if there were none; a self-test is not for what a file says. Success without
 * stage->used: there is none. */
static clattn_status try_engine(clattn_plan *plan, enum clattn__kernel kernel, clattn_engine engine,
                                struct clattn__stage *stage)
{
    clattn_context *context = plan->context;
    const struct clattn__stage *first = &plan->stages[kernel], *forward = &plan->stages[KERNEL_FORWARD];
    struct clattn__config config = {.kernel = kernel};
    config.want_dk = plan->passes & CLATTN_BACKWARD_DK;
    config.want_dv = plan->passes & CLATTN_BACKWARD_DV;
    config.splits = forward->config.splits;
    if (!plan->only && clattn__tuned_find(context, engine, &plan->problem, &config)) {
        config.splits = first->used ? first->config.splits : config.splits;
        const clattn_status status = try_config(plan, stage, &config);
        stage->tuned = stage->used;
        if (stage->used || (status && status != CLATTN_BUILD_FAILED))
            return status;
    }
    for (int attempt = 0; clattn__config_choose(&context->device, engine, &plan->problem, attempt, &config);
         ++attempt) {
        config.splits = first->used ? first->config.splits : config.splits; /* a fallback fills the same workspace */
        const clattn_status status = try_config(plan, stage, &config);
        if (status || stage->used)
            return status;
    }
    return CLATTN_SUCCESS;
}

/* Whether the plan may use the engine for the kernel. An engine that was forced must not be missing. */
static clattn_status may_use(clattn_plan *plan, enum clattn__kernel kernel, clattn_engine engine, bool *may)
{
    clattn_context *context = plan->context;
    *may = clattn__engine_supports(engine, &context->device, &plan->problem, kernel);
    if (!*may || plan->only)
        return CLATTN_SUCCESS;
    const clattn_status status = clattn__engine_try(context, engine, kernel, may);
    if (status || *may || engine != context->engine)
        return status;
    return clattn__fail(CLATTN_DEVICE_LIMIT, "engine %s, which options.engine asks for, is not available on %s: %s",
                        clattn__engine_names[engine], context->device.name,
                        clattn__engine_reason(context, engine, kernel));
}

/* For the engine whose stages need them. */
static clattn_status make_maps(clattn_plan *plan)
{
    struct clattn__stage *stage = &plan->stages[KERNEL_MAPS];
    const clattn_status status = try_engine(plan, KERNEL_MAPS, clattn__maps_engine(plan), stage);
    if (status || stage->used)
        return status;
    return clattn__fail(CLATTN_DEVICE_LIMIT, "kernel %s does not fit %s", clattn__kernel_names[KERNEL_MAPS],
                        plan->context->device.name);
}

/* The engines in turn: the first that can makes the stage, and if there are tensors that it does not take, the next the
 * fallback. What does not build is passed over, unless it is the engine that was asked for, or the last. */
static clattn_status make_stage(clattn_plan *plan, enum clattn__kernel kernel)
{
    const clattn_context *context = plan->context;
    struct clattn__stage *stage = &plan->stages[kernel];
    clattn_engine order[CLATTN__ENGINE_COUNT];
    const size_t count = engine_order(plan, order);
    const bool tiles = clattn__config_has_tiles(kernel);
    const size_t end = tiles && plan->only ? 1 : count;
    for (size_t i = tiles ? 0 : count - 1; i < end; ++i) {
        bool may;
        clattn_status status = may_use(plan, kernel, order[i], &may);
        if (!status && may)
            status = try_engine(plan, kernel, order[i], stage);
        if (status && (status != CLATTN_BUILD_FAILED || i + 1 == end || order[i] == context->engine))
            return status;
        if (stage->used && (stage == &plan->fallbacks[kernel] || !stage->config.aligned))
            return CLATTN_SUCCESS;
        if (stage->used)
            stage = &plan->fallbacks[kernel];
    }
    if (plan->stages[kernel].used)
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_DEVICE_LIMIT,
                        "no configuration of kernel %s fits %s (%zu bytes of local memory, %zu work-items a group)",
                        clattn__kernel_names[kernel], context->device.name, context->device.local_bytes,
                        context->device.max_group);
}

/* ---- description ---- */

static void describe_tile(struct clattn__text *text, const char *name, int64_t requested, int used)
{
    clattn__text_add(text, ", %d %s", used, name);
    if (requested)
        clattn__text_add(text, " (%lld requested)", (long long)requested);
}

static void describe_stage(struct clattn__text *text, const clattn_plan *plan, const struct clattn__stage *stage)
{
    const struct clattn__config *c = &stage->config;
    char options[CLATTN__OPTIONS_MAX];
    clattn__config_options(c, options);
    clattn__text_add(text, "%s%s: ", clattn__kernel_names[c->kernel],
                     stage == &plan->fallbacks[c->kernel] ? ", tensors with other strides" : "");
    if (c->kernel == KERNEL_DELTA) {
        clattn__text_add(text, "%d work-items a row, %d rows a work-group", c->tx, c->own);
    } else if (c->kernel == KERNEL_MAPS) {
        clattn__text_add(text, "one work-item a tensor, batch and kernel");
    } else if (c->kernel == KERNEL_COMBINE) {
        clattn__text_add(text, "one work-group a row adds up %d parts", c->splits);
    } else {
        const bool keys_own = clattn__config_keys_own(c->kernel);
        clattn__text_add(text, "engine %s%s", clattn__engine_names[c->engine], c->few ? " for few query rows" : "");
        describe_tile(text, plan->pack > 1 ? "query rows a tile" : "queries a tile", plan->problem.q_tile,
                      keys_own ? c->walk : c->own);
        describe_tile(text, "keys a tile", plan->problem.k_tile, keys_own ? c->own : c->walk);
        clattn__text_add(text, ", %s local memory %zu bytes", keys_own ? "column-tiled," : "row-tiled,",
                         c->local_bytes);
        if (plan->pack > 1)
            clattn__text_add(text, ", %d heads share a tile", plan->pack);
        if (c->splits > 1)
            clattn__text_add(text, ", keys in %d parts%s", c->splits,
                             plan->problem.kv_splits ? " (as asked)" : " (tuned)");
    }
    clattn__text_add(text, ", %llu work-groups of %zu", (unsigned long long)stage->groups, c->group_size);
    if (stage->groups_per_launch < stage->groups)
        clattn__text_add(text, ", at most %llu a launch", (unsigned long long)stage->groups_per_launch);
    if (c->kernel != KERNEL_DELTA && c->kernel != KERNEL_MAPS)
        clattn__text_add(text, stage->tuned ? " (tuned on this device)" : " (built-in table)");
    clattn__text_add(text, "; %s\n", options);
}

static clattn_status describe(clattn_plan *plan)
{
    const clattn_context *context = plan->context;
    struct clattn__text text = {.allocator = &context->allocator};
    clattn__text_add(&text, "device %s; %s\n", context->device.name,
                     context->engine ? "engine as the context's options ask" : "engine by what the device can do");
    for (size_t i = 0; i < KERNEL_COUNT; ++i) {
        if (plan->stages[i].used)
            describe_stage(&text, plan, &plan->stages[i]);
        if (plan->fallbacks[i].used)
            describe_stage(&text, plan, &plan->fallbacks[i]);
    }
    plan->description = text.chars;
    return text.failed ? clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to describe the plan") : CLATTN_SUCCESS;
}

/* ---- life ---- */

static clattn_status make_lock(clattn_plan *plan)
{
    plan->lock = clattn__allocate(&plan->context->allocator, sizeof *plan->lock);
    if (plan->lock && pthread_mutex_init(plan->lock, NULL)) {
        clattn__release(&plan->context->allocator, plan->lock);
        plan->lock = NULL;
    }
    return plan->lock ? CLATTN_SUCCESS : clattn__fail(CLATTN_OUT_OF_MEMORY, "no mutex for a plan");
}

clattn_status clattn__passes_check(unsigned passes)
{
    const unsigned all = CLATTN_FORWARD | CLATTN_BACKWARD;
    if (!passes || passes & ~all)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "passes is 0x%x; allowed are the bits of CLATTN_FORWARD and CLATTN_BACKWARD", passes);
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
    clattn_status status = clattn__passes_check(passes);
    if (!status)
        status = clattn__problem_check(problem);
    return status ? status : clattn__plan_create_by(context, CLATTN_ENGINE_AUTO, problem, passes, result);
}

clattn_status clattn__plan_create_by(clattn_context *context, clattn_engine engine, const clattn_problem *problem,
                                     unsigned passes, clattn_plan **result)
{
    struct clattn__error before; /* what was passed over on the way to a plan is no failure */
    clattn__error_keep(&before);
    *result = NULL;
    clattn_plan *plan = clattn__allocate(&context->allocator, sizeof *plan);
    if (!plan)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for a plan");
    clattn__context_retain(context);
    plan->context = context;
    plan->problem = *problem;
    plan->passes = passes;
    plan->only = engine;
    plan->pack = clattn__config_pack(problem);
    plan->scale = problem->scale != 0.0f ? problem->scale : (float)(1.0 / sqrt((double)problem->qk_dim));
    plan->one_walk = (passes & CLATTN_BACKWARD) == CLATTN_BACKWARD &&
                     clattn__config_one_walk(&context->device, last_engine(plan), problem);
    clattn_status status = make_lock(plan);
    for (int kernel = 0; !status && kernel < KERNEL_COUNT; ++kernel)
        if (stage_wanted(plan, (enum clattn__kernel)kernel))
            status = kernel == KERNEL_MAPS ? make_maps(plan) : make_stage(plan, (enum clattn__kernel)kernel);
    if (!status)
        status = describe(plan);
    if (status) {
        clattn_plan_destroy(plan);
    } else {
        clattn__error_restore(&before);
        *result = plan;
    }
    return status;
}

void clattn_plan_destroy(clattn_plan *plan)
{
    if (!plan)
        return;
    clattn_context *context = plan->context;
    for (size_t i = 0; i < KERNEL_COUNT; ++i) {
        if (plan->stages[i].kernel)
            clReleaseKernel(plan->stages[i].kernel);
        if (plan->fallbacks[i].kernel)
            clReleaseKernel(plan->fallbacks[i].kernel);
    }
    if (plan->lock)
        pthread_mutex_destroy(plan->lock);
    clattn__release(&context->allocator, plan->lock);
    clattn__release(&context->allocator, plan->description);
    clattn__release(&context->allocator, plan);
    clattn__context_release(context);
}

size_t clattn__workspace_sums(const clattn_plan *plan, unsigned pass)
{
    const clattn_problem *p = &plan->problem;
    const size_t rows = (size_t)(p->batch * p->q_heads * p->q_len);
    const size_t sums = plan->one_walk && p->dtype != CLATTN_FLOAT32 ? (size_t)p->qk_dim : 0;
    if (pass == CLATTN_FORWARD)
        return clattn__split_bytes(p, plan->stages[KERNEL_FORWARD].config.splits);
    return clattn__delta_wanted(plan) ? sizeof(float) * rows * (1 + sums) : 0;
}

clattn_status clattn_plan_workspace_size(const clattn_plan *plan, unsigned pass, size_t *bytes)
{
    if (!plan || !bytes)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", plan ? "bytes" : "plan");
    if (pass != CLATTN_FORWARD && (!pass || pass & ~(unsigned)CLATTN_BACKWARD))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "pass is 0x%x; allowed are CLATTN_FORWARD and CLATTN_BACKWARD",
                            pass);
    *bytes = clattn__workspace_sums(plan, pass) + clattn__maps_bytes(plan, pass);
    return CLATTN_SUCCESS;
}

const char *clattn_plan_describe(const clattn_plan *plan)
{
    return plan ? plan->description : "";
}
