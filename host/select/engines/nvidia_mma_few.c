/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles of engine nvidia_mma for few query rows, in the schedule of kernels/engines/nvidia_mma/engine_few.cl. */
#include "attention/args.h"
#include "select/engines/engines.h"
#include "select/split.h"

enum { MOST_ROWS = 16, MOST_DEPTH = 128, PIECE = 8, KEY_BLOCK = 16, D_UNIT = 32, DV_UNIT = 64 };

/* Rows of preference; one serves heads up to `depth` deep, with `walk` keys a tile shared out among `warps`. Measured
 * on an H200, see bench/NOTES.md: a compute unit has registers for eight warps, which are one work-group where all of a
 * problem's run at once, and its keys need not be shared out among more. */
static const struct few_mma_row {
    int depth, walk, warps;
} few_mma_rows[] = {
    {64, 256, CLATTN__FEW_MMA_WARPS},
    {64, 128, 4},
    {MOST_DEPTH, 128, CLATTN__FEW_MMA_WARPS},
    {MOST_DEPTH, 64, 4},
    {MOST_DEPTH, 32, 2},
    {MOST_DEPTH, 16, 1},
};

bool clattn__few_mma_serves(const struct clattn__device *device, const clattn_problem *problem,
                            enum clattn__kernel kernel)
{
    (void)device;
    (void)kernel;
    return problem->q_len * clattn__config_pack(problem) <= MOST_ROWS && problem->qk_dim <= MOST_DEPTH &&
           problem->v_dim <= MOST_DEPTH && problem->qk_dim % PIECE == 0 && problem->v_dim % PIECE == 0;
}

/* Pieces of 16 bytes are loaded as they are. */
static bool in_pieces(const struct view *view)
{
    return ((view->offset | view->batch | view->head | view->row) & (PIECE - 1)) == 0;
}

bool clattn__few_mma_takes(const clattn_problem *problem, enum clattn__kernel kernel, const struct call *call)
{
    (void)problem;
    (void)kernel;
    return in_pieces(&call->k) && in_pieces(&call->v);
}

/* As the kernel declares it: of each warp O, m and l. */
static size_t local_bytes(const struct clattn__config *c)
{
    return sizeof(float) * (size_t)(c->warps * c->own) * (size_t)(c->dv_pad + 6);
}

/* Whether half of the warps, if there are several, would do for all keys. */
static bool is_longer(int tile, int warps, int64_t keys)
{
    return tile / 2 >= keys && warps % 2 == 0;
}

/* Fills in what follows from the tunable numbers. */
static void follow(const clattn_problem *problem, struct clattn__config *c)
{
    c->owner_resident = 1;
    c->chunk = D_UNIT;
    c->d_pad = clattn__round_up((int)problem->qk_dim, D_UNIT);
    c->slice = c->dv_pad = clattn__round_up((int)problem->v_dim, DV_UNIT);
    c->group_size = 32 * (size_t)c->warps;
    c->local_bytes = local_bytes(c);
}

bool clattn__few_mma_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                            struct clattn__config *c)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    int64_t own, walk;
    clattn__tile_limits(problem, c->kernel, &own, &walk);
    for (size_t i = 0; i < ARRAY_SIZE(few_mma_rows); ++i) {
        const struct few_mma_row *row = &few_mma_rows[i];
        const bool longer = is_longer(row->walk, row->warps, walk);
        if (row->depth < depth || longer || (problem->k_tile && row->walk > problem->k_tile))
            continue;
        c->walk = row->walk;
        c->warps = row->warps;
        c->own = clattn__shrink(MOST_ROWS, own, 1);
        while (problem->q_tile && c->own > problem->q_tile)
            c->own /= 2;
        follow(problem, c);
        const bool at_once = clattn__config_groups(c, problem) <= (uint64_t)device->compute_units;
        if ((at_once || row->warps < CLATTN__FEW_MMA_WARPS) && c->local_bytes <= device->local_bytes &&
            c->group_size <= device->max_group && (*attempt)-- == 0)
            return true;
    }
    return false;
}

bool clattn__few_mma_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *c)
{
    c->own = clattn__shrink(c->own, own, 1);
    for (; is_longer(c->walk, c->warps, walk); c->warps /= 2)
        c->walk /= 2;
    follow(problem, c);
    return c->own <= MOST_ROWS && (c->own & (c->own - 1)) == 0 && c->walk % (KEY_BLOCK * c->warps) == 0 &&
           c->warps <= CLATTN__FEW_MMA_WARPS &&
           c->walk / c->warps * clattn__max_int(c->d_pad, c->dv_pad) <= KEY_BLOCK * MOST_DEPTH;
}
