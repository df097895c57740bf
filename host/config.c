/* Which tiles a kernel uses on a device, and the build options that say so. */
#include "internal.h"

#include "fields.h"

#include <stdio.h>
#include <string.h>

const char *const clattn__kernel_names[KERNEL_COUNT] = {"forward",     "forward_combine", "delta",
                                                        "backward_dq", "backward_dkdv",   "backward_head"};

static int min_int(int64_t a, int b)
{
    return a < b ? (int)a : b;
}

static int round_up(int value, int unit)
{
    return (value + unit - 1) / unit * unit;
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

/* ---- what both engines need ---- */

int clattn__config_pack(const clattn_problem *problem)
{
    const int64_t group = problem->q_heads / problem->kv_heads;
    /* A padding mask of its own for each head: heads that share staged keys would blank each other's. */
    const bool own_padding = problem->mask_dim[1] > 1 && problem->mask_dim[2] == 1;
    return group > 1 && problem->q_len < 64 && !own_padding ? (int)group : 1;
}

bool clattn__config_keys_own(enum clattn__kernel kernel)
{
    return kernel == KERNEL_DKDV || kernel == KERNEL_HEAD;
}

/* Rows of the owner and of the walked side, and the tiles that were asked for them. */
static void tile_limits(const clattn_problem *problem, enum clattn__kernel kernel, int64_t *own, int64_t *walk)
{
    const int64_t queries = problem->q_len * clattn__config_pack(problem), keys = problem->kv_len;
    const int64_t q_most = problem->q_tile ? problem->q_tile : INT32_MAX,
                  k_most = problem->k_tile ? problem->k_tile : INT32_MAX;
    const int64_t q = queries < q_most ? queries : q_most, k = keys < k_most ? keys : k_most;
    *own = clattn__config_keys_own(kernel) ? k : q;
    *walk = clattn__config_keys_own(kernel) ? q : k;
}

/* Depth of the output: Dv, D, or the larger where dK and dV are both made. */
static int output_depth(const struct clattn__config *config)
{
    if (config->kernel == KERNEL_FORWARD)
        return config->dv_pad;
    if (config->kernel == KERNEL_DQ)
        return config->d_pad;
    return max_int(config->d_pad, config->dv_pad);
}

/* Tensors of which a work-group keeps an owner tile, score arrays, outputs. */
static int owner_count(const struct clattn__config *config)
{
    return config->kernel == KERNEL_DQ || (clattn__config_keys_own(config->kernel) && config->want_dk) ? 2 : 1;
}

static int output_count(const struct clattn__config *config)
{
    return clattn__config_keys_own(config->kernel) && config->want_dk && config->want_dv ? 2 : 1;
}

static size_t owner_depth(const struct clattn__config *config, int pad)
{
    if (!config->owner_resident)
        return (size_t)owner_count(config) * (size_t)(config->chunk + pad);
    const size_t one = (size_t)(config->d_pad + pad);
    return owner_count(config) == 2 ? one + (size_t)(config->dv_pad + pad) : one;
}

enum clattn__mask clattn__config_mask(const clattn_problem *problem)
{
    if (problem->mask_dim[0] == 0)
        return MASK_NONE;
    return problem->mask_dim[2] == 1 ? MASK_PADDING : MASK_FULL;
}

/* ---- simt ---- */

enum { ON_FORWARD = 1 << KERNEL_FORWARD, ON_ALL = ~0 };

/* Rows of preference, the more specific first; the last fits every device with 8 KiB of local memory. A row serves
 * heads up to `depth` deep and, unless `most` is 0, problems of no more owner rows; chunk and slice are cut to the
 * depth at hand. Measured on an H200, see bench/NOTES.md. With few rows each key is used little, and loading is what
 * takes the time: most items stand along the keys, so that few rows keep them all at work, and little is carried in
 * registers, so that a compute unit has many work-groups. */
static const struct simt_row {
    int kernels, depth, own, walk, tx, ty, chunk, slice, strip, unroll;
    bool resident;
    int most;
} simt_rows[] = {
    {ON_FORWARD, 32, 16, 64, 8, 8, 32, 32, 16, 4, true, 16},
    {ON_FORWARD, 64, 16, 64, 16, 4, 32, 64, 16, 4, true, 16},
    {ON_FORWARD, 128, 8, 64, 16, 4, 32, 128, 16, 4, true, 8},
    {ON_FORWARD, 256, 8, 32, 16, 4, 32, 256, 16, 4, true, 8},
    {ON_ALL, 32, 128, 64, 8, 16, 32, 32, 32, 4, true, 0},
    {ON_ALL, 32, 64, 32, 8, 8, 16, 32, 16, 4, true, 0},
    {ON_FORWARD, 64, 256, 64, 8, 32, 32, 64, 32, 4, true, 0},
    {ON_FORWARD, 64, 128, 64, 8, 16, 32, 64, 32, 4, true, 0},
    {ON_FORWARD, 64, 64, 64, 8, 8, 16, 64, 16, 4, true, 0},
    {ON_ALL, 64, 128, 32, 8, 16, 32, 64, 32, 8, true, 0},
    {ON_ALL, 64, 64, 32, 8, 8, 16, 64, 16, 4, true, 0},
    {ON_FORWARD, 96, 128, 96, 12, 16, 32, 96, 32, 4, true, 0},
    {ON_ALL, 96, 128, 48, 12, 16, 32, 96, 16, 4, true, 0},
    {ON_FORWARD, 128, 128, 128, 16, 16, 32, 128, 16, 8, true, 0},
    {ON_ALL, 128, 128, 64, 16, 16, 32, 128, 32, 4, true, 0},
    {ON_FORWARD, 128, 64, 128, 16, 8, 16, 128, 16, 4, false, 0},
    {ON_ALL, 128, 64, 64, 16, 8, 16, 128, 16, 4, false, 0},
    {ON_FORWARD, 256, 64, 128, 32, 8, 16, 256, 16, 4, true, 0},
    {ON_ALL, 512, 64, 64, 32, 8, 16, 256, 16, 4, false, 0},
    {ON_ALL, 512, 32, 32, 8, 8, 16, 128, 16, 2, false, 0},
    {ON_ALL, 512, 16, 16, 4, 16, 16, 64, 16, 2, false, 0},
    {ON_ALL, 512, 16, 16, 4, 16, 16, 16, 16, 2, false, 0},
};

static size_t simt_local_bytes(const struct clattn__config *c)
{
    const size_t pad = 4, own = (size_t)c->own, walk = (size_t)c->walk, chunk = (size_t)c->chunk;
    const size_t depths = (size_t)(owner_count(c) == 2 ? c->d_pad + c->dv_pad : c->d_pad);
    const size_t stays = c->owner_resident ? depths * (own + pad) : 0;
    const size_t for_scores = chunk * (walk + pad) + (c->owner_resident ? 0 : chunk * (own + pad));
    const size_t for_output = walk * (own + pad) + (size_t)c->strip * (size_t)c->slice;
    const size_t reduced = c->kernel == KERNEL_FORWARD ? own * (size_t)c->tx : 0;
    return 4 * (stays + (for_scores > for_output ? for_scores : for_output) + reduced);
}

/* A chunk that divides both padded depths, no longer than `most`, with the least padding. Multiples of `unit`. */
static int choose_chunk(const clattn_problem *problem, int unit, int most)
{
    const int d = (int)problem->qk_dim, dv = (int)problem->v_dim;
    int best = unit, least = round_up(d, unit) + round_up(dv, unit);
    for (int chunk = 2 * unit; chunk <= most; chunk += unit) {
        const int padded = round_up(d, chunk) + round_up(dv, chunk);
        if (padded <= least) {
            best = chunk;
            least = padded;
        }
    }
    return best;
}

static void fit_strip(struct clattn__config *c, int most)
{
    c->strip = min_int(most, c->walk);
    while (c->walk % c->strip)
        c->strip /= 2;
}

static void simt_fill(const struct simt_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    int64_t own, walk;
    tile_limits(problem, c->kernel, &own, &walk);
    c->tx = row->tx;
    c->ty = row->ty;
    c->own = row->own;
    c->walk = row->walk;
    while (c->own > own && c->own > c->ty)
        c->own /= 2;
    while (c->walk > walk && c->walk > c->tx)
        c->walk /= 2;
    fit_strip(c, row->strip);
    c->unroll = row->unroll;
    c->chunk = choose_chunk(problem, row->chunk < 32 ? row->chunk : 32, row->chunk);
    c->d_pad = round_up((int)problem->qk_dim, c->chunk);
    c->dv_pad = round_up((int)problem->v_dim, c->chunk);
    c->owner_resident = row->resident;
    c->slice = min_int(round_up(output_depth(c), 4 * c->tx), row->slice);
    c->group_size = (size_t)(c->tx * c->ty);
    c->local_bytes = simt_local_bytes(c);
}

/* Tiles larger than others that would do must not leave compute units without work. */
static bool keeps_busy(const struct clattn__device *device, const clattn_problem *problem,
                       const struct clattn__config *config)
{
    return config->own <= 64 || 4 * clattn__config_groups(config, problem) >= 3 * (uint64_t)device->compute_units;
}

static bool simt_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                        struct clattn__config *config)
{
    const int depth = max_int((int)problem->qk_dim, (int)problem->v_dim);
    int64_t own, walk;
    tile_limits(problem, config->kernel, &own, &walk);
    for (size_t i = 0; i < ARRAY_SIZE(simt_rows); ++i) {
        const struct simt_row *row = &simt_rows[i];
        if (row->depth < depth || !(row->kernels & 1 << config->kernel) || (row->most && row->most < own))
            continue;
        simt_fill(row, problem, config);
        const bool fits = config->local_bytes <= device->local_bytes && config->group_size <= device->max_group;
        if (fits && keeps_busy(device, problem, config) && attempt-- == 0)
            return true;
    }
    return false;
}

