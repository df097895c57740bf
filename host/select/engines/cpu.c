/* SPDX-License-Identifier: Apache-2.0 */
/* Engine cpu: tiles, by what caches hold and by how many workers there are, and solvers. */
#include "select/engines/engines.h"

/* Of an owner row, or of those of both owners. */
static size_t owner_depth(const struct clattn__config *config)
{
    if (!config->owner_resident)
        return (size_t)clattn__owner_count(config) * (size_t)config->chunk;
    const size_t one = (size_t)config->d_pad;
    return clattn__owner_count(config) == 2 ? one + (size_t)config->dv_pad : one;
}

static size_t cpu_local_bytes(const struct clattn__config *c)
{
    const size_t own = (size_t)c->own, walk = (size_t)c->walk;
    const size_t walked_count = clattn__config_keys_own(c->kernel) ? 2 : 1;
    const size_t row_values[KERNEL_COUNT] = {
        [KERNEL_FORWARD] = c->long_sums ? 6 : 4, [KERNEL_DQ] = 3, [KERNEL_DKDV] = 1, [KERNEL_HEAD] = 2};
    const size_t outputs = (size_t)clattn__output_count(c) * (c->long_sums ? 2 : 1);
    const size_t column_values = clattn__config_keys_own(c->kernel) ? 2 : 0;
    const size_t values = row_values[c->kernel] * own + column_values * (size_t)c->lanes * walk;
    const size_t rows = c->kernel == KERNEL_HEAD ? own * (size_t)c->d_pad : 0;
    return 4 * (own * owner_depth(c) + rows + walked_count * walk * (size_t)c->chunk +
                (size_t)clattn__owner_count(c) * own * walk + outputs * own * (size_t)c->slice + values);
}

static void cpu_set_chunk(const clattn_problem *problem, int most, struct clattn__config *c)
{
    c->chunk = clattn__choose_chunk(problem, c->lanes, most);
    c->d_pad = clattn__round_up((int)problem->qk_dim, c->chunk);
    c->dv_pad = clattn__round_up((int)problem->v_dim, c->chunk);
    c->slice = clattn__output_depth(c);
}

/* Owner rows of a tile, as measured for 4, 8 and 16 lanes (bench/NOTES.md): few widths, so that problems of many lengths
 * share programs. Wide tiles copy less, narrow ones make the `wanted_tiles` that keep every compute unit busy and waste
 * less on the last rows. `rows` are there in each of `heads`; `requested` (0: none) must not be exceeded. */
static int cpu_own(int64_t wanted_tiles, int lanes, int64_t heads, int64_t rows, int64_t requested)
{
    int own = lanes == 16 ? 128 : 256;
    while (own > lanes &&
           (own / 2 >= rows || (requested && own > requested) || heads * ((rows - 1) / own + 1) < wanted_tiles))
        own /= 2;
    return own;
}

/* The same for the walked rows, in whole register blocks. */
static int cpu_walk(int block_rows, int64_t rows, int64_t requested)
{
    int walk = 8 * block_rows;
    while (walk > block_rows && (walk / 2 >= rows || (requested && walk > requested)))
        walk /= 2;
    return walk;
}

/* Starts from the tuned tile and gives up, in this order, width, depth of a chunk, the resident owner, walked rows and
 * slice. */
static void cpu_fit(size_t budget, const clattn_problem *problem, struct clattn__config *c)
{
    while (cpu_local_bytes(c) > budget && c->own > c->lanes)
        c->own /= 2;
    c->block_cols = clattn__min_int(c->own / c->lanes, c->block_cols);
    while (cpu_local_bytes(c) > budget && c->chunk > c->lanes)
        cpu_set_chunk(problem, c->chunk - c->lanes, c);
    if (cpu_local_bytes(c) > budget)
        c->owner_resident = false;
    while (cpu_local_bytes(c) > budget && c->walk > c->block_rows)
        c->walk -= c->block_rows;
    if (cpu_local_bytes(c) > budget)
        c->slice = c->chunk;
}

/* The next attempt has half of the memory. */
static bool cpu_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                       struct clattn__config *c)
{
    const size_t cached = 1024 * 1024; /* of a core's own cache */
    const size_t most = (device->local_bytes < cached ? device->local_bytes : cached) >> *attempt;
    const bool swapped = clattn__config_keys_own(c->kernel), one_walk = c->kernel == KERNEL_HEAD;
    const int pack = clattn__config_pack(problem);
    const int64_t queries = problem->q_len * pack, keys = problem->kv_len;
    const int64_t heads = problem->batch * (swapped ? problem->kv_heads : problem->q_heads / pack);
    c->lanes = device->float_width >= 16 ? 16 : device->float_width >= 8 ? 8 : 4;
    c->block_rows = 6;
    c->group_size = 1;
    c->owner_resident = true;
    c->own = cpu_own(one_walk ? 0 : 4 * (int64_t)device->compute_units, c->lanes, heads, swapped ? keys : queries,
                     swapped ? problem->k_tile : problem->q_tile);
    c->block_cols = clattn__min_int(c->own / c->lanes, c->lanes == 16 ? 4 : 2);
    c->walk = cpu_walk(c->block_rows, swapped ? queries : keys, swapped ? problem->q_tile : problem->k_tile);
    cpu_set_chunk(problem, 512, c);
    cpu_fit(most, problem, c);
    c->local_bytes = cpu_local_bytes(c);
    return c->local_bytes <= most && !(one_walk && (!c->owner_resident || c->slice < clattn__output_depth(c)));
}

static bool cpu_divides(const struct clattn__config *c)
{
    return (c->lanes == 4 || c->lanes == 8 || c->lanes == 16) && c->own % (c->lanes * c->block_cols) == 0 &&
           c->walk % c->block_rows == 0 && c->chunk % c->lanes == 0 && c->slice % c->chunk == 0 &&
           c->slice <= clattn__output_depth(c) &&
           (c->kernel != KERNEL_HEAD || (c->owner_resident && c->slice == clattn__output_depth(c)));
}

static bool cpu_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *c)
{
    (void)problem;
    c->own = clattn__shrink(c->own, own, c->lanes);
    c->walk = clattn__shrink(c->walk, walk, c->block_rows);
    c->block_cols = clattn__min_int(c->own / c->lanes, c->block_cols);
    c->group_size = 1;
    c->local_bytes = cpu_local_bytes(c);
    return c->block_cols > 0 && cpu_divides(c);
}

/* ---- solvers ---- */

/* Everything that a problem can ask for. */
#define FEATURES                                                                                                       \
    (CLATTN__FEATURE(FLOAT32) | CLATTN__16_BITS | CLATTN__SCORES | CLATTN__MASKS | CLATTN__FEATURE(PACKED_HEADS) |     \
     CLATTN__FEATURE(NEGATIVE_SCALE) | CLATTN__FEATURE(KEY_PARTS))

const struct clattn__solver clattn__cpu_solvers[] = {
    {.program = "forward",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_PARTS,
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
    {.program = "backward_head",
     .kernel = KERNEL_HEAD,
     .features = FEATURES,
     .choose = cpu_choose,
     .complete = cpu_complete},
    {.program = NULL},
};
