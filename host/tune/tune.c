/* SPDX-License-Identifier: Apache-2.0 */
/* clattn_tune: finds the fastest configuration of each kernel by trying. */
#include "api/api.h"
#include "base/sizes.h"
#include "launch/launch.h"
#include "plan/plan.h"
#include "select/engine.h"
#include "select/tunables.h"
#include "select/tuned.h"
#include "tune/candidates.h"
#include "tune/trial.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A smaller gain is not worth a row: timing is no more precise. */
static const double least_gain = 0.98;

struct search {
    clattn_context *context; /* the caller's */
    clattn_tune_options options;
    double seconds;         /* per kernel */
    double start, deadline; /* of the kernel's search */
    bool stopped;
    enum clattn__kernel kernel;
    struct clattn__trial trial;
    struct clattn__candidates candidates;
    struct clattn__config builtin, best;
    clattn_tuned_kernel found, all[KERNEL_COUNT];
    size_t count; /* of `all` */
};

/* ---- one configuration ---- */

/* A plan in the trial's context, with this as the only tuned configuration; NULL: no plan uses
 * it. */
static clattn_status make_plan(struct search *s, const struct clattn__config *config, clattn_plan **plan)
{
    clattn_context *context = s->trial.runner.context;
    struct clattn__tuned row = {.config = *config};
    struct clattn__tuned_table table = {&row, 1, 1};
    clattn__tuned_key(config->engine, s->kernel, &s->trial.problem, row.part);
    context->tuned = &table;
    const clattn_status status =
        clattn_plan_create(context, &s->trial.problem, clattn__trial_pass(&s->trial, s->kernel), plan);
    context->tuned = NULL;
    if (!status && !clattn__stage_for_contiguous(*plan, s->kernel)->tuned) {
        clattn_plan_destroy(*plan);
        *plan = NULL;
    }
    return status;
}

/* Seconds of a run; infinite if it does not build or run, or is wrong. Only a lack of host memory
 * is an error. */
static clattn_status try_config(struct search *s, const struct clattn__config *config, double give_up, double *seconds)
{
    clattn_plan *plan;
    bool right = false;
    *seconds = INFINITY;
    clattn_status status = make_plan(s, config, &plan);
    if (!status && plan)
        status = clattn__trial_verify(&s->trial, plan, s->kernel, &right);
    if (!status && right)
        status = clattn__trial_time(&s->trial, plan, s->kernel, give_up, seconds);
    if (status)
        *seconds = INFINITY;
    clattn_plan_destroy(plan);
    return status == CLATTN_OUT_OF_MEMORY ? status : CLATTN_SUCCESS;
}

/* Runs the configuration that a plan uses without tuning; its results are the expected ones. */
static clattn_status try_builtin(struct search *s)
{
    clattn_plan *plan;
    clattn_status status =
        clattn_plan_create(s->trial.runner.context, &s->trial.problem, clattn__trial_pass(&s->trial, s->kernel), &plan);
    if (!status)
        status = clattn__trial_record(&s->trial, plan, s->kernel);
    if (!status)
        status = clattn__trial_time(&s->trial, plan, s->kernel, INFINITY, &s->found.builtin_seconds);
    if (!status)
        s->builtin = s->best = clattn__stage_for_contiguous(plan, s->kernel)->config;
    s->candidates.engine = s->builtin.engine;
    s->found.best_seconds = s->found.builtin_seconds;
    clattn_plan_destroy(plan);
    return status;
}

/* ---- one kernel ---- */

static bool is_over(struct search *s)
{
    const double now = clattn__seconds_now();
    const clattn_tune_progress progress = {.struct_size = sizeof progress,
                                           .kernel = clattn__kernel_names[s->kernel],
                                           .done = s->candidates.tried,
                                           .known = s->candidates.count,
                                           .seconds = now - s->start,
                                           .budget = s->seconds,
                                           .builtin_seconds = s->found.builtin_seconds,
                                           .best_seconds = s->found.best_seconds};
    if (!s->stopped && s->options.progress)
        s->stopped = s->options.progress(s->options.user, &progress) != 0;
    return s->stopped || now >= s->deadline;
}

