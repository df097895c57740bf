/* SPDX-License-Identifier: Apache-2.0 */
/* The engines, and their order on a device. */
#include "select/engine.h"

#include "select/engines/engines.h"

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
