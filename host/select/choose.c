/* SPDX-License-Identifier: Apache-2.0 */
/* Which tiles a kernel uses on a device: the engine's choice, or a configuration from elsewhere that is checked. */
#include "select/choose.h"

#include "select/engine.h"
#include "select/fields.h"
#include "select/split.h"

const char *clattn__config_program(const struct clattn__config *config)
{
    const struct clattn__engine *engine = clattn__engine_find(config->engine);
    const char *of_engine = config->few ? engine->few : engine->names[config->kernel];
    return of_engine ? of_engine : clattn__kernel_names[config->kernel];
}

/* So many terms float32 adds up well enough, one by one. */
enum { FEW_TERMS = 512 };

bool clattn__config_one_walk(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem)
{
    struct clattn__config config = {.kernel = KERNEL_HEAD, .want_dk = true, .want_dv = true};
    const uint64_t units = (uint64_t)device->compute_units, heads = (uint64_t)(problem->batch * problem->kv_heads);
    /* Five products by as many workers as there are heads, the last of which may leave some idle, or seven by all. */
    const bool faster = 5 * units * ((heads - 1) / units + 1) <= 7 * heads;
    return engine == CLATTN_ENGINE_CPU && faster && clattn__config_choose(device, engine, problem, 0, &config) &&
           problem->kv_len / config.own <= FEW_TERMS; /* dQ is added to by every tile of keys */
}

/* ---- choosing ---- */

/* Parts from which on combine shares them out among more work-items, and what an item of it has in local memory. */
enum { MANY_PARTS = 16, COMBINE_ITEMS = 256, COMBINE_BYTES = 6 * sizeof(float) };

/* Where a compiled kernel does not run with the work-group that its device could have, the next attempt has half of it.
 */
static bool choose_combine(const struct clattn__device *device, bool alone, int attempt, struct clattn__config *config)
{
    const size_t most = device->local_bytes / COMBINE_BYTES < device->max_group ? device->local_bytes / COMBINE_BYTES
                                                                                : device->max_group;
    const bool many = config->splits >= MANY_PARTS && most >= COMBINE_ITEMS;
    const int items = alone || most < 64 ? 1 : many ? COMBINE_ITEMS : 64;
    config->group_size = attempt < 9 ? (size_t)(items >> attempt) : 0;
    config->local_bytes = COMBINE_BYTES * config->group_size;
    return config->group_size > 0;
}

static bool choose_delta(const struct clattn__device *device, bool alone, int attempt, struct clattn__config *config)
{
    config->tx = alone ? 1 : 8; /* pieces of 16 bytes: 128 bytes of a row side by side */
    config->ty = alone ? 1 : clattn__min_int((int64_t)device->max_group / 8, 16);
    for (; attempt > 0; --attempt) {
        int *side = config->ty > 1 ? &config->ty : &config->tx;
        if (*side == 1)
            return false;
        *side /= 2;
    }
    config->own = 4 * config->ty; /* so many loads of an item are on their way at once */
    config->group_size = (size_t)(config->tx * config->ty);
    config->local_bytes = sizeof(float) * (size_t)(config->tx * config->own);
    return true;
}

static bool choose_without_tiles(const struct clattn__device *device, clattn_engine engine, int attempt,
                                 struct clattn__config *config)
{
    const bool alone = device->max_group < 64 || engine == CLATTN_ENGINE_CPU;
    if (config->kernel == KERNEL_COMBINE)
        return choose_combine(device, alone, attempt, config);
    if (config->kernel == KERNEL_DELTA)
        return choose_delta(device, alone, attempt, config);
    config->group_size = 1;
    config->local_bytes = CLATTN__MAP_BYTES;
    return attempt == 0;
}

/* Rows that a sum of the kernel goes over, at most. */
static int64_t walked_rows(const clattn_problem *problem, enum clattn__kernel kernel)
{
    return clattn__config_keys_own(kernel) ? problem->q_len * (problem->q_heads / problem->kv_heads) : problem->kv_len;
}

enum { TILE_SUMS_RUN = 131072 }; /* rows that sums of tiles go over before they are settled: as few terms as in a run */

/* What a configuration does against the loss of long sums. They are settled in local memory, or else in the output, where
 * that is float32. */
static int long_sums(const clattn_problem *problem, const struct clattn__config *c)
{
    const struct clattn__engine *engine = clattn__engine_find(c->engine);
    const int64_t rows = walked_rows(problem, c->kernel);
    const int run = engine->tile_sums ? TILE_SUMS_RUN : engine->run;
    const bool settles = c->engine == CLATTN_ENGINE_CPU || c->dtype == CLATTN_FLOAT32 || c->splits > 1;
    if (c->few || rows <= engine->run)
        return 0;
    return rows > run && settles ? run : engine->tile_sums;
}

static void set_problem(clattn_engine engine, const clattn_problem *problem, struct clattn__config *config)
{
    config->engine = engine;
    const int run = clattn__engine_find(engine)->run; /* before the tiles are known: their local memory goes by it */
    config->long_sums = walked_rows(problem, config->kernel) > run ? run : 0;
    config->dtype = problem->dtype;
    config->packed = clattn__config_pack(problem) > 1;
    config->mask = clattn__config_mask(problem);
}

bool clattn__config_choose(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                           int attempt, struct clattn__config *config)
{
    set_problem(engine, problem, config);
    config->splits = config->kernel == KERNEL_COMBINE ? config->splits : 1;
    config->few = config->stay = 0;
    config->aligned = false;
    if (!clattn__config_has_tiles(config->kernel))
        return choose_without_tiles(device, engine, attempt, config);
    const bool found = clattn__engine_find(engine)->choose(device, problem, attempt, config);
    if (found && config->kernel == KERNEL_FORWARD && !clattn__engine_find(engine)->maps)
        config->splits = clattn__split_count(device, problem, config);
    config->long_sums = long_sums(problem, config);
    return found;
}

/* ---- a configuration from elsewhere ---- */

static bool exceeds_request(const clattn_problem *problem, const struct clattn__config *c)
{
    const bool keys_own = clattn__config_keys_own(c->kernel);
    const int64_t own = keys_own ? problem->k_tile : problem->q_tile,
                  walk = keys_own ? problem->q_tile : problem->k_tile;
    return (own && c->own > own) || (walk && c->walk > walk);
}

bool clattn__config_complete(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                             struct clattn__config *c)
{
    set_problem(engine, problem, c);
    if (!clattn__config_has_tiles(c->kernel) || !clattn__fields_in_range(c))
        return false;
    clattn_problem unbounded = *problem; /* a tile that was asked for refuses a taller one, and does not shrink it */
    unbounded.q_tile = unbounded.k_tile = 0;
    int64_t own, walk;
    clattn__tile_limits(&unbounded, c->kernel, &own, &walk);
    c->d_pad = clattn__round_up((int)problem->qk_dim, c->chunk);
    c->dv_pad = clattn__round_up((int)problem->v_dim, c->chunk);
    c->stay = clattn__engine_find(engine)->maps ? c->stay : 0; /* not among the numbers of other engines */
    c->aligned = false;
    if (!clattn__engine_find(engine)->complete(problem, own, walk, c) || exceeds_request(problem, c))
        return false;
    const bool may_split = c->kernel == KERNEL_FORWARD && !clattn__engine_find(engine)->maps;
    c->splits = may_split ? clattn__split_count(device, problem, c) : 1;
    c->long_sums = long_sums(problem, c);
    return c->local_bytes <= device->local_bytes && c->group_size <= device->max_group;
}
