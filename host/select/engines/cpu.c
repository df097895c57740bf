/* SPDX-License-Identifier: Apache-2.0 */
/* Engine cpu: solvers, and tiles that fit the caches and keep all workers busy. */
#include "select/engines/engines.h"

/* Depth of a stationary row that is staged; of both rows where there are two. */
static size_t stationary_depth(const struct clattn__config *config)
{
    if (!config->stationary_resident)
        return (size_t)clattn__stationary_count(config) * (size_t)config->depth_step;
    const size_t one = (size_t)config->d_pad;
    return clattn__stationary_count(config) == 2 ? one + (size_t)config->dv_pad : one;
}

static size_t cpu_local_bytes(const struct clattn__config *c)
{
    const size_t tile_rows = (size_t)c->tile_rows, tile_cols = (size_t)c->tile_cols;
    const size_t streamed_count = clattn__config_keys_stationary(c->kernel) ? 2 : 1;
    const bool dbias = c->kernel == KERNEL_DBIAS, bias_scores = dbias && c->bias_rows && c->bias_cols,
               bias_columns = dbias && c->bias_cols && !c->bias_rows;
    const size_t row_values[KERNEL_COUNT] = {[KERNEL_FORWARD] = c->long_sums ? 6 : 4,
                                             [KERNEL_DQ] = 3,
                                             [KERNEL_DKDV] = 1,
                                             [KERNEL_BACKWARD_FUSED] = 1,
                                             [KERNEL_DBIAS] = bias_scores || bias_columns ? 2 : 4};
    const size_t outputs = dbias ? 0 : (size_t)clattn__output_count(c) * (c->long_sums ? 2 : 1);
    const size_t column_values = clattn__config_keys_stationary(c->kernel) || bias_columns ? 2 : 0;
    const size_t scores = (size_t)clattn__stationary_count(c) + (bias_scores ? 2 : 0);
    const size_t values = row_values[c->kernel] * tile_rows + column_values * (size_t)c->lanes * tile_cols;
    const size_t rows = c->kernel == KERNEL_BACKWARD_FUSED ? tile_rows * (size_t)c->d_pad : 0;
    return 4 * (tile_rows * stationary_depth(c) + rows + streamed_count * tile_cols * (size_t)c->depth_step +
                scores * tile_rows * tile_cols + outputs * tile_rows * (size_t)c->out_block + values) +
           clattn__shared_bytes(c);
}

static void cpu_set_depth_step(const clattn_problem *problem, int most, struct clattn__config *c)
{
    c->depth_step = clattn__choose_depth_step(problem, c->lanes, most);
    c->d_pad = clattn__round_up((int)problem->qk_dim, c->depth_step);
    c->dv_pad = clattn__round_up((int)problem->v_dim, c->depth_step);
    c->out_block = clattn__output_depth(c);
}

/* Stationary rows of a tile, as measured for 4, 8 and 16 lanes (bench/NOTES.md). There are few
 * sizes, so that problems of many lengths share programs. Large tiles copy less; small ones make
 * the `wanted_tiles` that keep every compute unit busy, and waste less in the last tile. `rows`:
 * per head. `requested`: upper bound, 0: none. */
static int cpu_tile_rows(int64_t wanted_tiles, int lanes, int64_t heads, int64_t rows, int64_t requested)
{
    int tile_rows = lanes == 16 ? 128 : 256;
    while (tile_rows > lanes && (tile_rows / 2 >= rows || (requested && tile_rows > requested) ||
                                 heads * ((rows - 1) / tile_rows + 1) < wanted_tiles))
        tile_rows /= 2;
    return tile_rows;
}

/* The same for streamed rows, in multiples of the register block. */
static int cpu_tile_cols(int block_rows, int64_t rows, int64_t requested)
{
    int tile_cols = 8 * block_rows;
    while (tile_cols > block_rows && (tile_cols / 2 >= rows || (requested && tile_cols > requested)))
        tile_cols /= 2;
    return tile_cols;
}

/* Shrinks the tuned tile to the budget, in this order: stationary rows, depth step, the resident
 * stationary tile, streamed rows, output block. */
