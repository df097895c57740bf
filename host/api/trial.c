/* SPDX-License-Identifier: Apache-2.0 */
/* Finds which engines a device can run: by trying, never by the device's name. */
#include "api/trial.h"

#include "select/engine.h"

#include <stdio.h>
#include <string.h>

/* Copies the most useful line of the last error: a compiler's first complaint, else the first
 * line. */
static void keep_reason(char *reason, size_t size)
{
    const char *line = clattn_last_error(), *complaint = strstr(line, "error: ");
    line = complaint ? complaint + strlen("error: ") : line;
    snprintf(reason, size, "%.*s", (int)strcspn(line, "\n"), line);
}

static bool is_gradient(enum clattn__kernel kernel)
{
    return kernel == KERNEL_DQ || kernel == KERNEL_DKDV || kernel == KERNEL_DBIAS;
}

/* Tests an engine once. Hold engines_lock, so that threads that need the engine wait for one test.
 * If the test can be completed, the last error is restored. */
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

static clattn_status try_engine(clattn_context *context, clattn_engine id, enum clattn__kernel kernel, bool *available)
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

clattn_status clattn__engine_may_use(clattn_context *context, clattn_engine id, enum clattn__kernel kernel, bool *may)
{
    const clattn_status status = try_engine(context, id, kernel, may);
    if (status || *may || id != context->engine)
        return status;
    return clattn__fail(CLATTN_DEVICE_LIMIT, "engine %s, which options.engine asks for, is not available on %s: %s",
                        clattn__engine_names[id], context->device.name,
                        context->engines[id][is_gradient(kernel)].reason);
}

clattn_status clattn__engines_try_all(clattn_context *context)
{
    clattn_engine order[CLATTN__ENGINE_COUNT];
    bool available;
    const size_t count = clattn__engine_order(context, order);
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < 2 * count; ++i)
        status = try_engine(context, order[i / 2], i % 2 ? KERNEL_DQ : KERNEL_FORWARD, &available);
    return status;
}

/* "available", or the passes that are not, and why. */
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
