/* SPDX-License-Identifier: Apache-2.0 */
/* Engine simt: a table of measured tiles, and solvers. */
#include "select/engines/engines.h"

enum { ON_FORWARD = 1 << KERNEL_FORWARD, ON_DQ = 1 << KERNEL_DQ, ON_ALL = ~0 };

/* Preferred tiles, the more specific first; the last fits every device with 8 KiB of local memory.
 * A row serves D and Dv up to `depth`; depth step and output block are cut to the actual depth.
 * Measured on an H200, see bench/NOTES.md. The tiles of 64 rows are for other GPUs, whose compilers
 * can keep them in registers (tests/offline_budget.csv). Decode has its own table in
 * simt_decode.c. */
static const struct simt_row {
    int kernels, depth, tile_rows, tile_cols, tx, ty, depth_step, out_block, strip, unroll;
    bool resident;
} simt_rows[] = {
    /* clang-format off */
    {ON_ALL, 32, 128, 64, 8, 16, 32, 32, 32, 4, true},
    {ON_ALL, 32, 64, 32, 8, 16, 16, 32, 16, 2, true},
    {ON_FORWARD, 64, 256, 64, 8, 32, 64, 64, 64, 16, true},
    {ON_FORWARD, 64, 128, 64, 8, 16, 32, 64, 32, 4, true},
    {ON_FORWARD, 64, 64, 64, 8, 16, 16, 64, 16, 2, true},
    {ON_DQ, 64, 256, 64, 8, 32, 32, 64, 16, 16, true},
    {ON_ALL, 64, 128, 32, 8, 16, 32, 64, 32, 16, true},
    {ON_ALL, 64, 64, 32, 8, 16, 16, 64, 16, 2, true},
    {ON_FORWARD, 96, 128, 96, 12, 16, 32, 96, 32, 4, true},
    {ON_ALL, 96, 128, 48, 12, 16, 32, 96, 16, 4, true},
    {ON_FORWARD, 128, 128, 128, 16, 16, 16, 128, 16, 16, true},
    {ON_ALL, 128, 128, 64, 16, 16, 16, 128, 16, 16, true},
    {ON_FORWARD, 128, 64, 128, 16, 16, 16, 128, 16, 4, false},
    {ON_ALL, 128, 64, 64, 16, 16, 16, 128, 16, 4, false},
    {ON_FORWARD, 256, 64, 128, 32, 8, 16, 256, 16, 4, true},
    {ON_ALL, 576, 64, 64, 32, 8, 16, 256, 16, 4, false},
    {ON_ALL, 576, 32, 32, 8, 8, 16, 128, 16, 2, false},
    {ON_ALL, 576, 16, 16, 4, 16, 16, 64, 16, 2, false},
    {ON_ALL, 576, 16, 16, 4, 16, 16, 16, 16, 2, false},
    /* clang-format on */
};

static size_t simt_local_bytes(const struct clattn__config *c)
{
    const size_t pad = 4, tile_rows = (size_t)c->tile_rows, tile_cols = (size_t)c->tile_cols,
                 depth_step = (size_t)c->depth_step;
    const size_t depths = (size_t)(clattn__stationary_count(c) == 2 ? c->d_pad + c->dv_pad : c->d_pad);
    const size_t resident = c->stationary_resident ? depths * (tile_rows + pad) : 0;
    const size_t for_scores =
        depth_step * (tile_cols + pad) + (c->stationary_resident ? 0 : depth_step * (tile_rows + pad));
    const size_t for_output = tile_cols * (tile_rows + pad) + (size_t)c->strip * (size_t)c->out_block;
    const size_t reduced = c->kernel == KERNEL_FORWARD ? tile_rows * (size_t)c->tx : 0;
    return 4 * (resident + (for_scores > for_output ? for_scores : for_output) + reduced) + clattn__shared_bytes(c);
}