static clattn_status try_candidates(struct search *s)
{
    const double near_best = 1.1, hopeless = 1.3;
    clattn_status status = CLATTN_SUCCESS;
    struct clattn__config known = s->builtin; /* an earlier search's result */
    const bool is_known = clattn__tuned_find(s->context, s->builtin.engine, &s->trial.problem, &known);
    s->start = clattn__seconds_now();
    s->deadline = s->start + s->seconds;
    clattn__candidates_begin(&s->candidates, &s->builtin, s->found.builtin_seconds, is_known ? &known : NULL);
    while (!status && !is_over(s)) {
        const struct clattn__config *config = clattn__candidates_next(&s->candidates);
        double seconds;
        if (!config)
            break;
        status = try_config(s, config, hopeless * s->found.best_seconds, &seconds);
        s->found.refused += isinf(seconds) ? 1 : 0;
        if (seconds < near_best * s->found.best_seconds)
            clattn__candidates_add(&s->candidates, config, seconds);
        if (seconds < s->found.best_seconds) {
            s->found.best_seconds = seconds;
            s->best = *config;
        }
    }
    return status;
}

/* The fastest of many is partly the luckiest: it must win once more, against the built-in
 * configuration. */
static clattn_status confirm(struct search *s)
{
    double builtin = INFINITY, best = INFINITY;
    clattn_status status = CLATTN_SUCCESS;
    if (!clattn__tunables_equal(&s->best, &s->builtin)) {
        status = try_config(s, &s->builtin, INFINITY, &builtin);
        if (!status)
            status = try_config(s, &s->best, INFINITY, &best);
    }
    s->found.is_builtin = !(best < least_gain * builtin);
    if (s->found.is_builtin) {
        s->best = s->builtin;
        s->found.best_seconds = s->found.builtin_seconds;
    } else {
        s->found.builtin_seconds = isinf(builtin) ? s->found.builtin_seconds : builtin;
        s->found.best_seconds = best;
    }
    return status;
}

static void describe(struct search *s)
{
    char text[CLATTN__OPTIONS_MAX];
    s->found.kernel = clattn__kernel_names[s->kernel];
    s->found.tried = s->candidates.tried;
    clattn__tunables_print(&s->best, " ", text, sizeof text);
    snprintf(s->found.configuration, sizeof s->found.configuration, "%.255s", text + 1);
    strcpy(s->found.engine, clattn__engine_names[s->best.engine]);
}

static clattn_status store(struct search *s)
{
    struct clattn__tuned row = {.config = s->best};
    clattn__tuned_key(s->best.engine, s->kernel, &s->trial.problem, row.part);
    return clattn__tuned_store(s->context, &row, 1);
}

/* Runs forward, because backward reads its results, and the last candidate may have been wrong. */
static clattn_status run_forward(struct search *s)
{
    clattn_plan *plan;
    clattn_status status = clattn_plan_create(s->trial.runner.context, &s->trial.problem, CLATTN_FORWARD, &plan);
    if (!status)
        status = clattn__trial_record(&s->trial, plan, KERNEL_FORWARD);
    clattn_plan_destroy(plan);
    return status;
}

static clattn_status tune_kernel(struct search *s)
{
    memset(&s->found, 0, sizeof s->found);
    clattn_status status = try_builtin(s);
    if (!status)
        status = try_candidates(s);
    if (!status)
        status = confirm(s);
    /* Without a candidate nothing is known, and an earlier search may have stored a row. */
    if (!status && s->candidates.tried > 1)
        status = store(s);
    if (!status)
        describe(s);
    return status;
}

/* ---- the call ---- */

/* Lists the kernels of a plan of these passes that can be tuned. */
static clattn_status list_kernels(struct search *s, unsigned passes, bool tunable[KERNEL_COUNT], int *count)
{
    clattn_plan *plan;
    const clattn_status status = clattn_plan_create(s->trial.runner.context, &s->trial.problem, passes, &plan);
    for (int kernel = 0; !status && kernel < KERNEL_COUNT; ++kernel) {
        tunable[kernel] = clattn__stage_for(plan, (enum clattn__kernel)kernel, NULL) &&
                          clattn__trial_pass(&s->trial, (enum clattn__kernel)kernel) != 0;
        *count += tunable[kernel];
    }
    clattn_plan_destroy(plan);
    return status;
}

