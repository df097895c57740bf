/* SPDX-License-Identifier: Apache-2.0 */
/* The description of a plan. */
#include "plan/plan.h"

#include "select/engine.h"

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
                     stage == clattn__stage_for(plan, c->kernel, NULL) ? "" : ", tensors with other strides");
    if (c->kernel == KERNEL_DELTA) {
        clattn__text_add(text, "%d work-items a row, %d rows a work-group", c->tx, c->tile_rows);
    } else if (c->kernel == KERNEL_TENSOR_MAPS) {
        clattn__text_add(text, "one work-item a tensor, batch and kernel");
    } else if (c->kernel == KERNEL_DSINK) {
        clattn__text_add(text, "one work-group a head");
    } else if (c->kernel == KERNEL_COMBINE) {
        clattn__text_add(text, "one work-group a row merges %d splits", c->splits);
    } else {
        const bool keys_stationary = clattn__config_keys_stationary(c->kernel);
        clattn__text_add(text, "engine %s%s", clattn__engine_names[c->engine], c->decode ? " (decode)" : "");
        describe_tile(text, plan->pack > 1 ? "query rows a tile" : "queries a tile", plan->problem.q_tile,
                      keys_stationary ? c->tile_cols : c->tile_rows);
        describe_tile(text, "keys a tile", plan->problem.k_tile, keys_stationary ? c->tile_rows : c->tile_cols);
        clattn__text_add(text, ", %s local memory %zu bytes", keys_stationary ? "column-tiled," : "row-tiled,",
                         c->local_bytes);
        if (plan->pack > 1)
            clattn__text_add(text, ", %d heads share a tile", plan->pack);
        if (c->splits > 1)
            clattn__text_add(text, ", keys in %d splits%s", c->splits,
                             plan->problem.kv_splits ? " (as asked)" : " (tuned)");
    }
    clattn__text_add(text, ", %llu work-groups of %zu", (unsigned long long)stage->groups, c->group_size);
    if (stage->groups_per_launch < stage->groups)
        clattn__text_add(text, ", at most %llu a launch", (unsigned long long)stage->groups_per_launch);
    if (c->kernel != KERNEL_DELTA && c->kernel != KERNEL_TENSOR_MAPS && c->kernel != KERNEL_DSINK)
        clattn__text_add(text, stage->tuned ? " (tuned on this device)" : " (built-in table)");
    clattn__text_add(text, "; %s\n", options);
}

clattn_status clattn__plan_write_description(clattn_plan *plan)
{
    const clattn_context *context = plan->context;
    struct clattn__text text = {.allocator = &context->allocator};
    clattn__text_add(&text, "device %s; %s\n", context->device.name,
                     context->engine ? "engine as the context's options ask" : "engine by what the device can do");
    for (size_t i = 0; i < plan->stage_count; ++i)
        describe_stage(&text, plan, &plan->stages[i]);
    plan->description = text.chars;
    return text.failed ? clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to describe the plan") : CLATTN_SUCCESS;
}
