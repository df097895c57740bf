/* SPDX-License-Identifier: Apache-2.0 */
/* Engine nvidia_mma: a table of measured tiles, and solvers. */
#include "select/engines/engines.h"

enum { ON_FORWARD = 1 << KERNEL_FORWARD, ON_DQ = 1 << KERNEL_DQ, ON_DKDV = 1 << KERNEL_DKDV, ON_ALL = ~0 };
enum { BLOCK = 16, MOST_DEPTH = 256, DECODE_ROWS = 4 };

/* Preferred tiles, the more specific first; the last needs 49 KiB of local memory. A row serves D
 * and Dv up to `depth`. Tiles are cut to the rows that exist and to those requested. Measured on an
 * H200, see bench/NOTES.md: 32 stationary rows per warp halve the reads of local memory per
 * product, if registers remain for their outputs. */
static const struct mma_row {
    int kernels, depth, tile_rows, tile_cols, warps, out_block;
} mma_rows[] = {
    {ON_FORWARD, 64, 128, 128, 4, 64},  {ON_DQ, 64, 128, 64, 4, 64},   {ON_DKDV, 64, 64, 32, 2, 64},
    {ON_FORWARD, 128, 128, 64, 4, 128}, {ON_DQ, 128, 128, 32, 4, 128}, {ON_FORWARD, 256, 64, 32, 4, 256},
    {ON_ALL, 128, 64, 64, 4, 128},      {ON_DQ, 256, 64, 32, 4, 256},  {ON_DKDV, 256, 64, 32, 4, 128},
    {ON_ALL, 128, 64, 32, 4, 128},      {ON_ALL, 256, 16, 16, 1, 128},
};

/* Whether query rows are so few that most of a block would be empty. Then decode serves the forward
 * if it can, else simt. */
static bool is_decode(const clattn_problem *problem, enum clattn__kernel kernel)
{
    return kernel == KERNEL_FORWARD && problem->q_len * clattn__config_pack(problem) <= DECODE_ROWS;
}

static bool mma_serves(const struct clattn__device *device, const clattn_problem *problem, enum clattn__kernel kernel)
{
    (void)device;
    return problem->qk_dim <= MOST_DEPTH && problem->v_dim <= MOST_DEPTH && !is_decode(problem, kernel);
}

/* As declared in kernels/engines/nvidia_mma/engine.cl: stationary tiles, two double-buffered
 * streamed tiles and, with keys stationary, LSE and delta of the streamed queries. */
static size_t local_bytes(const struct clattn__config *c)
{
    const size_t depths = (size_t)(clattn__stationary_count(c) == 2 ? c->d_pad + c->dv_pad : c->d_pad);
    const size_t stats = clattn__config_keys_stationary(c->kernel) ? 16 * (size_t)c->tile_cols : 0;
    return 2 * (size_t)c->tile_rows * depths + 8 * (size_t)c->tile_cols * (size_t)clattn__max_int(c->d_pad, c->dv_pad) +
           stats + clattn__shared_bytes(c);
}

/* Halves the tile and its warps: whole blocks per warp. */
static void halve(struct clattn__config *c)
{
    c->tile_rows /= 2;
    c->warps = c->warps > 1 ? c->warps / 2 : 1;
}

static void fit_rows(int64_t tile_rows, int64_t tile_cols, struct clattn__config *c)
{
    while (c->tile_rows / 2 >= tile_rows && c->tile_rows % (2 * BLOCK) == 0)
        halve(c);
    c->tile_cols = clattn__shrink(c->tile_cols, tile_cols, BLOCK);
}

