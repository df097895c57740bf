/* SPDX-License-Identifier: Apache-2.0 */
/* Plans: a checked problem, with a configuration and a kernel for each requested pass. */
#include "plan/plan.h"

#include "opencl/program.h"
#include "plan/arguments.h"
#include "select/choose.h"
#include "select/engine.h"
#include "select/tuned.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool stage_wanted(const clattn_plan *plan, enum clattn__kernel kernel)
{
    const bool asked = plan->passes & clattn__kernel_passes[kernel];
    switch (kernel) {
    case KERNEL_COMBINE:
        return plan->splits > 1;
    case KERNEL_DQ:
    case KERNEL_DKDV:
        return asked && !plan->fused;
    case KERNEL_BACKWARD_FUSED:
        return plan->fused;
    case KERNEL_DELTA:
        return clattn__plan_missing_buffers(plan) & CLATTN__BIT(BUFFER_delta);
    case KERNEL_TENSOR_MAPS:
        return clattn__plan_missing_buffers(plan) & CLATTN__BIT(BUFFER_tensor_maps);
    default:
        return asked;
    }
}

/* A multiply-add counts 2. A product of the pass costs 2 N M D per query head. */
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
    case KERNEL_BACKWARD_FUSED:
        return scores * (3.0 * d + 2.0 * dv);
    case KERNEL_DBIAS:
        return scores * (d + dv);
    case KERNEL_TENSOR_MAPS:
        return 0.0;
    default:
        return (double)p->batch * (double)p->q_heads * (double)p->q_len * dv;
    }
}

static void limit_launch(const clattn_context *context, const clattn_problem *problem, struct clattn__stage *stage)
{
    /* The device counts a launch's work-items in its size_t. */
    const size_t items = context->device.address_bits < 64 && SIZE_MAX > INT32_MAX ? INT32_MAX : SIZE_MAX / 2;
    const uint64_t most = items / stage->config.group_size;
    stage->groups = clattn__config_groups(&stage->config, problem);
    stage->groups_per_launch = stage->groups < most ? stage->groups : most;
    stage->persistent_groups = stage->config.persistent ? (size_t)context->device.compute_units : 0;
    if (context->max_launch_flops) {
        const double each = stage_flops(stage, problem) / (double)stage->groups;
        const double groups = (double)context->max_launch_flops / (each > 1.0 ? each : 1.0);
        if (groups < (double)stage->groups_per_launch)
            stage->groups_per_launch = groups < 1.0 ? 1 : (uint64_t)groups;
    }
}

/* Whether the built kernel can run with its work-group and local memory. False is no error unless
 * *status is set. */
static bool kernel_fits(const clattn_context *context, const struct clattn__config *config, cl_kernel kernel,
                        struct clattn__misfit *misfit, clattn_status *status)
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
    /* A program edited for sm_90a was compiled for its work-group or not at all, and the driver's
     * limit ignores that some work-items give registers to others. */
    const bool sized = clattn__engine_find(config->engine)->retarget || group >= config->group_size;
    *misfit = (struct clattn__misfit){config->group_size, group, local};
    return sized && local <= context->device.local_bytes;
}

/* Engines that the plan's stages try in turn. The last one runs the kernels without tiles. */
static size_t engine_order(const clattn_plan *plan, clattn_engine order[CLATTN__ENGINE_COUNT])
{
    if (!plan->only)
        return clattn__engine_order(plan->context, order);
    order[0] = plan->only;
    order[1] = CLATTN_ENGINE_SIMT;
    return 2;
}

/* Index in `order` of the device's own engine: the one it would use without self-tests. It runs the
 * kernels without tiles, and decides whether backward is fused. On a GPU, engine cpu follows it. */
static size_t own_engine(const clattn_engine *order, size_t count)
{
    return count > 1 && order[count - 1] == CLATTN_ENGINE_CPU ? count - 2 : count - 1;
}

/* Builds a configuration and adds it as a stage. *made stays NULL if the device cannot run the
 * kernel. */
