/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles for decode in engine nvidia_mma (kernels/engines/nvidia_mma/engine_decode.cl). */
#include "attention/args.h"
#include "select/engines/engines.h"
#include "select/split.h"

enum { MOST_ROWS = 16, MOST_DEPTH = 128, VEC16 = 8, KEY_BLOCK = 16, D_UNIT = 32, DV_UNIT = 64 };

/* Preferred tiles: a row serves D and Dv up to `depth`, with `tile_cols` keys split among `warps`.
 * Measured on an H200, see bench/NOTES.md: a compute unit has registers for eight warps. They form
 * one work-group if all work-groups of a problem run at once; otherwise keys need not be split
 * among so many. */
static const struct decode_mma_row {
    int depth, tile_cols, warps;
} decode_mma_rows[] = {
    {64, 256, CLATTN__DECODE_MMA_WARPS},
    {64, 128, 4},
    {MOST_DEPTH, 128, CLATTN__DECODE_MMA_WARPS},
    {MOST_DEPTH, 64, 4},
    {MOST_DEPTH, 32, 2},
    {MOST_DEPTH, 16, 1},
};

bool clattn__decode_mma_serves(const struct clattn__device *device, const clattn_problem *problem,
                               enum clattn__kernel kernel)
{
    (void)device;
    (void)kernel;
    return problem->q_len * clattn__config_pack(problem) <= MOST_ROWS && problem->qk_dim <= MOST_DEPTH &&
           problem->v_dim <= MOST_DEPTH && problem->qk_dim % VEC16 == 0 && problem->v_dim % VEC16 == 0;
}

/* Keys and values are loaded as aligned vec16. */
static bool in_vec16(const struct view *view)
{
    return ((view->offset | view->batch | view->head | view->row) & (VEC16 - 1)) == 0;
}

bool clattn__decode_mma_accepts_layout(const clattn_problem *problem, enum clattn__kernel kernel,
                                       const struct call *call)
{
    (void)problem;
    (void)kernel;
    return in_vec16(&call->k) && in_vec16(&call->v);
}

/* As the kernel declares it: O, m and l of each warp. */
static size_t local_bytes(const struct clattn__config *c)
{
    return sizeof(float) * (size_t)(c->warps * c->tile_rows) * (size_t)(c->dv_pad + 6);
}

/* Whether half of the warps, if more than one, would hold all keys. */
static bool is_longer(int tile, int warps, int64_t keys)
{
    return tile / 2 >= keys && warps % 2 == 0;
}

/* Fills in what follows from the tunables. */
static void follow(const clattn_problem *problem, struct clattn__config *c)
{
    c->stationary_resident = 1;
    c->depth_step = D_UNIT;
    c->d_pad = clattn__round_up((int)problem->qk_dim, D_UNIT);
    c->out_block = c->dv_pad = clattn__round_up((int)problem->v_dim, DV_UNIT);
    c->group_size = 32 * (size_t)c->warps;
    c->local_bytes = local_bytes(c);
}

bool clattn__decode_mma_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                               struct clattn__config *c)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    int64_t tile_rows, tile_cols;
    clattn__tile_limits(problem, c->kernel, &tile_rows, &tile_cols);
    for (size_t i = 0; i < ARRAY_SIZE(decode_mma_rows); ++i) {
        const struct decode_mma_row *row = &decode_mma_rows[i];
        const bool longer = is_longer(row->tile_cols, row->warps, tile_cols);
        if (row->depth < depth || longer || (problem->k_tile && row->tile_cols > problem->k_tile))
            continue;
        c->tile_cols = row->tile_cols;
        c->warps = row->warps;
        c->tile_rows = clattn__shrink(MOST_ROWS, tile_rows, 1);
        while (problem->q_tile && c->tile_rows > problem->q_tile)
            c->tile_rows /= 2;
        follow(problem, c);
        const bool at_once = clattn__config_groups(c, problem) <= (uint64_t)device->compute_units;
        if ((at_once || row->warps < CLATTN__DECODE_MMA_WARPS) && c->local_bytes <= device->local_bytes &&
            c->group_size <= device->max_group && (*attempt)-- == 0)
            return true;
    }
    return false;
}

bool clattn__decode_mma_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols,
                                 struct clattn__config *c)
{
    c->tile_rows = clattn__shrink(c->tile_rows, tile_rows, 1);
    for (; is_longer(c->tile_cols, c->warps, tile_cols); c->warps /= 2)
        c->tile_cols /= 2;
    follow(problem, c);
    return c->tile_rows <= MOST_ROWS && (c->tile_rows & (c->tile_rows - 1)) == 0 &&
           c->tile_cols % (KEY_BLOCK * c->warps) == 0 && c->warps <= CLATTN__DECODE_MMA_WARPS &&
           c->tile_cols / c->warps * clattn__max_int(c->d_pad, c->dv_pad) <= KEY_BLOCK * MOST_DEPTH;
}
