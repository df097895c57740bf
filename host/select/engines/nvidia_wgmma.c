/* SPDX-License-Identifier: Apache-2.0 */
/* Engine nvidia_wgmma: a table of measured tiles, and solvers. */
#include "attention/args.h"
#include "select/engines/engines.h"

enum { ON_FORWARD = 1 << KERNEL_FORWARD, ON_DQ = 1 << KERNEL_DQ, ON_DKDV = 1 << KERNEL_DKDV };
/* Depth of a panel in local memory, of a product, and the largest depth of a tile. */
enum { PANEL = 64, UNIT = 16, MAX_DEPTH = 256 };
enum { WARP = 32, DECODE_ROWS = 16 };

/* Preferred tiles. A row serves D and Dv up to `depth` and at most `most` queries (0: any number).
 * The last rows of a depth are for few rows and for requested tiles. Measured on an H200
 * (bench/NOTES.md). There a persistent forward is 4 to 6 percent faster at length 2048, where a
 * tile takes little time, but 2 to 9 slower at 8192, because the compiler spills registers.
 * Persistent dK and dV are 3 to 11 percent faster with D = 64, and 0 to 1 slower with D = 128;
 * persistent dQ is 0 to 7 slower. */
static const struct wgmma_row {
    int kernels, depth, tile_rows, tile_cols, stages;
    bool pingpong, stationary_registers, persistent;
    int most;
} wgmma_rows[] = {
    {ON_FORWARD, 64, 192, 96, 4, false, true, true, 4096}, {ON_FORWARD, 64, 192, 96, 4, false, true, false, 0},
    {ON_FORWARD, 64, 64, 96, 4, false, true, false, 0},    {ON_FORWARD, 96, 128, 128, 2, true, true, false, 0},
    {ON_FORWARD, 96, 64, 128, 2, false, true, false, 0},   {ON_FORWARD, 128, 128, 128, 2, true, true, true, 4096},
    {ON_FORWARD, 128, 128, 128, 2, true, true, false, 0},  {ON_FORWARD, 128, 64, 128, 2, false, true, false, 0},
    {ON_FORWARD, 192, 128, 96, 2, true, false, false, 0},  {ON_FORWARD, 192, 64, 96, 2, false, false, false, 0},
    {ON_FORWARD, 256, 128, 64, 2, true, false, false, 0},  {ON_FORWARD, 256, 64, 64, 2, false, false, false, 0},
    {ON_DQ, 64, 128, 128, 2, true, false, false, 0},       {ON_DQ, 64, 64, 128, 2, false, false, false, 0},
    {ON_DQ, 96, 128, 96, 2, true, false, false, 0},        {ON_DQ, 96, 64, 96, 2, false, false, false, 0},
    {ON_DQ, 128, 128, 96, 2, true, false, false, 0},       {ON_DQ, 128, 64, 96, 2, false, false, false, 0},
    {ON_DQ, 192, 128, 64, 2, true, false, false, 0},       {ON_DQ, 192, 64, 64, 2, false, false, false, 0},
    {ON_DQ, 256, 128, 48, 1, true, false, false, 0},       {ON_DQ, 256, 64, 48, 2, false, false, false, 0},
    {ON_DKDV, 64, 128, 128, 2, true, false, true, 0},      {ON_DKDV, 64, 64, 96, 2, false, false, false, 0},
    {ON_DKDV, 96, 128, 64, 3, true, false, true, 0},       {ON_DKDV, 96, 64, 96, 2, false, false, false, 0},
    {ON_DKDV, 128, 128, 64, 3, true, false, false, 0},     {ON_DKDV, 128, 64, 64, 3, false, false, false, 0},
    {ON_DKDV, 192, 128, 64, 2, true, false, true, 0},      {ON_DKDV, 192, 64, 64, 2, false, false, true, 0},
    {ON_DKDV, 256, 128, 32, 2, true, false, true, 0},      {ON_DKDV, 256, 64, 32, 3, false, false, true, 0},
};

/* ---- what the engine supports ---- */

/* Whether tiles of 128 rows leave half of the device idle: then an engine that splits the keys is
 * better. */
static bool wants_split(const struct clattn__device *device, const clattn_problem *p)
{
    const int64_t tiles = (p->q_len + 127) / 128 * p->q_heads * p->batch;
    return p->kv_splits == 0 && p->kv_len >= 1024 && 2 * tiles < device->compute_units;
}