static void simt_fill(const struct simt_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    int64_t tile_rows, tile_cols;
    clattn__tile_limits(problem, c->kernel, &tile_rows, &tile_cols);
    c->tx = row->tx;
    c->ty = row->ty;
    c->tile_rows = row->tile_rows;
    c->tile_cols = row->tile_cols;
    while (c->tile_rows > tile_rows && c->tile_rows > c->ty)
        c->tile_rows /= 2;
    while (c->tile_cols > tile_cols && c->tile_cols > c->tx)
        c->tile_cols /= 2;
    clattn__simt_fit_strip(c, row->strip);
    c->unroll = row->unroll;
    c->depth_step = clattn__choose_depth_step(problem, row->depth_step < 32 ? row->depth_step : 32, row->depth_step);
    c->d_pad = clattn__round_up((int)problem->qk_dim, c->depth_step);
    c->dv_pad = clattn__round_up((int)problem->v_dim, c->depth_step);
    c->stationary_resident = row->resident;
    c->out_block = clattn__min_int(clattn__round_up(clattn__output_depth(c), 4 * c->tx), row->out_block);
    c->group_size = (size_t)(c->tx * c->ty);
    c->local_bytes = simt_local_bytes(c);
}

static bool simt_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                        struct clattn__config *config)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    for (size_t i = 0; i < ARRAY_SIZE(simt_rows); ++i) {
        const struct simt_row *row = &simt_rows[i];
        if (row->depth < depth || !(row->kernels & 1 << config->kernel))
            continue;
        simt_fill(row, problem, config);
        const bool fits = config->local_bytes <= device->local_bytes && config->group_size <= device->max_group;
        if (fits && clattn__keeps_busy(device, problem, config) && (*attempt)-- == 0)
            return true;
    }
    return false;
}

/* As the #error lines of kernels/engines/simt/engine.cl require, within the limits of a
 * work-group. */
static bool simt_divides(const struct clattn__config *c)
{
    const int group = c->tx * c->ty;
    return c->tile_rows % c->ty == 0 && c->tile_cols % c->tx == 0 && c->tile_cols % c->strip == 0 && c->tx % 4 == 0 &&
           c->tile_rows % 4 == 0 && c->tile_cols % 4 == 0 && c->out_block % (4 * c->tx) == 0 &&
           c->out_block < clattn__output_depth(c) + 4 * c->tx && c->depth_step % 4 == 0 && group >= 64 && group <= 256;
}

static bool simt_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols, struct clattn__config *c)
{
    (void)problem;
    c->tile_rows = clattn__shrink(c->tile_rows, tile_rows, c->ty);
    c->tile_cols = clattn__shrink(c->tile_cols, tile_cols, c->tx);
    clattn__simt_fit_strip(c, c->strip);
    c->group_size = (size_t)(c->tx * c->ty);
    c->local_bytes = simt_local_bytes(c);
    return simt_divides(c);
}

/* ---- solvers ---- */

/* All features. */
#define FEATURES                                                                                                       \
    (CLATTN__FEATURE(FLOAT32) | CLATTN__16_BITS | CLATTN__SCORES | CLATTN__MASKS | CLATTN__FEATURE(PACKED_HEADS) |     \
     CLATTN__FEATURE(NEGATIVE_SCALE) | CLATTN__FEATURE(KEY_SPLITS))

const struct clattn__solver clattn__simt_solvers[] = {
    {.program = "forward_decode",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_DECODE | SOLVER_SPLITS,
     .choose = clattn__decode_choose,
     .complete = clattn__decode_complete},
    {.program = "forward",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_SPLITS,
     .choose = simt_choose,
     .complete = simt_complete},
    {.program = "backward_dq",
     .kernel = KERNEL_DQ,
     .features = FEATURES,
     .choose = simt_choose,
     .complete = simt_complete},
    {.program = "backward_dkdv",
     .kernel = KERNEL_DKDV,
     .features = FEATURES,
     .choose = simt_choose,
     .complete = simt_complete},
    {.program = "backward_dbias",
     .kernel = KERNEL_DBIAS,
     .features = FEATURES,
     .choose = simt_choose,
     .complete = simt_complete},
    {.program = NULL},
};
