/* SPDX-License-Identifier: Apache-2.0 */
/* The engines, and which of them a context's device can run: never by its name, always by trying. */
#include "select/engine.h"

#include "select/config.h"

#include <stdio.h>
#include <string.h>

/* The fastest first, where a device can run several. */
static const struct clattn__engine table[] = {
    {.id = CLATTN_ENGINE_NVIDIA_WGMMA,
     .tested = true,
     .supports = clattn__wgmma_supports,
     .choose = clattn__wgmma_choose,
     .complete = clattn__wgmma_complete,
     .names =
         {[KERNEL_FORWARD] = "forward_wgmma", [KERNEL_DQ] = "backward_dq_wgmma", [KERNEL_DKDV] = "backward_dkdv_wgmma"},
     .retarget = true,
     .deltas = true,
     .maps = true,
     .takes = clattn__wgmma_takes},
    {.id = CLATTN_ENGINE_NVIDIA_MMA,
     .tested = true,
     .supports = clattn__mma_supports,
     .choose = clattn__mma_choose,
     .complete = clattn__mma_complete,
     .few = "forward_few_mma",
     .deltas = true,
     .takes = clattn__mma_takes},
    {.id = CLATTN_ENGINE_SIMT,
     .choose = clattn__simt_choose,
     .complete = clattn__simt_complete,
     .few = "forward_few",
     .run = 8192,
     .tile_sums = true},
    {.id = CLATTN_ENGINE_CPU, .choose = clattn__cpu_choose, .complete = clattn__cpu_complete, .run = 1024},
};

#define ENGINE_TEXT(name, value, text) [value] = text,
const char *const clattn__engine_names[CLATTN__ENGINE_COUNT] = {CLATTN_ENGINE_LIST(ENGINE_TEXT)};

const char *clattn_engine_name(clattn_engine engine)
{
    return (unsigned)engine < CLATTN__ENGINE_COUNT ? clattn__engine_names[engine] : NULL;
}

const struct clattn__engine *clattn__engine_find(clattn_engine id)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); ++i)
        if (table[i].id == id)
            return &table[i];
    return NULL;
}

bool clattn__engine_supports(clattn_engine id, const struct clattn__device *device, const clattn_problem *problem,
                             enum clattn__kernel kernel)
{
    const struct clattn__engine *engine = clattn__engine_find(id);
    return !engine || !engine->supports || engine->supports(device, problem, kernel);
}

size_t clattn__engine_order(const clattn_context *context, clattn_engine order[CLATTN__ENGINE_COUNT])
{
    const clattn_engine first = context->engine ? context->engine : clattn__device_engine(&context->device);
    size_t count = 0;
    if (!context->engine && first == CLATTN_ENGINE_SIMT)
        for (size_t i = 0; i < ARRAY_SIZE(table); ++i)
            if (table[i].tested)
                order[count++] = table[i].id;
    order[count++] = first;
    if (first != CLATTN_ENGINE_SIMT && first != CLATTN_ENGINE_CPU)
        order[count++] = CLATTN_ENGINE_SIMT;
    if (!context->engine && first == CLATTN_ENGINE_SIMT)
        order[count++] = CLATTN_ENGINE_CPU; /* slow on a GPU, but right on one that has no work-groups of 64 */
    return count;
}

/* ---- trying ---- */

/* Of the last error the line that says most: a compiler's first complaint, or else the first. */
static void keep_reason(char *reason, size_t size)
{
    const char *line = clattn_last_error(), *complaint = strstr(line, "error: ");
    line = complaint ? complaint + strlen("error: ") : line;
    snprintf(reason, size, "%.*s", (int)strcspn(line, "\n"), line);
}

static bool is_gradient(enum clattn__kernel kernel)
{
    return kernel == KERNEL_DQ || kernel == KERNEL_DKDV;
}

/* Under engines_lock, so that threads which need the engine wait for one test. A success leaves no error behind. */
static clattn_status try_once(clattn_context *context, clattn_engine id, enum clattn__kernel kernel)
{
    struct clattn__engine_state *state = &context->engines[id][is_gradient(kernel)];
    struct clattn__error before;
    if (state->tried)
        return CLATTN_SUCCESS;
    clattn__error_keep(&before);
    const clattn_status status = clattn__self_test(context, id, is_gradient(kernel) ? CLATTN_BACKWARD : CLATTN_FORWARD);
    if (status == CLATTN_OUT_OF_MEMORY || (status && clattn_last_opencl_error() == CL_MEM_OBJECT_ALLOCATION_FAILURE))
        return status;
    state->tried = true;
    state->available = status == CLATTN_SUCCESS;
    if (status)
        keep_reason(state->reason, sizeof state->reason);
    clattn__error_restore(&before);
    return CLATTN_SUCCESS;
}

clattn_status clattn__engine_try(clattn_context *context, clattn_engine id, enum clattn__kernel kernel, bool *available)
{
    const struct clattn__engine *engine = clattn__engine_find(id);
    clattn_status status = CLATTN_SUCCESS;
    *available = !engine->tested;
    if (!engine->tested)
        return CLATTN_SUCCESS;
    pthread_mutex_lock(&context->engines_lock);
    status = try_once(context, id, kernel);
    *available = context->engines[id][is_gradient(kernel)].available;
    pthread_mutex_unlock(&context->engines_lock);
    return status;
}

const char *clattn__engine_reason(const clattn_context *context, clattn_engine id, enum clattn__kernel kernel)
{
    return context->engines[id][is_gradient(kernel)].reason;
}

clattn_status clattn__engines_try_all(clattn_context *context)
{
    clattn_engine order[CLATTN__ENGINE_COUNT];
    bool available;
    const size_t count = clattn__engine_order(context, order);
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < 2 * count; ++i)
        status = clattn__engine_try(context, order[i / 2], i % 2 ? KERNEL_DQ : KERNEL_FORWARD, &available);
    return status;
}

/* "available", or for what it is not, and why. */
static void describe_trials(const clattn_context *context, clattn_engine id, struct clattn__text *text)
{
    const struct clattn__engine_state *forward = &context->engines[id][0], *gradients = &context->engines[id][1];
    clattn__text_add(text, "engine %s: ", clattn__engine_names[id]);
    if (!forward->available)
        clattn__text_add(text, "not available: %s", forward->reason);
    if (!gradients->available && (forward->available || strcmp(forward->reason, gradients->reason) != 0))
        clattn__text_add(text, "%sgradients not available: %s", forward->available ? "" : "; ", gradients->reason);
    clattn__text_add(text, forward->available && gradients->available ? "available\n" : "\n");
}

void clattn__engines_describe(const clattn_context *context, struct clattn__text *text)
{
    clattn_engine order[CLATTN__ENGINE_COUNT];
    const size_t count = clattn__engine_order(context, order);
    clattn__text_add(text, "engine: ");
    for (size_t i = 0; i < count; ++i)
        clattn__text_add(text, "%s%s", i ? ", else " : "", clattn__engine_names[order[i]]);
    clattn__text_add(text, ", %s\n",
                     context->engine                 ? "as the options ask"
                     : order[0] == CLATTN_ENGINE_CPU ? "because the device is a CPU"
                                                     : "because the device is no CPU");
    for (size_t i = 0; i < count; ++i)
        if (clattn__engine_find(order[i])->tested)
            describe_trials(context, order[i], text);
}
