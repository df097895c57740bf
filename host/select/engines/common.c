/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers common to all engines. Their kernels have no scores; their work-groups are as large as
 * the device allows. */
#include "select/engines/engines.h"

/* One work-item per work-group. */
static bool works_alone(const struct clattn__device *device, const struct clattn__config *config)
{
    return device->max_group < 64 || config->engine == CLATTN_ENGINE_CPU;
}

/* Number of splits from which on combine uses more work-items, and local memory per work-item. */
enum { MANY_PARTS = 16, COMBINE_ITEMS = 256, COMBINE_BYTES = 6 * sizeof(float) };

/* If the compiled kernel does not run with this work-group, the next attempt halves it. */
static bool choose_combine(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                           struct clattn__config *config)
{
    (void)problem;
    const size_t most = device->local_bytes / COMBINE_BYTES < device->max_group ? device->local_bytes / COMBINE_BYTES
                                                                                : device->max_group;
    const bool many = config->splits >= MANY_PARTS && most >= COMBINE_ITEMS;
    const int items = works_alone(device, config) || most < 64 ? 1 : many ? COMBINE_ITEMS : 64;
    config->group_size = *attempt < 9 ? (size_t)(items >> *attempt) : 0;
    config->local_bytes = COMBINE_BYTES * config->group_size;
    return config->group_size > 0;
}

enum { DSINK_ITEMS = 256 };

static bool choose_dsink(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                         struct clattn__config *config)
{
    size_t items = works_alone(device, config) ? 1 : DSINK_ITEMS;
    (void)problem;
    while (items > device->max_group || items * sizeof(float) > device->local_bytes)
        items /= 2;
    config->group_size = *attempt < 9 ? items >> *attempt : 0;
    config->local_bytes = sizeof(float) * config->group_size;
    return config->group_size > 0;
}

static bool choose_delta(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                         struct clattn__config *config)
{
    (void)problem;
    const bool alone = works_alone(device, config);
    config->tx = alone ? 1 : 8; /* vec16: 128 bytes of a row */
    config->ty = alone ? 1 : clattn__min_int((int64_t)device->max_group / 8, 16);
    for (int left = *attempt; left > 0; --left) {
        int *side = config->ty > 1 ? &config->ty : &config->tx;
        if (*side == 1)
            return false;
        *side /= 2;
    }
    config->tile_rows = 4 * config->ty; /* 4 loads in flight per work-item */
    config->group_size = (size_t)(config->tx * config->ty);
    config->local_bytes = sizeof(float) * (size_t)(config->tx * config->tile_rows);
    return true;
}

/* They support every feature, because none changes how a row is summed here. */
#define FEATURES                                                                                                       \
    (CLATTN__FEATURE(FLOAT32) | CLATTN__16_BITS | CLATTN__SCORES | CLATTN__MASKS | CLATTN__FEATURE(PACKED_HEADS) |     \
     CLATTN__FEATURE(NEGATIVE_SCALE) | CLATTN__FEATURE(KEY_SPLITS))

const struct clattn__solver clattn__common_solvers[] = {
    {.program = "forward_combine", .kernel = KERNEL_COMBINE, .features = FEATURES, .choose = choose_combine},
    {.program = "backward_dsink", .kernel = KERNEL_DSINK, .features = FEATURES, .choose = choose_dsink},
    {.program = "delta", .kernel = KERNEL_DELTA, .features = FEATURES, .choose = choose_delta},
    {.program = NULL},
};
