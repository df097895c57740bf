/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the number of splits of the keys in forward. With few queries there are few tiles: a few
 * work-groups would visit all keys while most of the device is idle. The number depends on problem
 * and device only, so results are the same from run to run. */
#include "select/split.h"

/* Work-items per compute unit of a GPU: enough to load while others multiply. Tiles per core of a
 * CPU. */
enum { ITEMS_A_UNIT = 384, TILES_A_CORE = 4 };
/* The same in work-groups of simt's decode: each has 64 items with many registers, so four fill a
 * unit. No split from ENOUGH_ROUNDS rounds on. */
enum { DECODE_GROUPS_A_UNIT = 4, ENOUGH_ROUNDS = 4 };
/* Fewest keys of a split: with fewer, combining costs what splitting gains. */
enum { LEAST_KEYS_GPU = 256, LEAST_KEYS_CPU = 512 };

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* In decode all work-groups take equally long. A device that runs `at_once` of them is busy until
 * the end if their number is a multiple of that, or nearly so. Returns the fewest splits that waste
 * at most a tenth of the device. */
static int64_t full_rounds(uint64_t groups, uint64_t at_once)
{
    const uint64_t first = groups < at_once ? at_once / groups : 1, last = first + 8;
    uint64_t best = first;
    double most = 0.0;
    for (uint64_t parts = first; parts < last && most < 0.9; ++parts) {
        const uint64_t rounds = (groups * parts - 1) / at_once + 1;
        const double busy = (double)(groups * parts) / (double)(rounds * at_once);
        if (busy > most) {
            best = parts;
            most = busy;
        }
    }
    return (int64_t)best;
}

/* As many splits as keep the device busy; 1 if it is busy without. */
static int64_t tuned(const struct clattn__device *device, const clattn_problem *problem, const struct clattn__config *c)
{
    struct clattn__config whole = *c;
    whole.splits = 1;
    const bool cpu = c->engine == CLATTN_ENGINE_CPU;
    const uint64_t groups = clattn__config_groups(&whole, problem), units = (uint64_t)device->compute_units;
    if (c->decode) {
        /* nvidia_mma has no groups of keys, and no float32. */
        const bool mma = c->engine == CLATTN_ENGINE_NVIDIA_MMA;
        const int64_t least =
            mma || c->dtype != CLATTN_FLOAT32 ? 1 : problem->kv_len / (CLATTN__DECODE_GROUP_KEYS * c->ty);
        const uint64_t at_once = units * (uint64_t)(mma ? CLATTN__DECODE_MMA_WARPS / c->warps : DECODE_GROUPS_A_UNIT);
        const int64_t busy = groups >= ENOUGH_ROUNDS * at_once
                                 ? 1
                                 : at_most(full_rounds(groups, at_once), problem->kv_len / LEAST_KEYS_GPU);
        return busy > least ? busy : least;
    }
    if (groups >= units)
        return 1;
    const uint64_t each = cpu ? TILES_A_CORE : (ITEMS_A_UNIT + c->group_size - 1) / c->group_size;
    return at_most((int64_t)(units * each / groups), problem->kv_len / (cpu ? LEAST_KEYS_CPU : LEAST_KEYS_GPU));
}

int clattn__split_count(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *c)
{
    const int64_t rows = problem->batch * problem->q_heads * problem->q_len,
                  tiles = (problem->kv_len - 1) / c->tile_cols + 1;
    const int64_t part = rows * (clattn__partial_depth(problem) + 2);
    const int64_t most = INT64_MAX / 16 / part; /* more would overflow a byte count */
    int64_t splits = problem->kv_splits ? problem->kv_splits : tuned(device, problem, c);
    /* By default the workspace must fit into a buffer. */
    if (!problem->kv_splits && device->max_alloc_bytes)
        splits = at_most(splits, (int64_t)(device->max_alloc_bytes / sizeof(float) / (cl_ulong)part));
    splits = at_most(at_most(splits, CLATTN_MAX_KV_SPLITS), at_most(tiles, most));
    return splits > 1 ? (int)splits : 1;
}

int clattn__partial_depth(const clattn_problem *problem)
{
    return ((int)problem->v_dim + 3) / 4 * 4;
}

size_t clattn__partials_bytes(const clattn_problem *problem, int splits)
{
    if (splits <= 1)
        return 0;
    const size_t rows = (size_t)(problem->batch * problem->q_heads * problem->q_len);
    return sizeof(float) * rows * (size_t)splits * (size_t)(clattn__partial_depth(problem) + 2);
}