/* ---- cpu ---- */

static size_t cpu_local_bytes(const struct clattn__config *c)
{
    const size_t own = (size_t)c->own, walk = (size_t)c->walk;
    const size_t walked_count = clattn__config_keys_own(c->kernel) ? 2 : 1;
    const size_t row_values[KERNEL_COUNT] = {4, 0, 0, 3, 1, 2},
                 column_values = clattn__config_keys_own(c->kernel) ? 2 : 0;
    const size_t values = row_values[c->kernel] * own + column_values * (size_t)c->lanes * walk;
    const size_t rows = c->kernel == KERNEL_HEAD ? own * (size_t)c->d_pad : 0;
    return 4 * (own * owner_depth(c, 0) + rows + walked_count * walk * (size_t)c->chunk +
                (size_t)owner_count(c) * own * walk + (size_t)output_count(c) * own * (size_t)c->slice + values);
}

static void cpu_set_chunk(const clattn_problem *problem, int most, struct clattn__config *c)
{
    c->chunk = choose_chunk(problem, c->lanes, most);
    c->d_pad = round_up((int)problem->qk_dim, c->chunk);
    c->dv_pad = round_up((int)problem->v_dim, c->chunk);
    c->slice = output_depth(c);
}

/* Owner rows of a tile: few widths, so that problems of many lengths share programs. Wide tiles copy less, narrow ones
 * make the `wanted_tiles` that keep every compute unit busy and waste less on the last rows. `rows` are there in each
 * of `heads`; `requested` (0: none) must not be exceeded. */
