/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of engine simt for few query rows, in the schedule of kernels/engines/simt/engine_few.cl. */
#include "select/engines/engines.h"
#include "select/split.h"

enum { MOST_ROWS = 16 };

/* Rows of preference; one serves problems of no more owner rows than `most` in heads up to `depth` deep. Chunks are in
 * bytes of a key's row, strips in keys: of float32 an item carries 4 values at most. Measured on an H200, see
 * bench/NOTES.md: few items that have much on its way are faster than many. */
static const struct few_row {
    int most, depth, walk, tx, ty, chunk_bytes, strip, unroll;
} few_rows[] = {
    /* clang-format off */
    {4, 64, 128, 8, 8, 128, 8, 2},
    {MOST_ROWS, 64, 128, 16, 4, 128, 4, 2},
    {4, 128, 128, 16, 4, 128, 8, 4},
    {8, 128, 128, 32, 2, 128, 8, 2},
    {MOST_ROWS, 128, 128, 32, 2, 128, 4, 2},
    {4, 256, 128, 32, 2, 128, 8, 2},
    {MOST_ROWS, 256, 64, 64, 2, 128, 4, 2},
    {4, 512, 128, 64, 1, 128, 8, 2},
    {MOST_ROWS, 512, 64, 128, 1, 128, 4, 2},
    {MOST_ROWS, 128, 32, 32, 2, 64, 4, 2},
    /* clang-format on */
};

static int element_bytes(const struct clattn__config *c)
{
    return c->dtype == CLATTN_FLOAT32 ? 4 : 2;
}

/* As kernels/engines/simt/engine_few.cl says. */
static size_t few_local_bytes(const struct clattn__config *c)
{
    const size_t own = (size_t)c->own, walk = (size_t)c->walk, group = (size_t)(c->tx * c->ty);
    const size_t pieces = (size_t)(c->chunk * element_bytes(c) / 16);
    const size_t of_keys = 16 * walk * (pieces | 1), of_output = 4 * (size_t)c->ty * (size_t)c->slice;
    return 4 * own * (size_t)c->d_pad + (of_keys > of_output ? of_keys : of_output) + 4 * own * (group + walk);
}

static bool few_divides(const struct clattn__config *c)
{
    const int keys = c->walk / c->ty, group = c->tx * c->ty; /* keys of a group of work-items */
    return c->owner_resident && c->own <= MOST_ROWS && (c->own & (c->own - 1)) == 0 && c->walk % c->ty == 0 &&
           keys >= 2 && (keys <= c->tx || keys % c->tx == 0) && keys % c->strip == 0 && c->slice % (4 * c->tx) == 0 &&
           c->slice < clattn__output_depth(c) + 4 * c->tx && c->chunk % 8 == 0 && group >= 64 && group <= 256;
}

static int few_fit(int tile, int64_t rows, int least)
{
    while (tile / 2 >= rows && tile / 2 >= least)
        tile /= 2;
    return tile;
}

/* A power of two, so that pieces are, unless more than an eighth of what is staged were padding. */
static int few_chunk(int depth, int most)
{
    int chunk = most;
    while (chunk > 8 && 8 * (clattn__round_up(depth, chunk) - depth) > depth)
        chunk /= 2;
    return chunk;
}

static void few_fill(const struct few_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    int64_t own, walk;
    clattn__tile_limits(problem, c->kernel, &own, &walk);
    c->owner_resident = 1;
    c->tx = row->tx;
    c->ty = row->ty;
    c->own = few_fit(MOST_ROWS, own, 1);
    while (c->own > 1 && problem->q_tile && c->own > problem->q_tile)
        c->own /= 2;
    c->walk = few_fit(row->walk, walk, 2 * c->ty);
    while (c->walk > 2 * c->ty && problem->k_tile && c->walk > problem->k_tile)
        c->walk /= 2;
    c->strip =
        clattn__min_int(c->walk / c->ty, c->dtype == CLATTN_FLOAT32 ? clattn__min_int(row->strip, 4) : row->strip);
    c->unroll = row->unroll;
    c->chunk = few_chunk((int)problem->qk_dim, row->chunk_bytes / element_bytes(c));
    c->d_pad = clattn__round_up((int)problem->qk_dim, c->chunk);
    c->dv_pad = clattn__round_up((int)problem->v_dim, c->chunk);
    c->slice = clattn__round_up((int)problem->v_dim, 4 * c->tx);
    c->group_size = (size_t)(c->tx * c->ty);
    c->local_bytes = few_local_bytes(c);
}

/* This schedule does not settle long sums (kernels/attention/long_sums.cl), but shares them among groups of work-items, and parts of
 * the keys: as many as keep them short in float32 (split.c), unless the caller wants fewer. */
static bool few_adds_up(const clattn_problem *problem, int groups)
{
    return problem->dtype != CLATTN_FLOAT32 || !problem->kv_splits ||
           problem->kv_len / problem->kv_splits <= (int64_t)CLATTN__FEW_GROUP_KEYS * groups;
}

bool clattn__few_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                        struct clattn__config *config)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    int64_t own, walk;
    clattn__tile_limits(problem, config->kernel, &own, &walk);
    for (size_t i = 0; i < ARRAY_SIZE(few_rows); ++i) {
        const struct few_row *row = &few_rows[i];
        if (row->most < own || row->depth < depth || !few_adds_up(problem, row->ty))
            continue;
        few_fill(row, problem, config);
        if (config->local_bytes <= device->local_bytes && config->group_size <= device->max_group && (*attempt)-- == 0)
            return true;
    }
    return false;
}

void clattn__simt_fit_strip(struct clattn__config *c, int most)
{
    c->strip = clattn__min_int(most, c->walk);
    while (c->walk % c->strip)
        c->strip /= 2;
}

bool clattn__few_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *c)
{
    (void)problem;
    c->own = clattn__shrink(c->own, own, 1);
    c->walk = clattn__shrink(c->walk, walk, 2 * c->ty);
    if (c->walk < c->ty) /* no key for a group of work-items, and a strip of none divides nothing */
        return false;
    clattn__simt_fit_strip(c, clattn__min_int(c->walk / c->ty, c->strip));
    c->group_size = (size_t)(c->tx * c->ty);
    c->local_bytes = few_local_bytes(c);
    return few_divides(c);
}
