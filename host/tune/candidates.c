/* SPDX-License-Identifier: Apache-2.0 */
/* The search starts with the rows of the built-in table, and continues with neighbours of the
 * fastest configurations. It tries only usable configurations, each once. */
#include "tune/candidates.h"

#include "select/choose.h"
#include "select/tunables.h"

/* Tunables that are worth doubling and halving together. */
static const char *const pairs[][2] = {{"TILE_ROWS", "TY"}, {"TILE_ROWS", "WARPS"}, {"TILE_ROWS", "TILE_COLS"},
                                       {"TILE_COLS", "TX"}, {"TILE_COLS", "STRIP"}, {"DEPTH_STEP", "OUT_BLOCK"}};

/* With more scores or outputs, a work-item has too few registers on any GPU, and its kernel takes
 * long to compile. */
static bool is_sensible(const struct clattn__config *c)
{
    const int most_scores = 64, most_outputs = 128;
    const int items = (int)c->group_size, scores = c->tile_rows * c->tile_cols / items,
              outputs = c->tile_rows * c->out_block / items;
    if (c->engine == CLATTN_ENGINE_CPU)
        return true;
    if (c->engine == CLATTN_ENGINE_SIMT)
        return scores <= most_scores && outputs <= most_outputs;
    const int most_registers = 208; /* of 255; the table's rows use 192 */
    return scores * clattn__stationary_count(c) + outputs * clattn__output_count(c) <= most_registers;
}

static void add_once(struct clattn__candidates *candidates, struct clattn__config config, double promise, bool tried)
{
    if (!clattn__config_complete(&candidates->context->device, candidates->engine, candidates->problem, &config))
        return;
    for (size_t i = 0; i < candidates->count; ++i)
        if (clattn__tunables_equal(&candidates->list[i].config, &config))
            return;
    if (candidates->count < MOST_CANDIDATES && (tried || is_sensible(&config)))
        candidates->list[candidates->count++] = (struct clattn__candidate){config, promise, tried};
}

/* Changes a tunable by one step. Values out of bounds are rejected later. */
static void step(const struct clattn__tunable *tunable, bool up, struct clattn__config *config)
{
    int *value = clattn__tunable_value(tunable, config);
    if (tunable->step == STEP_TOGGLE)
        *value = !*value;
    else if (tunable->step == STEP_DOUBLE)
        *value = up ? *value * 2 : *value % 2 == 0 ? *value / 2 : *value;
}

void clattn__candidates_add(struct clattn__candidates *candidates, const struct clattn__config *config, double seconds)
{
    for (int up = 0; up < 2; ++up) {
        for (size_t i = 0; i < clattn__tunable_count; ++i) {
            struct clattn__config other = *config;
            if (clattn__tunable_used(&clattn__tunables[i], candidates->engine))
                step(&clattn__tunables[i], up, &other);
            add_once(candidates, other, seconds, false);
        }
        for (size_t i = 0; i < ARRAY_SIZE(pairs); ++i) {
            struct clattn__config other = *config;
            const struct clattn__tunable *a = clattn__tunable_find(candidates->engine, pairs[i][0]);
            const struct clattn__tunable *b = clattn__tunable_find(candidates->engine, pairs[i][1]);
            if (a && b) {
                step(a, up, &other);
                step(b, up, &other);
                add_once(candidates, other, seconds, false);
            }
        }
    }
}

void clattn__candidates_begin(struct clattn__candidates *candidates, const struct clattn__config *first, double seconds,
                              const struct clattn__config *second)
{
    candidates->count = 0;
    candidates->tried = 1;
    add_once(candidates, *first, 0.0, true);
    if (second)
        add_once(candidates, *second, 0.0, false);
    struct clattn__config config = *first;
    for (int attempt = 0;
         clattn__config_choose(&candidates->context->device, candidates->engine, candidates->problem, attempt, &config);
         ++attempt)
        add_once(candidates, config, 0.0, false);
    clattn__candidates_add(candidates, first, seconds);
}

const struct clattn__config *clattn__candidates_next(struct clattn__candidates *candidates)
{
    struct clattn__candidate *best = NULL;
    for (size_t i = 0; i < candidates->count; ++i) {
        struct clattn__candidate *c = &candidates->list[i];
        if (!c->tried && (!best || c->promise < best->promise))
            best = c;
    }
    if (!best)
        return NULL;
    best->tried = true;
    ++candidates->tried;
    return &best->config;
}