static clattn_status try_config(clattn_plan *plan, const struct clattn__config *config, bool tuned,
                                const struct clattn__stage **made)
{
    clattn_context *context = plan->context;
    const struct clattn__solver *solver = clattn__solver_of(config);
    const char *name = solver->program;
    const bool edit = clattn__engine_find(config->engine)->retarget;
    char options[CLATTN__OPTIONS_MAX];
    cl_program program;
    clattn__config_options(config, options);
    clattn_status status = clattn__program_get(context, edit, name, options, &program);
    if (status)
        return status;
    cl_int error;
    cl_kernel built = clCreateKernel(program, name, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateKernel");
    if (!kernel_fits(context, config, built, &plan->misfit, &status)) {
        clReleaseKernel(built);
        return status;
    }
    struct clattn__stage stage = {
        .tuned = tuned, .solver = solver, .config = *config, .kernel = built, .program = program};
    limit_launch(context, &plan->problem, &stage);
    *made = clattn__stage_add(plan, &stage);
    plan->splits = config->kernel == KERNEL_FORWARD ? config->splits : plan->splits;
    return clattn__warm(plan, *made, program);
}

/* Tries an engine's configurations, best first, until the device can run one. A tuned configuration
 * that fails is skipped; a self-test uses no tuned ones, because it must not depend on a file.
 * *made stays NULL if none works. */
static clattn_status try_engine(clattn_plan *plan, enum clattn__kernel kernel, clattn_engine engine,
                                const struct clattn__stage **made)
{
    clattn_context *context = plan->context;
    /* An earlier stage chose the splits; the workspace is shared. */
    const bool split = kernel == KERNEL_FORWARD && plan->splits;
    struct clattn__config config = {.kernel = kernel};
    config.want_dk = plan->passes & CLATTN_BACKWARD_DK;
    config.want_dv = plan->passes & CLATTN_BACKWARD_DV;
    config.splits = plan->splits;
    if (!plan->only && clattn__tuned_find(context, engine, &plan->problem, &config)) {
        config.splits = split ? plan->splits : config.splits;
        const clattn_status status = try_config(plan, &config, true, made);
        if (*made || (status && status != CLATTN_BUILD_FAILED))
            return status;
    }
    for (int attempt = 0; clattn__config_choose(&context->device, engine, &plan->problem, attempt, &config);
         ++attempt) {
        config.splits = split ? plan->splits : config.splits;
        const clattn_status status = try_config(plan, &config, false, made);
        if (status || *made)
            return status;
    }
    return CLATTN_SUCCESS;
}

/* *may: whether the plan may use the engine for the kernel. */
static clattn_status check_engine(clattn_plan *plan, enum clattn__kernel kernel, clattn_engine engine, bool *may)
{
    *may = clattn__engine_supports(engine, &plan->context->device, &plan->problem, kernel);
    return *may && !plan->only ? plan->may_use(plan->context, engine, kernel, may) : CLATTN_SUCCESS;
}

/* Makes the stage that writes tensor maps, in the engine whose stages use them. */
static clattn_status make_maps(clattn_plan *plan)
{
    const struct clattn__stage *made = NULL, *reader = plan->stages;
    while (!(reader->reads & CLATTN__BIT(BUFFER_tensor_maps)))
        ++reader;
    const clattn_status status = try_engine(plan, KERNEL_TENSOR_MAPS, reader->config.engine, &made);
    if (status || made)
        return status;
    return clattn__fail(CLATTN_DEVICE_LIMIT, "kernel %s does not fit %s", clattn__kernel_names[KERNEL_TENSOR_MAPS],
                        plan->context->device.name);
}

static clattn_status fail_misfit(const clattn_plan *plan, enum clattn__kernel kernel)
{
    const struct clattn__device *device = &plan->context->device;
    const struct clattn__misfit *misfit = &plan->misfit;
    char compiled[160] = "";
    if (misfit->group_size)
        snprintf(compiled, sizeof compiled,
                 "; the smallest tried has %zu work-items and %llu bytes, and %zu are the most in the compiled kernel",
                 misfit->group_size, (unsigned long long)misfit->local_bytes, misfit->most_items);
    return clattn__fail(CLATTN_DEVICE_LIMIT,
                        "no configuration of kernel %s fits %s (%zu bytes of local memory, %zu work-items a group)%s",
                        clattn__kernel_names[kernel], device->name, device->local_bytes, device->max_group, compiled);
}

/* Fails because no engine has a solver. The error names the features that no solver supports; if
 * each is supported by some, all of them: the combination or the sizes are not supported. */
static clattn_status fail_unsupported(const clattn_plan *plan, enum clattn__kernel kernel, const clattn_engine *order,
                                      size_t count)
{
    const uint64_t features = clattn__features(&plan->problem);
    struct clattn__text text = {.allocator = &plan->context->allocator};
    uint64_t lacking = features;
    for (size_t i = 0; i < count; ++i)
        for (const struct clattn__solver *s = clattn__solver_first(order[i], kernel); s; s = clattn__solver_next(s))
            lacking &= ~s->features;
    clattn__features_print(lacking ? lacking : features, &text);
    clattn__fail(CLATTN_DEVICE_LIMIT, "no solver of kernel %s for %s supports %s", clattn__kernel_names[kernel],
                 plan->context->device.name, text.failed ? "the problem" : text.chars);
    clattn__text_free(&text);
    return CLATTN_DEVICE_LIMIT;
}

/* Tries the engines in turn: each that can adds a stage, until one accepts all tensors. A build
 * failure is skipped if the engine needs a self-test and was not forced. */
static clattn_status make_stages(clattn_plan *plan, enum clattn__kernel kernel)
{
    const clattn_context *context = plan->context;
    clattn_engine order[CLATTN__ENGINE_COUNT];
    const size_t count = engine_order(plan, order);
    const bool tiles = clattn__config_has_tiles(kernel);
    const size_t first = tiles ? 0 : own_engine(order, count), end = tiles && plan->only ? 1 : count;
    plan->misfit = (struct clattn__misfit){0};
    for (size_t i = first; i < end; ++i) {
        const struct clattn__stage *made = NULL;
        bool may;
        clattn_status status = check_engine(plan, kernel, order[i], &may);
        if (!status && may)
            status = try_engine(plan, kernel, order[i], &made);
        const bool may_fail = clattn__engine_find(order[i])->tested && i + 1 < end && order[i] != context->engine;
        if (status && (status != CLATTN_BUILD_FAILED || !may_fail))
            return status;
        if (made && !made->solver->accepts_layout)
            return CLATTN_SUCCESS;
    }
    if (clattn__stage_for(plan, kernel, NULL))
        return CLATTN_SUCCESS;
    for (size_t i = first; i < end; ++i)
        if (clattn__engine_supports(order[i], &context->device, &plan->problem, kernel))
            return fail_misfit(plan, kernel);
    return fail_unsupported(plan, kernel, order + first, end - first);
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

clattn_status clattn__plan_build(clattn_context *context, clattn_engine only, clattn__may_use *may_use,
                                 const clattn_problem *problem, unsigned passes, clattn_plan **result)
{
    struct clattn__error before; /* failed attempts before the plan succeeds are no error */
    clattn__error_keep(&before);
    *result = NULL;
    clattn_plan *plan = clattn__allocate(&context->allocator, sizeof *plan);
    if (!plan)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for a plan");
    plan->context = context;
    plan->problem = *problem;
    plan->passes = passes;
    plan->only = only;
    plan->may_use = may_use;
    plan->pack = clattn__config_pack(problem);
    plan->scale = problem->score.scale != 0.0f ? problem->score.scale : (float)(1.0 / sqrt((double)problem->qk_dim));
    clattn_engine order[CLATTN__ENGINE_COUNT];
    const size_t own = own_engine(order, engine_order(plan, order));
    plan->fused = (passes & CLATTN_BACKWARD) == CLATTN_BACKWARD &&
                  clattn__config_backward_fused(&context->device, order[own], problem);
    clattn_status status = make_lock(plan);
    for (int kernel = 0; !status && kernel < KERNEL_COUNT; ++kernel)
        if (stage_wanted(plan, (enum clattn__kernel)kernel))
            status = kernel == KERNEL_TENSOR_MAPS ? make_maps(plan) : make_stages(plan, (enum clattn__kernel)kernel);
    if (!status)
        status = clattn__plan_write_description(plan);
    if (status) {
        clattn__plan_free(plan);
    } else {
        clattn__error_restore(&before);
        *result = plan;
    }
    return status;
}

void clattn__plan_free(clattn_plan *plan)
{
    const clattn_allocator allocator = plan->context->allocator;
    for (size_t i = 0; i < plan->stage_count; ++i)
        clReleaseKernel(plan->stages[i].kernel);
    if (plan->lock)
        pthread_mutex_destroy(plan->lock);
    clattn__release(&allocator, plan->lock);
    clattn__release(&allocator, plan->description);
    clattn__release(&allocator, plan);
}