static int cpu_own(int64_t wanted_tiles, int lanes, int64_t heads, int64_t rows, int64_t requested)
{
    int own = 8 * lanes;
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
    c->block_cols = min_int(c->own / c->lanes, c->block_cols);
    while (cpu_local_bytes(c) > budget && c->chunk > c->lanes)
        cpu_set_chunk(problem, c->chunk - c->lanes, c);
    if (cpu_local_bytes(c) > budget)
        c->owner_resident = false;
    while (cpu_local_bytes(c) > budget && c->walk > c->block_rows)
        c->walk -= c->block_rows;
    if (cpu_local_bytes(c) > budget)
        c->slice = c->chunk;
}

static bool cpu_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                       struct clattn__config *c)
{
    const size_t cached = 1024 * 1024; /* of a core's own cache */
    const size_t most = device->local_bytes < cached ? device->local_bytes : cached;
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
    c->block_cols = min_int(c->own / c->lanes, c->lanes == 16 ? 4 : 2);
    c->walk = cpu_walk(c->block_rows, swapped ? queries : keys, swapped ? problem->q_tile : problem->k_tile);
    cpu_set_chunk(problem, 512, c);
    cpu_fit(most >> attempt, problem, c);
    c->local_bytes = cpu_local_bytes(c);
    return c->local_bytes <= most >> attempt && !(one_walk && (!c->owner_resident || c->slice < output_depth(c)));
}

bool clattn__config_one_walk(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem)
{
    struct clattn__config config = {.kernel = KERNEL_HEAD, .want_dk = true, .want_dv = true};
    const uint64_t units = (uint64_t)device->compute_units, heads = (uint64_t)(problem->batch * problem->kv_heads);
    /* Five products by as many workers as there are heads, the last of which may leave some idle, or seven by all. */
    const bool faster = 5 * units * ((heads - 1) / units + 1) <= 7 * heads;
    return engine == CLATTN_ENGINE_CPU && faster && clattn__config_choose(device, engine, problem, 0, &config);
}

/* ---- both ---- */

/* delta and combine see no scores: one program serves all problems. */
bool clattn__config_has_tiles(enum clattn__kernel kernel)
{
    return kernel != KERNEL_DELTA && kernel != KERNEL_COMBINE;
}

static void set_problem(clattn_engine engine, const clattn_problem *problem, struct clattn__config *config)
{
    config->engine = engine;
    config->dtype = problem->dtype;
    config->packed = clattn__config_pack(problem) > 1;
    config->mask = clattn__config_mask(problem);
}