static clattn_status tune_all(struct search *s, const clattn_problem *problem, unsigned passes)
{
    clattn_status status = clattn__trial_open(&s->trial, s->context, problem, passes | CLATTN_FORWARD);
    const clattn_context *context = s->trial.runner.context;
    if (status)
        return status;
    s->candidates.context = context;
    s->candidates.problem = &s->trial.problem;
    /* has_forward: out and lse are correct, as backward needs them. */
    bool tunable[KERNEL_COUNT] = {false}, has_forward = false;
    int count = 0;
    status = list_kernels(s, passes, tunable, &count);
    s->seconds = s->options.seconds / (count ? count : 1);
    for (int kernel = 0; !status && !s->stopped && kernel < KERNEL_COUNT; ++kernel) {
        if (!tunable[kernel])
            continue;
        s->kernel = KERNEL_FORWARD;
        if (kernel != KERNEL_FORWARD && !has_forward)
            status = run_forward(s);
        if (status)
            return status;
        has_forward = kernel != KERNEL_FORWARD;
        s->kernel = (enum clattn__kernel)kernel;
        status = tune_kernel(s);
        s->all[s->count++] = s->found;
    }
    return status;
}

/* The caller's structs, at the library's size. */
struct tune_call {
    clattn_problem problem;
    clattn_tune_options options;
    clattn_tune_result result;
};

static clattn_status take_result(const clattn_tune_result *given, clattn_tune_result *result)
{
    const clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_tune_result), "result", given, result);
    if (status || !result->capacity)
        return status;
    if (!result->kernels)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "result.kernels is NULL; result.capacity is %zu",
                            result->capacity);
    const struct clattn__struct *type = CLATTN__STRUCT(clattn_tuned_kernel);
    if (result->kernel_size < type->least)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "result.kernel_size is %zu; it must be sizeof(clattn_tuned_kernel), %zu in this library "
                            "(clattn %s) and never less than %zu",
                            result->kernel_size, type->size, clattn_version_string(), type->least);
    return CLATTN_SUCCESS;
}

static clattn_status take_call(const clattn_context *context, const clattn_problem *problem,
                               const clattn_tune_options *options, const clattn_tune_result *result,
                               struct tune_call *call)
{
    *call = (struct tune_call){.options = CLATTN_TUNE_OPTIONS_INIT, .result = CLATTN_TUNE_RESULT_INIT};
    if (!context || !problem)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", context ? "problem" : "context");
    clattn_status status = CLATTN_SUCCESS;
    if (options)
        status = clattn__struct_read(CLATTN__STRUCT(clattn_tune_options), "options", options, &call->options);
    if (status)
        return status;
    const double seconds = call->options.seconds;
    if (!(seconds >= 0.0 && isfinite(seconds)))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "options.seconds is %g; it must be 0 or more, and finite",
                            seconds);
    if (seconds == 0.0)
        call->options.seconds = 60.0;
    if (result)
        status = take_result(result, &call->result);
    return status ? status : clattn__problem_take(problem, &call->problem);
}

static void give_result(const struct search *s, clattn_tune_result *taken, clattn_tune_result *result)
{
    taken->stopped = s->stopped;
    taken->count = s->count;
    for (size_t i = 0; i < s->count && i < taken->capacity; ++i)
        clattn__element_give(&s->all[i], sizeof s->all[i], (char *)taken->kernels + i * taken->kernel_size,
                             taken->kernel_size);
    clattn__struct_write(taken, sizeof *taken, result);
}

clattn_status clattn_tune(clattn_context *context, const clattn_problem *problem, unsigned passes,
                          const clattn_tune_options *options, clattn_tune_result *result)
{
    struct tune_call call;
    clattn_status status = take_call(context, problem, options, result, &call);
    if (!status)
        status = clattn__passes_check(passes);
    if (status)
        return status;
    if (!context->tuned_path)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "the context has no folder for tuned configurations: its "
                                                     "options.cache_dir is \"\", or neither XDG_CACHE_HOME nor HOME "
                                                     "names one");
    status = clattn__tuned_store(context, NULL, 0); /* better to fail now than after minutes */
    if (status)
        return status;
    struct search *s = clattn__allocate(&context->allocator, sizeof *s);
    if (s)
        s->candidates.list = clattn__allocate(&context->allocator, MOST_CANDIDATES * sizeof *s->candidates.list);
    if (s && s->candidates.list) {
        call.problem.q_tile = call.problem.k_tile = 0;
        s->context = context;
        s->options = call.options;
        status = tune_all(s, &call.problem, passes);
        clattn__trial_close(&s->trial);
    } else {
        status = clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for a search");
    }
    if (!status && result)
        give_result(s, &call.result, result);
    if (s)
        clattn__release(&context->allocator, s->candidates.list);
    clattn__release(&context->allocator, s);
    return status;
}

const char *clattn_tune_file(const clattn_context *context)
{
    return context && context->tuned_path ? context->tuned_path : "";
}
