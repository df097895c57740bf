/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel's arguments, by its configuration, and their positions. */
#include "plan/arguments.h"

#include "attention/args_list.h"
#include "select/engine.h"

/* When a kernel has an argument. IF_NAME of a feature comes from the list of features. */
#define IF_FEATURE(name, text) IF_##name = IF_FEATURES + FEATURE_##name,
enum condition {
    ALWAYS,
    IF_MASK,
    IF_SPLIT,
    IF_WHOLE,
    IF_DK,
    IF_DV,
    IF_SUMS,
    IF_MAKES_DELTA,
    IF_OWN_DLSE,
    IF_WHOLE_MAX_LOGIT,
    IF_TENSOR_MAPS,
    IF_FEATURES, /* of the first feature */
    CLATTN__FEATURE_LIST(IF_FEATURE)
};

struct row {
    enum condition when;
    struct clattn__argument argument;
};

#define ROW(when, kind, name) {when, {#name, BUFFER_##name}},

static const struct row forward_rows[] = {FORWARD_ARGS(ROW)};
static const struct row combine_rows[] = {FORWARD_COMBINE_ARGS(ROW)};
static const struct row dq_rows[] = {BACKWARD_DQ_ARGS(ROW)};
static const struct row dkdv_rows[] = {BACKWARD_DKDV_ARGS(ROW)};
static const struct row fused_rows[] = {BACKWARD_FUSED_ARGS(ROW)};
static const struct row delta_rows[] = {DELTA_ARGS(ROW)};
static const struct row dbias_rows[] = {BACKWARD_DBIAS_ARGS(ROW)};
static const struct row dsink_rows[] = {BACKWARD_DSINK_ARGS(ROW)};
static const struct row map_rows[] = {TENSOR_MAP_ARGS(ROW)};

#define LIST(rows)                                                                                                     \
    {                                                                                                                  \
        rows, ARRAY_SIZE(rows)                                                                                         \
    }
static const struct {
    const struct row *rows;
    size_t count;
} lists[KERNEL_COUNT] = {[KERNEL_FORWARD] = LIST(forward_rows),
                         [KERNEL_COMBINE] = LIST(combine_rows),
                         [KERNEL_DQ] = LIST(dq_rows),
                         [KERNEL_DKDV] = LIST(dkdv_rows),
                         [KERNEL_BACKWARD_FUSED] = LIST(fused_rows),
                         [KERNEL_DBIAS] = LIST(dbias_rows),
                         [KERNEL_DSINK] = LIST(dsink_rows),
                         [KERNEL_DELTA] = LIST(delta_rows),
                         [KERNEL_TENSOR_MAPS] = LIST(map_rows)};

static bool holds(enum condition when, const struct clattn__config *config)
{
    const unsigned traits = clattn__solver_of(config)->traits;
    if (when >= IF_FEATURES)
        return config->compiled >> (when - IF_FEATURES) & 1;
    switch ((int)when) {
    case ALWAYS:
        return true;
    case IF_MASK:
        return config->mask != MASK_NONE;
    case IF_SPLIT:
        return config->splits > 1;
    case IF_WHOLE:
        return config->splits <= 1;
    case IF_DK:
        return config->want_dk;
    case IF_DV:
        return config->want_dv;
    case IF_SUMS:
        return config->dtype != CLATTN_FLOAT32;
    case IF_MAKES_DELTA:
        return traits & SOLVER_MAKES_DELTA;
    case IF_OWN_DLSE:
        return traits & SOLVER_MAKES_DELTA && config->compiled & CLATTN__FEATURE(DLSE);
    case IF_WHOLE_MAX_LOGIT:
        return config->splits <= 1 && config->compiled & CLATTN__FEATURE(MAX_LOGIT);
    case IF_TENSOR_MAPS:
        return traits & SOLVER_TENSOR_MAPS;
    }
    return false;
}

size_t clattn__arguments(const struct clattn__config *config, struct clattn__argument arguments[BUFFER_COUNT])
{
    size_t count = 0;
    for (size_t i = 0; i < lists[config->kernel].count; ++i) {
        const struct row *row = &lists[config->kernel].rows[i];
        if (holds(row->when, config))
            arguments[count++] = row->argument;
    }
    return count;
}

clattn_status clattn__set_arguments(const struct clattn__stage *stage, cl_kernel kernel, const struct call *call,
                                    const struct clattn__memory buffers[BUFFER_COUNT])
{
    struct clattn__argument arguments[BUFFER_COUNT];
    const size_t count = clattn__arguments(&stage->config, arguments);
    const bool options = stage->config.compiled & CLATTN__CALL_OPTIONS;
    cl_int error = clSetKernelArg(kernel, 0, options ? sizeof *call : CLATTN__PLAIN_CALL_BYTES, call);
    for (size_t i = 0; !error && i < count; ++i) {
        const struct clattn__memory *buffer = &buffers[arguments[i].buffer];
        error = buffer->svm ? clattn__svm_set_argument(kernel, (cl_uint)i + 1, buffer->svm)
                            : clSetKernelArg(kernel, (cl_uint)i + 1, sizeof buffer->mem, &buffer->mem);
    }
    return error ? clattn__fail_opencl(error, "clSetKernelArg") : CLATTN_SUCCESS;
}