bool clattn__config_choose(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                           int attempt, struct clattn__config *config)
{
    set_problem(engine, problem, config);
    config->splits = config->kernel == KERNEL_COMBINE ? config->splits : 1;
    if (!clattn__config_has_tiles(config->kernel)) {
        config->group_size = device->max_group < 64 || engine == CLATTN_ENGINE_CPU ? 1 : 64;
        config->local_bytes = 0;
        return attempt == 0;
    }
    const bool found = engine == CLATTN_ENGINE_CPU ? cpu_choose(device, problem, attempt, config)
                                                   : simt_choose(device, problem, attempt, config);
    if (found && config->kernel == KERNEL_FORWARD)
        config->splits = clattn__split_count(device, problem, config);
    return found;
}

/* ---- a configuration from elsewhere ---- */

/* What the #error lines of the engines ask for, and what a work-group is. */
static bool simt_divides(const struct clattn__config *c)
{
    const int group = c->tx * c->ty;
    return c->own % c->ty == 0 && c->walk % c->tx == 0 && c->walk % c->strip == 0 && c->tx % 4 == 0 &&
           c->own % 4 == 0 && c->walk % 4 == 0 && c->slice % (4 * c->tx) == 0 &&
           c->slice < output_depth(c) + 4 * c->tx && c->chunk % 4 == 0 && group >= 64 && group <= 256;
}

static bool cpu_divides(const struct clattn__config *c)
{
    return (c->lanes == 4 || c->lanes == 8 || c->lanes == 16) && c->own % (c->lanes * c->block_cols) == 0 &&
           c->walk % c->block_rows == 0 && c->chunk % c->lanes == 0 && c->slice % c->chunk == 0 &&
           c->slice <= output_depth(c) &&
           (c->kernel != KERNEL_HEAD || (c->owner_resident && c->slice == output_depth(c)));
}

/* Halves a tile, in whole units, as long as it holds all rows. */
static int shrink(int tile, int64_t rows, int unit)
{
    while (tile / 2 >= rows && tile % (2 * unit) == 0)
        tile /= 2;
    return tile;
}

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
    const bool cpu = engine == CLATTN_ENGINE_CPU;
    set_problem(engine, problem, c);
    if (!clattn__config_has_tiles(c->kernel) || !clattn__fields_in_range(c))
        return false;
    clattn_problem unbounded = *problem; /* a tile that was asked for refuses a taller one, and does not shrink it */
    unbounded.q_tile = unbounded.k_tile = 0;
    int64_t own, walk;
    tile_limits(&unbounded, c->kernel, &own, &walk);
    c->own = shrink(c->own, own, cpu ? c->lanes : c->ty);
    c->walk = shrink(c->walk, walk, cpu ? c->block_rows : c->tx);
    if (cpu)
        c->block_cols = min_int(c->own / c->lanes, c->block_cols);
    else
        fit_strip(c, c->strip);
    c->d_pad = round_up((int)problem->qk_dim, c->chunk);
    c->dv_pad = round_up((int)problem->v_dim, c->chunk);
    c->group_size = cpu ? 1 : (size_t)(c->tx * c->ty);
    if (c->block_cols == 0 && cpu)
        return false;
    if (!(cpu ? cpu_divides(c) : simt_divides(c)) || exceeds_request(problem, c))
        return false;
    c->local_bytes = cpu ? cpu_local_bytes(c) : simt_local_bytes(c);
    c->splits = c->kernel == KERNEL_FORWARD ? clattn__split_count(device, problem, c) : 1;
    return c->local_bytes <= device->local_bytes && c->group_size <= device->max_group;
}

uint64_t clattn__config_groups(const struct clattn__config *c, const clattn_problem *problem)
{
    const uint64_t batch = (uint64_t)problem->batch, heads = (uint64_t)problem->q_heads,
                   queries = (uint64_t)problem->q_len;
    if (c->kernel == KERNEL_COMBINE)
        return batch * heads * queries;
    if (c->kernel == KERNEL_DELTA)
        return (batch * heads * queries + c->group_size - 1) / c->group_size;
    if (c->kernel == KERNEL_HEAD)
        return batch * (uint64_t)problem->kv_heads;
    const uint64_t own = (uint64_t)c->own, slice = (uint64_t)c->slice;
    const uint64_t slices = ((uint64_t)output_depth(c) + slice - 1) / slice;
    if (c->kernel == KERNEL_DKDV)
        return slices * (((uint64_t)problem->kv_len + own - 1) / own) * (uint64_t)problem->kv_heads * batch;
    const uint64_t pack = (uint64_t)clattn__config_pack(problem);
    return slices * (uint64_t)c->splits * ((queries * pack + own - 1) / own) * (heads / pack) * batch;
}
