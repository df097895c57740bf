/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles for decode in engine simt (kernels/engines/simt/engine_decode.cl). */
#include "select/engines/engines.h"
#include "select/split.h"

enum { MOST_ROWS = 16 };

/* Preferred tiles: a row serves up to `most` query rows with D and Dv up to `depth`. chunk_bytes is
 * the staged part of a key's row; strips are in keys, at most 4 with float32. A row is passed over
 * if its output block, a multiple of 4 tx, is deeper than any V: with Dv past 512 those of powers of
 * two leave work-items idle. Measured on an H200, see bench/NOTES.md: few work-items with many loads
 * in flight are faster than many. */
static const struct decode_row {
    int most, depth, tile_cols, tx, ty, chunk_bytes, strip, unroll;
} decode_rows[] = {
    /* clang-format off */
    {4, 64, 128, 8, 8, 128, 8, 2},
    {MOST_ROWS, 64, 128, 16, 4, 128, 4, 2},
    {4, 128, 128, 16, 4, 128, 8, 4},
    {8, 128, 128, 32, 2, 128, 8, 2},
    {MOST_ROWS, 128, 128, 32, 2, 128, 4, 2},
    {4, 256, 128, 32, 2, 128, 8, 2},
    {MOST_ROWS, 256, 64, 64, 2, 128, 4, 2},
    {4, 576, 128, 64, 1, 128, 8, 2},
    {4, 576, 64, 48, 2, 128, 8, 2},
    {MOST_ROWS, 576, 64, 128, 1, 128, 4, 2},
    {MOST_ROWS, 576, 64, 144, 1, 128, 4, 2},
    {MOST_ROWS, 128, 32, 32, 2, 64, 4, 2},
    /* clang-format on */
};

static int element_bytes(const struct clattn__config *c)
{
    return c->dtype == CLATTN_FLOAT32 ? 4 : 2;
}

/* As declared in kernels/engines/simt/engine_decode.cl. */
static size_t decode_local_bytes(const struct clattn__config *c)
{
    const size_t tile_rows = (size_t)c->tile_rows, tile_cols = (size_t)c->tile_cols, group = (size_t)(c->tx * c->ty);
    const size_t vectors = (size_t)(c->depth_step * element_bytes(c) / 16);
    const size_t of_keys = 16 * tile_cols * (vectors | 1), of_output = 4 * (size_t)c->ty * (size_t)c->out_block;
    return 4 * tile_rows * (size_t)c->d_pad + (of_keys > of_output ? of_keys : of_output) +
           4 * tile_rows * (group + tile_cols);
}

static bool decode_divides(const struct clattn__config *c)
{
    /* Keys of a group of work-items. */
    const int keys = c->tile_cols / c->ty, group = c->tx * c->ty;
    return c->stationary_resident && c->tile_rows <= MOST_ROWS && (c->tile_rows & (c->tile_rows - 1)) == 0 &&
           c->tile_cols % c->ty == 0 && keys >= 2 && (keys <= c->tx || keys % c->tx == 0) && keys % c->strip == 0 &&
           c->out_block % (4 * c->tx) == 0 && c->out_block < clattn__output_depth(c) + 4 * c->tx &&
           c->depth_step % 8 == 0 && group >= 64 && group <= 256;
}

static int decode_fit(int tile, int64_t rows, int least)
{
    while (tile / 2 >= rows && tile / 2 >= least)
        tile /= 2;
    return tile;
}

/* A power of two, so that vectors are too, unless more than an eighth of what is staged were
 * padding. */
static int decode_chunk(int depth, int most)
{
    int depth_step = most;
    while (depth_step > 8 && 8 * (clattn__round_up(depth, depth_step) - depth) > depth)
        depth_step /= 2;
    return depth_step;
}

static void decode_fill(const struct decode_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    int64_t tile_rows, tile_cols;
    clattn__tile_limits(problem, c->kernel, &tile_rows, &tile_cols);
    c->stationary_resident = 1;
    c->tx = row->tx;
    c->ty = row->ty;
    c->tile_rows = decode_fit(MOST_ROWS, tile_rows, 1);
    while (c->tile_rows > 1 && problem->q_tile && c->tile_rows > problem->q_tile)
        c->tile_rows /= 2;
    c->tile_cols = decode_fit(row->tile_cols, tile_cols, 2 * c->ty);
    while (c->tile_cols > 2 * c->ty && problem->k_tile && c->tile_cols > problem->k_tile)
        c->tile_cols /= 2;
    c->strip =
        clattn__min_int(c->tile_cols / c->ty, c->dtype == CLATTN_FLOAT32 ? clattn__min_int(row->strip, 4) : row->strip);
    c->unroll = row->unroll;
    c->depth_step = decode_chunk((int)problem->qk_dim, row->chunk_bytes / element_bytes(c));
    c->d_pad = clattn__round_up((int)problem->qk_dim, c->depth_step);
    c->dv_pad = clattn__round_up((int)problem->v_dim, c->depth_step);
    c->out_block = clattn__round_up((int)problem->v_dim, 4 * c->tx);
    c->group_size = (size_t)(c->tx * c->ty);
    c->local_bytes = decode_local_bytes(c);
}

/* Decode does not flush long sums (kernels/attention/long_sums.cl). It divides them among groups of
 * work-items and splits of the keys: enough to keep float32 sums short (split.c), unless the caller
 * wants fewer. */
static bool decode_adds_up(const clattn_problem *problem, int groups)
{
    return problem->dtype != CLATTN_FLOAT32 || !problem->kv_splits ||
           problem->kv_len / problem->kv_splits <= (int64_t)CLATTN__DECODE_GROUP_KEYS * groups;
}

bool clattn__decode_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                           struct clattn__config *config)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    int64_t tile_rows, tile_cols;
    clattn__tile_limits(problem, config->kernel, &tile_rows, &tile_cols);
    for (size_t i = 0; i < ARRAY_SIZE(decode_rows); ++i) {
        const struct decode_row *row = &decode_rows[i];
        if (row->most < tile_rows || row->depth < depth || !decode_adds_up(problem, row->ty))
            continue;
        decode_fill(row, problem, config);
        if (config->out_block > CLATTN_MAX_HEAD_DIM)
            continue;
        if (config->local_bytes <= device->local_bytes && config->group_size <= device->max_group && (*attempt)-- == 0)
            return true;
    }
    return false;
}

void clattn__simt_fit_strip(struct clattn__config *c, int most)
{
    c->strip = clattn__min_int(most, c->tile_cols);
    while (c->tile_cols % c->strip)
        c->strip /= 2;
}

bool clattn__decode_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols,
                             struct clattn__config *c)
{
    (void)problem;
    c->tile_rows = clattn__shrink(c->tile_rows, tile_rows, 1);
    c->tile_cols = clattn__shrink(c->tile_cols, tile_cols, 2 * c->ty);
    /* A group of work-items would have no key, and the strip would be 0. */
    if (c->tile_cols < c->ty)
        return false;
    clattn__simt_fit_strip(c, clattn__min_int(c->tile_cols / c->ty, c->strip));
    c->group_size = (size_t)(c->tx * c->ty);
    c->local_bytes = decode_local_bytes(c);
    return decode_divides(c);
}