/* Streamed rows of a tile are multiples of this: a warp loads the statistics of queries. */
static int tile_cols_unit(enum clattn__kernel kernel)
{
    return clattn__config_keys_stationary(kernel) ? WARP : UNIT;
}

/* Forwards of few queries would leave most of a tile empty: left to engines with smaller tiles. */
static bool wgmma_serves(const struct clattn__device *device, const clattn_problem *p, enum clattn__kernel kernel)
{
    const bool forward = kernel == KERNEL_FORWARD, keys_stationary = clattn__config_keys_stationary(kernel);
    const int64_t tile_rows = keys_stationary ? p->k_tile : p->q_tile,
                  tile_cols = keys_stationary ? p->q_tile : p->k_tile;
    const bool tiles = (tile_rows == 0 || tile_rows >= 64) && (tile_cols == 0 || tile_cols >= tile_cols_unit(kernel));
    return tiles && p->qk_dim <= MAX_DEPTH && p->v_dim <= MAX_DEPTH && p->q_len < 1 << 29 && p->kv_len < 1 << 29 &&
           !(forward && (p->q_len <= DECODE_ROWS || wants_split(device, p)));
}

/* Whether the copy engine can load the tensor: offset and strides are multiples of 16 bytes. A
 * stride of 0 between several rows or heads was never tested, so other engines serve it; with a
 * single row or head the stride is 0 anyway. */
static bool can_copy(const struct view *view, int64_t heads, int64_t rows)
{
    return ((view->offset | view->batch | view->head | view->row) & 7) == 0 && (view->head != 0 || heads == 1) &&
           (view->row != 0 || rows == 1);
}

static bool wgmma_accepts_layout(const clattn_problem *p, enum clattn__kernel kernel, const struct call *call)
{
    return can_copy(&call->q, p->q_heads, p->q_len) && can_copy(&call->k, p->kv_heads, p->kv_len) &&
           can_copy(&call->v, p->kv_heads, p->kv_len) &&
           (kernel == KERNEL_FORWARD || can_copy(&call->dout, p->q_heads, p->q_len));
}

/* ---- configurations ---- */

static size_t tile_bytes(int rows, int depth)
{
    return (size_t)rows * (size_t)clattn__round_up(depth, PANEL) * 2;
}

/* As the kernels declare it: stationary tiles, rings of stages, statistics, barriers. */
static size_t local_bytes(const struct clattn__config *c)
{
    const size_t stages = (size_t)c->stages, d = tile_bytes(c->tile_cols, c->d_pad),
                 dv = tile_bytes(c->tile_cols, c->dv_pad);
    const size_t stationary = tile_bytes(c->tile_rows, c->d_pad), second = tile_bytes(c->tile_rows, c->dv_pad);
    const size_t work = 2 * (c->kernel == KERNEL_FORWARD ? 40 : 52); /* two struct work_tile */
    if (c->kernel == KERNEL_DQ)
        return stationary + second + (stages + 1) * d + stages * dv + 8 * (1 + 2 * (2 * stages + 1));
    if (c->kernel == KERNEL_DKDV)
        return stationary + (c->want_dk ? second : 0) + stages * (d + dv + 8 * (size_t)c->tile_cols + 24) + work +
               8 * (6 + 2 * stages);
    return stationary + stages * (d + dv) + 8 * (6 + 4 * stages) + (c->persistent ? work : 0);
}

/* As DK_DV_SPLITS in the kernel: registers cannot hold both dK and dV. */
static bool splits_dk_from_dv(const struct clattn__config *c)
{
    return c->kernel == KERNEL_DKDV && c->want_dk && c->want_dv && c->d_pad + c->dv_pad > MAX_DEPTH;
}

/* As the #error lines of kernels/engines/nvidia_wgmma/engine.cl require. */
static bool divides(const struct clattn__config *c)
{
    const int most = c->kernel == KERNEL_FORWARD ? 192 : 128;
    return c->tile_rows % 64 == 0 && c->tile_rows <= most && c->tile_cols % tile_cols_unit(c->kernel) == 0 &&
           c->tile_cols <= 256 && c->depth_step == UNIT && c->d_pad <= MAX_DEPTH && c->dv_pad <= MAX_DEPTH &&
           c->out_block == clattn__output_depth(c) && (!c->pingpong || c->tile_rows == 128) &&
           (!c->persistent || c->kernel != KERNEL_DQ);
}

