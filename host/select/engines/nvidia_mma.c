/* SPDX-License-Identifier: Apache-2.0 */
/* Engine nvidia_mma: tiles, by a table of rows that were measured, and solvers. */
#include "select/engines/engines.h"

enum { ON_FORWARD = 1 << KERNEL_FORWARD, ON_DQ = 1 << KERNEL_DQ, ON_DKDV = 1 << KERNEL_DKDV, ON_ALL = ~0 };
enum { BLOCK = 16, MOST_DEPTH = 256, FEW_ROWS = 4 };

/* Rows of preference, the more specific first; the last needs 49 KiB of local memory. A row serves heads up to `depth`
 * deep; tiles are cut to the rows that there are and to those asked for. Measured on an H200, see bench/NOTES.md: 32
 * owner rows a warp halve what it reads from local memory for each product, as long as their outputs leave it
 * registers. */
static const struct mma_row {
    int kernels, depth, own, walk, warps, slice;
} mma_rows[] = {
    {ON_FORWARD, 64, 128, 128, 4, 64},  {ON_DQ, 64, 128, 64, 4, 64},   {ON_DKDV, 64, 128, 32, 4, 64},
    {ON_FORWARD, 128, 128, 64, 4, 128}, {ON_DQ, 128, 128, 32, 4, 128}, {ON_FORWARD, 256, 64, 32, 4, 256},
    {ON_ALL, 128, 64, 64, 4, 128},      {ON_DQ, 256, 64, 32, 4, 256},  {ON_DKDV, 256, 64, 32, 4, 128},
    {ON_ALL, 128, 64, 32, 4, 128},      {ON_ALL, 256, 16, 16, 1, 128},
};

/* Most of a block would be empty: for the schedule for few rows, where it serves, and else for simt's. */
static bool are_few(const clattn_problem *problem, enum clattn__kernel kernel)
{
    return kernel == KERNEL_FORWARD && problem->q_len * clattn__config_pack(problem) <= FEW_ROWS;
}

static bool mma_serves(const struct clattn__device *device, const clattn_problem *problem, enum clattn__kernel kernel)
{
    (void)device;
    return problem->qk_dim <= MOST_DEPTH && problem->v_dim <= MOST_DEPTH && !are_few(problem, kernel);
}

/* As kernels/engines/nvidia_mma/engine.cl declares it: owner tiles, and two walked ones with two buffers each; where keys are owners,
 * LSE and delta of the walked queries as well. */
static size_t local_bytes(const struct clattn__config *c)
{
    const size_t depths = (size_t)(clattn__owner_count(c) == 2 ? c->d_pad + c->dv_pad : c->d_pad);
    const size_t stats = clattn__config_keys_own(c->kernel) ? 16 * (size_t)c->walk : 0;
    return 2 * (size_t)c->own * depths + 8 * (size_t)c->walk * (size_t)clattn__max_int(c->d_pad, c->dv_pad) + stats;
}

/* No taller than the rows there are, in whole blocks a warp. */
static void halve(struct clattn__config *c)
{
    c->own /= 2;
    c->warps = c->warps > 1 ? c->warps / 2 : 1;
}

static void fit_rows(int64_t own, int64_t walk, struct clattn__config *c)
{
    while (c->own / 2 >= own && c->own % (2 * BLOCK) == 0)
        halve(c);
    c->walk = clattn__shrink(c->walk, walk, BLOCK);
}

/* The same for what was asked for; false where the least that there can be is more. */
static bool fit_request(const clattn_problem *problem, struct clattn__config *c)
{
    const bool keys_own = clattn__config_keys_own(c->kernel);
    const int64_t own = keys_own ? problem->k_tile : problem->q_tile,
                  walk = keys_own ? problem->q_tile : problem->k_tile;
    while (own && c->own > own && c->own % (2 * BLOCK) == 0)
        halve(c);
    while (walk && c->walk > walk && c->walk % (2 * BLOCK) == 0)
        c->walk /= 2;
    return (!own || c->own <= own) && (!walk || c->walk <= walk);
}

static bool fill(const struct mma_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    clattn_problem unbounded = *problem;
    unbounded.q_tile = unbounded.k_tile = 0;
    int64_t own, walk;
    clattn__tile_limits(&unbounded, c->kernel, &own, &walk);
    c->own = row->own;
    c->walk = row->walk;
    c->warps = row->warps;
    c->chunk = BLOCK;
    c->d_pad = clattn__round_up((int)problem->qk_dim, BLOCK);
    c->dv_pad = clattn__round_up((int)problem->v_dim, BLOCK);
    c->owner_resident = 1;
    c->slice = clattn__min_int(clattn__output_depth(c), row->slice);
    fit_rows(own, walk, c);
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

static bool mma_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *c)
{
    (void)problem;
    fit_rows(own, walk, c);
    c->group_size = 32 * (size_t)c->warps;
    c->local_bytes = local_bytes(c);
    return c->own % (BLOCK * c->warps) == 0 && c->walk % BLOCK == 0 && c->chunk % BLOCK == 0 && c->slice % BLOCK == 0 &&
           c->slice <= clattn__output_depth(c) && c->owner_resident;
}

/* ---- solvers ---- */

/* Scaling and taking m away are one instruction (LATE_SCALE), which wants a positive scale. */
#define FEATURES                                                                                                       \
    (CLATTN__16_BITS | CLATTN__SCORES | CLATTN__MASKS | CLATTN__FEATURE(PACKED_HEADS) | CLATTN__FEATURE(KEY_PARTS))

const struct clattn__solver clattn__mma_solvers[] = {
    {.program = "forward_few_mma",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_FEW | SOLVER_PARTS,
     .serves = clattn__few_mma_serves,
     .choose = clattn__few_mma_choose,
     .complete = clattn__few_mma_complete,
     .takes = clattn__few_mma_takes},
    {.program = "forward",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_PARTS,
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
    {.program = NULL},
};
