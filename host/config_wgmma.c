/* Tiles of engine nvidia_wgmma: a table of rows that were measured. */
#include "args.h"
#include "config.h"

enum { ON_FORWARD = 1 << KERNEL_FORWARD };
enum { PANEL = 64, UNIT = 16, MAX_DEPTH = 256 }; /* depth of a panel in local memory, of a product, and of a tile */

/* Rows of preference; a row serves heads up to `depth` deep. The last of a depth is for few rows, and for tiles that
 * were asked for. Measured on an H200. */
static const struct wgmma_row {
    int kernels, depth, own, walk, stages;
    bool turns, owner_registers;
} wgmma_rows[] = {
    {ON_FORWARD, 64, 192, 96, 4, false, true},  {ON_FORWARD, 64, 64, 96, 4, false, true},
    {ON_FORWARD, 128, 128, 128, 2, true, true}, {ON_FORWARD, 128, 64, 128, 2, false, true},
    {ON_FORWARD, 192, 128, 96, 2, true, false}, {ON_FORWARD, 192, 64, 96, 2, false, false},
    {ON_FORWARD, 256, 128, 64, 2, true, false}, {ON_FORWARD, 256, 64, 64, 2, false, false},
};

/* ---- what the engine does ---- */

/* Groups of tiles of 128 rows that leave half of the device idle are for an engine that shares the keys out. */
static bool wants_split(const struct clattn__device *device, const clattn_problem *p)
{
    const int64_t tiles = (p->q_len + 127) / 128 * p->q_heads * p->batch;
    return p->kv_splits > 1 || (p->kv_splits == 0 && p->kv_len >= 1024 && 2 * tiles < device->compute_units);
}

bool clattn__wgmma_supports(const struct clattn__device *device, const clattn_problem *p, enum clattn__kernel kernel)
{
    const bool has_kernel = kernel == KERNEL_FORWARD;
    const bool tiles = (p->q_tile == 0 || p->q_tile >= 64) && (p->k_tile == 0 || p->k_tile >= UNIT);
    return has_kernel && tiles && p->dtype != CLATTN_FLOAT32 && p->qk_dim <= MAX_DEPTH && p->v_dim <= MAX_DEPTH &&
           p->scale >= 0.0f && clattn__config_mask(p) == MASK_NONE && clattn__config_pack(p) == 1 &&
           p->q_len <= INT32_MAX && p->kv_len <= INT32_MAX && !wants_split(device, p);
}

/* The copy engine wants multiples of 16 bytes. */
static bool is_aligned(const struct view *view)
{
    return ((view->offset | view->batch | view->head | view->row) & 7) == 0;
}

bool clattn__wgmma_takes(const clattn_plan *plan, enum clattn__kernel kernel, const struct call *call)
{
    (void)plan;
    (void)kernel;
    return is_aligned(&call->q) && is_aligned(&call->k) && is_aligned(&call->v) && is_aligned(&call->dout);
}

/* ---- configurations ---- */

static size_t tile_bytes(int rows, int depth)
{
    return (size_t)rows * (size_t)clattn__round_up(depth, PANEL) * 2;
}

/* As kernels/forward_wgmma.cl declares them. */
static size_t local_bytes(const struct clattn__config *c)
{
    const size_t stages = (size_t)c->stages, words = 5 + 4 * stages; /* barriers and a tile's number */
    return tile_bytes(c->own, c->d_pad) + stages * (tile_bytes(c->walk, c->d_pad) + tile_bytes(c->walk, c->dv_pad)) +
           8 * words;
}

/* As the #error lines of engine_wgmma.cl ask for. */
static bool divides(const struct clattn__config *c)
{
    return c->own % 64 == 0 && c->own <= 192 && c->walk % UNIT == 0 && c->walk <= 256 && c->chunk == UNIT &&
           c->d_pad <= MAX_DEPTH && c->dv_pad <= MAX_DEPTH && c->slice == c->dv_pad && (!c->turns || c->own == 128);
}

static void fill(const struct wgmma_row *row, const clattn_problem *problem, struct clattn__config *c)
{
    c->own = row->own;
    c->walk = row->walk;
    if (problem->k_tile && problem->k_tile < c->walk)
        c->walk = (int)problem->k_tile / UNIT * UNIT;
    c->stages = row->stages;
    c->turns = row->turns;
    c->owner_registers = row->owner_registers;
    c->owner_resident = 1;
    c->chunk = UNIT;
    c->d_pad = clattn__round_up((int)problem->qk_dim, UNIT);
    c->dv_pad = clattn__round_up((int)problem->v_dim, UNIT);
    c->slice = c->dv_pad;
    c->group_size = (size_t)(2 * c->own + 128);
    c->local_bytes = local_bytes(c);
}

/* Tall tiles must not leave compute units without work, nor most of a tile empty. */
static bool keeps_busy(const struct clattn__device *device, const clattn_problem *problem,
                       const struct clattn__config *c)
{
    return c->own <= 64 || (problem->q_len > c->own / 2 &&
                            4 * clattn__config_groups(c, problem) >= 3 * (uint64_t)device->compute_units);
}

bool clattn__wgmma_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                          struct clattn__config *config)
{
    const int depth = clattn__max_int((int)problem->qk_dim, (int)problem->v_dim);
    for (size_t i = 0; i < ARRAY_SIZE(wgmma_rows); ++i) {
        const struct wgmma_row *row = &wgmma_rows[i];
        if (row->depth < depth || !(row->kernels & 1 << config->kernel) ||
            (problem->q_tile && row->own > problem->q_tile))
            continue;
        fill(row, problem, config);
        const bool fits = config->local_bytes <= device->local_bytes && config->group_size <= device->max_group;
        if (fits && keeps_busy(device, problem, config) && attempt-- == 0)
            return true;
    }
    return false;
}

bool clattn__wgmma_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *c)
{
    (void)problem;
    (void)own;
    (void)walk;
    c->group_size = (size_t)(2 * c->own + 128);
    c->local_bytes = local_bytes(c);
    return divides(c);
}