static void cpu_fit(size_t budget, const clattn_problem *problem, struct clattn__config *c)
{
    while (cpu_local_bytes(c) > budget && c->tile_rows > c->lanes)
        c->tile_rows /= 2;
    c->block_cols = clattn__min_int(c->tile_rows / c->lanes, c->block_cols);
    while (cpu_local_bytes(c) > budget && c->depth_step > c->lanes)
        cpu_set_depth_step(problem, c->depth_step - c->lanes, c);
    if (cpu_local_bytes(c) > budget)
        c->stationary_resident = false;
    while (cpu_local_bytes(c) > budget && c->tile_cols > c->block_rows)
        c->tile_cols -= c->block_rows;
    if (cpu_local_bytes(c) > budget)
        c->out_block = c->depth_step;
}

/* The next attempt has half of the memory. */
static bool cpu_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                       struct clattn__config *c)
{
    const size_t cached = 1024 * 1024; /* of a core's private cache */
    const size_t most = (device->local_bytes < cached ? device->local_bytes : cached) >> *attempt;
    const bool swapped = clattn__config_keys_stationary(c->kernel), fused = c->kernel == KERNEL_BACKWARD_FUSED;
    const int pack = clattn__config_pack(problem);
    const int64_t queries = problem->q_len * pack, keys = problem->kv_len;
    const int64_t heads = problem->batch * (swapped ? problem->kv_heads : problem->q_heads / pack);
    c->lanes = device->float_width >= 16 ? 16 : device->float_width >= 8 ? 8 : 4;
    c->block_rows = 6;
    c->group_size = 1;
    c->stationary_resident = true;
    c->tile_rows = cpu_tile_rows(fused ? 0 : 4 * (int64_t)device->compute_units, c->lanes, heads,
                                 swapped ? keys : queries, swapped ? problem->k_tile : problem->q_tile);
    c->block_cols = clattn__min_int(c->tile_rows / c->lanes, c->lanes == 16 ? 4 : 2);
    c->tile_cols = cpu_tile_cols(c->block_rows, swapped ? queries : keys, swapped ? problem->q_tile : problem->k_tile);
    cpu_set_depth_step(problem, CLATTN_MAX_HEAD_DIM, c);
    cpu_fit(most, problem, c);
    c->local_bytes = cpu_local_bytes(c);
    return c->local_bytes <= most && !(fused && (!c->stationary_resident || c->out_block < clattn__output_depth(c)));
}

static bool cpu_divides(const struct clattn__config *c)
{
    return (c->lanes == 4 || c->lanes == 8 || c->lanes == 16) && c->tile_rows % (c->lanes * c->block_cols) == 0 &&
           c->tile_cols % c->block_rows == 0 && c->depth_step % c->lanes == 0 && c->out_block % c->depth_step == 0 &&
           c->out_block <= clattn__output_depth(c) &&
           (c->kernel != KERNEL_BACKWARD_FUSED || (c->stationary_resident && c->out_block == clattn__output_depth(c)));
}

static bool cpu_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols, struct clattn__config *c)
{
    (void)problem;
    c->tile_rows = clattn__shrink(c->tile_rows, tile_rows, c->lanes);
    c->tile_cols = clattn__shrink(c->tile_cols, tile_cols, c->block_rows);
    c->block_cols = clattn__min_int(c->tile_rows / c->lanes, c->block_cols);
    c->group_size = 1;
    c->local_bytes = cpu_local_bytes(c);
    return c->block_cols > 0 && cpu_divides(c);
}

/* ---- solvers ---- */

/* All features. */
#define FEATURES                                                                                                       \
    (CLATTN__FEATURE(FLOAT32) | CLATTN__16_BITS | CLATTN__SCORES | CLATTN__MASKS | CLATTN__FEATURE(PACKED_HEADS) |     \
     CLATTN__FEATURE(NEGATIVE_SCALE) | CLATTN__FEATURE(KEY_SPLITS))

const struct clattn__solver clattn__cpu_solvers[] = {
    {.program = "forward",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_SPLITS,
     .choose = cpu_choose,
     .complete = cpu_complete},
    {.program = "backward_dq",
     .kernel = KERNEL_DQ,
     .features = FEATURES,
     .choose = cpu_choose,
     .complete = cpu_complete},
    {.program = "backward_dkdv",
     .kernel = KERNEL_DKDV,
     .features = FEATURES,
     .choose = cpu_choose,
     .complete = cpu_complete},
    {.program = "backward_fused",
     .kernel = KERNEL_BACKWARD_FUSED,
     .features = FEATURES,
     .choose = cpu_choose,
     .complete = cpu_complete},
    {.program = "backward_dbias",
     .kernel = KERNEL_DBIAS,
     .features = FEATURES,
     .choose = cpu_choose,
     .complete = cpu_complete},
    {.program = NULL},
};