/* Shrinks the tiles to those requested; false if even the smallest tile is larger. */
static bool fit_request(const clattn_problem *problem, struct clattn__config *c)
{
    const bool keys_stationary = clattn__config_keys_stationary(c->kernel);
    const int64_t tile_rows = keys_stationary ? problem->k_tile : problem->q_tile,
                  tile_cols = keys_stationary ? problem->q_tile : problem->k_tile;
    while (tile_rows && c->tile_rows > tile_rows && c->tile_rows % (2 * BLOCK) == 0)
        halve(c);
    while (tile_cols && c->tile_cols > tile_cols && c->tile_cols % (2 * BLOCK) == 0)
        c->tile_cols /= 2;
    return (!tile_rows || c->tile_rows <= tile_rows) && (!tile_cols || c->tile_cols <= tile_cols);
}

static bool fill(const struct mma_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    clattn_problem unbounded = *problem;
    unbounded.q_tile = unbounded.k_tile = 0;
    int64_t tile_rows, tile_cols;
    clattn__tile_limits(&unbounded, c->kernel, &tile_rows, &tile_cols);
    c->tile_rows = row->tile_rows;
    c->tile_cols = row->tile_cols;
    c->warps = row->warps;
    c->depth_step = BLOCK;
    c->d_pad = clattn__round_up((int)problem->qk_dim, BLOCK);
    c->dv_pad = clattn__round_up((int)problem->v_dim, BLOCK);
    c->stationary_resident = 1;
    c->out_block = clattn__min_int(clattn__output_depth(c), row->out_block);
    fit_rows(tile_rows, tile_cols, c);
    const bool fits = fit_request(problem, c);
    c->group_size = 32 * (size_t)c->warps;
    c->local_bytes = local_bytes(c);
    return fits;
}

static bool mma_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                       struct clattn__config *c)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    for (size_t i = 0; i < ARRAY_SIZE(mma_rows); ++i) {
        const struct mma_row *row = &mma_rows[i];
        if (row->depth >= depth && row->kernels & 1 << c->kernel && fill(row, problem, c) &&
            c->local_bytes <= device->local_bytes && c->group_size <= device->max_group &&
            clattn__keeps_busy(device, problem, c) && (*attempt)-- == 0)
            return true;
    }
    return false;
}

static bool mma_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols, struct clattn__config *c)
{
    (void)problem;
    fit_rows(tile_rows, tile_cols, c);
    c->group_size = 32 * (size_t)c->warps;
    c->local_bytes = local_bytes(c);
    return c->tile_rows % (BLOCK * c->warps) == 0 && c->tile_cols % BLOCK == 0 && c->depth_step % BLOCK == 0 &&
           c->out_block % BLOCK == 0 && c->out_block <= clattn__output_depth(c) && c->stationary_resident;
}

/* ---- solvers ---- */

/* No NEGATIVE_SCALE: one instruction scales S and subtracts m (LATE_SCALE), which needs a positive
 * scale. */
#define FEATURES                                                                                                       \
    (CLATTN__16_BITS | CLATTN__SCORES | CLATTN__MASKS | CLATTN__FEATURE(PACKED_HEADS) | CLATTN__FEATURE(KEY_SPLITS))

const struct clattn__solver clattn__mma_solvers[] = {
    {.program = "forward_decode_mma",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_DECODE | SOLVER_SPLITS,
     .serves = clattn__decode_mma_serves,
     .choose = clattn__decode_mma_choose,
     .complete = clattn__decode_mma_complete,
     .accepts_layout = clattn__decode_mma_accepts_layout},
    {.program = "forward",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_SPLITS,
     .serves = mma_serves,
     .choose = mma_choose,
     .complete = mma_complete},
    {.program = "backward_dq",
     .kernel = KERNEL_DQ,
     .features = FEATURES,
     .traits = SOLVER_MAKES_DELTA,
     .serves = mma_serves,
     .choose = mma_choose,
     .complete = mma_complete},
    {.program = "backward_dkdv",
     .kernel = KERNEL_DKDV,
     .features = FEATURES,
     .serves = mma_serves,
     .choose = mma_choose,
     .complete = mma_complete},
    {.program = "backward_dbias",
     .kernel = KERNEL_DBIAS,
     .features = FEATURES,
     .serves = mma_serves,
     .choose = mma_choose,
     .complete = mma_complete},
    {.program = NULL},
};