/* Fills in what follows from the tunables. */
static void follow(struct clattn__config *c)
{
    c->split_dk_dv = splits_dk_from_dv(c);
    c->group_size = (size_t)(2 * c->tile_rows + 128);
    c->local_bytes = local_bytes(c);
}

static void fill(const struct wgmma_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    c->tile_rows = row->tile_rows;
    c->tile_cols = row->tile_cols;
    const int64_t most = clattn__config_keys_stationary(c->kernel) ? problem->q_tile : problem->k_tile;
    if (most && most < c->tile_cols)
        c->tile_cols = (int)most / tile_cols_unit(c->kernel) * tile_cols_unit(c->kernel);
    c->stages = row->stages;
    c->pingpong = row->pingpong;
    c->stationary_registers = row->stationary_registers;
    c->persistent = row->persistent;
    c->stationary_resident = 1;
    c->depth_step = UNIT;
    c->d_pad = clattn__round_up((int)problem->qk_dim, UNIT);
    c->dv_pad = clattn__round_up((int)problem->v_dim, UNIT);
    c->out_block = clattn__output_depth(c);
    follow(c);
}

/* Also avoids tiles that would be mostly empty. */
static bool keeps_busy(const struct clattn__device *device, const clattn_problem *problem,
                       const struct clattn__config *c)
{
    const int64_t rows = clattn__config_keys_stationary(c->kernel) ? problem->kv_len : problem->q_len;
    return c->tile_rows <= 64 || (rows > c->tile_rows / 2 && clattn__keeps_busy(device, problem, c));
}

static bool wgmma_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                         struct clattn__config *config)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    const int64_t most = clattn__config_keys_stationary(config->kernel) ? problem->k_tile : problem->q_tile;
    for (size_t i = 0; i < ARRAY_SIZE(wgmma_rows); ++i) {
        const struct wgmma_row *row = &wgmma_rows[i];
        const bool suits = !row->most || problem->q_len <= row->most;
        if (row->depth < depth || !suits || !(row->kernels & 1 << config->kernel) || (most && row->tile_rows > most))
            continue;
        fill(row, problem, config);
        const bool fits = config->local_bytes <= device->local_bytes && config->group_size <= device->max_group;
        if (fits && keeps_busy(device, problem, config) && (*attempt)-- == 0)
            return true;
    }
    return false;
}

static bool wgmma_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols,
                           struct clattn__config *c)
{
    (void)problem;
    (void)tile_cols;
    follow(c);
    return divides(c) && (c->tile_rows <= 64 || tile_rows > c->tile_rows / 2);
}

/* One work-item per map. */
static bool maps_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                        struct clattn__config *c)
{
    (void)device;
    (void)problem;
    c->group_size = 1;
    c->local_bytes = CLATTN__MAP_BYTES;
    return *attempt == 0;
}

/* ---- solvers ---- */

/* Its forward does not split the keys. */
#define FEATURES (CLATTN__16_BITS | CLATTN__SCORES)
#define GRADIENT_FEATURES (FEATURES | CLATTN__FEATURE(KEY_SPLITS))

const struct clattn__solver clattn__wgmma_solvers[] = {
    {.program = "forward_wgmma",
     .kernel = KERNEL_FORWARD,
     .features = FEATURES,
     .traits = SOLVER_TENSOR_MAPS,
     .serves = wgmma_serves,
     .choose = wgmma_choose,
     .complete = wgmma_complete,
     .accepts_layout = wgmma_accepts_layout},
    {.program = "backward_dq_wgmma",
     .kernel = KERNEL_DQ,
     .features = GRADIENT_FEATURES & ~CLATTN__BIASES, /* loading its elements spills registers */
     .traits = SOLVER_TENSOR_MAPS | SOLVER_MAKES_DELTA,
     .serves = wgmma_serves,
     .choose = wgmma_choose,
     .complete = wgmma_complete,
     .accepts_layout = wgmma_accepts_layout},
    {.program = "backward_dkdv_wgmma",
     .kernel = KERNEL_DKDV,
     .features = GRADIENT_FEATURES & ~CLATTN__BIASES, /* no row of queries is blanked */
     .traits = SOLVER_TENSOR_MAPS,
     .serves = wgmma_serves,
     .choose = wgmma_choose,
     .complete = wgmma_complete,
     .accepts_layout = wgmma_accepts_layout},
    {.program = "tensor_map", .kernel = KERNEL_TENSOR_MAPS, .features = GRADIENT_FEATURES, .choose = maps_choose},
    {.program = NULL},
};
