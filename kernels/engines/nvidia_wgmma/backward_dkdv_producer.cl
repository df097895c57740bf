/* SPDX-License-Identifier: Apache-2.0 */
/* The producer of backward_dkdv_wgmma.cl, and the layout of local memory. */
#ifndef BACKWARD_DKDV_PRODUCER_CL
#define BACKWARD_DKDV_PRODUCER_CL

#include "engines/nvidia_wgmma/tile_scheduler.cl"

#if !defined(WANT_DK) || !defined(WANT_DV) || !(WANT_DK || WANT_DV)
#error "WANT_DK and WANT_DV must be given with -D, one of them 1"
#endif

#if OUT_BLOCK != MAX_PAD || TILE_COLS % 32
#error "OUT_BLOCK must be MAX_PAD, the whole depth; 32 must divide TILE_COLS, as one warp loads its statistics"
#endif

#define DK_DV_SPLITS (WANT_DK && WANT_DV && D_PAD + DV_PAD > 256 ? 2 : 1)
/* Whether registers hold all operands and accumulators of the products of two consecutive tiles. With
 * a softcap, P is packed before the previous tile's products end. */
#define OVERLAPPED                                                                                                     \
    (!HAS_IF_SOFTCAP && WANT_DK && WANT_DV && DK_DV_SPLITS == 1 &&                                                     \
     (D_PAD + DV_PAD) / 2 + TILE_COLS + TILE_COLS / 2 <= 192)
#define K_BYTES TILE_BYTES(TILE_ROWS, D_PAD)
#define V_BYTES (WANT_DK ? TILE_BYTES(TILE_ROWS, DV_PAD) : 0)
#define Q_BYTES TILE_BYTES(TILE_COLS, D_PAD)
#define DOUT_BYTES TILE_BYTES(TILE_COLS, DV_PAD)
#define STAGE_BYTES (Q_BYTES + DOUT_BYTES)
#define LANE_STATS (TILE_COLS / 32)

/* Addresses in local memory. */
struct smem_layout {
    uint k, v, q, dout; /* tiles; q, dout: of the first stage */
    __local float *lse; /* of the first stage's queries, in units of log2; their delta follows */
    __local int *edge;  /* of the first stage, see put_edge */
    uint full, empty;   /* barriers, of the first stage */
};
#define BARRIERS (SCHEDULER_BARRIERS + 2 * STAGES)
#define WORK_READERS (CONSUMER_ITEMS / 32 + 3)

INLINE void make_smem_layout(struct smem_layout *p, uint tiles, __local float *stats, __local int *edges, uint barriers)
{
    p->k = tiles;
    p->v = p->k + K_BYTES;
    p->q = p->v + V_BYTES;
    p->dout = p->q + Q_BYTES;
    p->lse = stats;
    p->edge = edges;
    p->full = barriers;
    p->empty = p->full + 8 * STAGES;
}

INLINE void put_work(__local struct work_tile *w, const struct call *a, long group, const struct score_inputs *given,
                     const __global int *kv_lengths)
{
    struct job job;
    struct range queries;
    w->more = group < a->end_group;
    if (group >= a->end_group)
        return;
    find_key_job(&job, a, group, MAX_PAD, DK_DV_SPLITS, a->M, kv_lengths);
    put_job(w, &job);
    job_queries(&queries, a, &job);
    put_range(w, &queries);
    w->queries = (int)seeing_end(a, query_count(a, job.batch), job.M);
    put_first_edge(w, a, &job, w->begin, given);
}

/* Issues the copies of one work tile. */
INLINE void load_tiles(const struct smem_layout *p, const struct tile_scheduler *d, struct ring *stage,
                       const __local struct work_tile *w, uint stationary_parity, const struct call *a,
                       const __global uchar *tensor_maps)
{
    const ulong q = map_address(tensor_maps, a, MAP_Q, w->batch),
                dout = map_address(tensor_maps, a, MAP_DOUT, w->batch),
                k = map_address(tensor_maps, a, MAP_K, w->batch), v = map_address(tensor_maps, a, MAP_V, w->batch);
    const bool want_dk = WANT_DK && (DK_DV_SPLITS == 1 || w->split == 1);
    const int heads = a->Hq / a->Hk;
    barrier_wait(d->stationary_empty, stationary_parity ^ 1);
    barrier_expect(d->stationary_full, K_BYTES + (want_dk ? V_BYTES : 0));
    copy_tile(p->k, k, TILE_ROWS, D_PAD, w->first, w->head, d->stationary_full);
    if (want_dk)
        copy_tile(p->v, v, TILE_ROWS, DV_PAD, w->first, w->head, d->stationary_full);
    for (int head = w->head * heads; head < (w->head + 1) * heads; ++head)
        for (int t = 0; t < w->tiles; ++t) {
            const uint full = p->full + 8 * stage->stage, to = stage->stage * STAGE_BYTES;
            const int i = w->begin + t * TILE_COLS;
            barrier_wait(p->empty + 8 * stage->stage, stage->parity ^ 1);
            barrier_expect(full, STAGE_BYTES);
            copy_tile(p->q + to, q, TILE_COLS, D_PAD, i, head, full);
            copy_tile(p->dout + to, dout, TILE_COLS, DV_PAD, i, head, full);
            ring_next(stage, STAGES);
        }
}

/* One work-item issues all copies; with PERSISTENT it also computes the work tiles. */
INLINE void produce(const struct smem_layout *p, const struct tile_scheduler *d, const struct call *a,
                    const struct score_inputs *given, const __global int *kv_lengths, __global uchar *tensor_maps)
{
    struct ring at = {0, 0}, stage = {0, 0};
    int batch = -1;
    for (long group = group_number(a);; group = next_group(tensor_maps, a)) {
        __local struct work_tile *const w = d->works + at.stage;
        if (PERSISTENT) {
            barrier_wait(d->work_empty + 8 * at.stage, at.parity ^ 1);
            put_work(w, a, group, given, kv_lengths);
            barrier_arrive(d->work_full + 8 * at.stage);
        }
        if (PERSISTENT && !w->more)
            return;
        if (w->batch != batch) {
            batch = w->batch;
            for (int which = MAP_Q; which <= MAP_DOUT; ++which)
                acquire_map(map_address(tensor_maps, a, which, batch));
        }
        load_tiles(p, d, &stage, w, at.stage, a, tensor_maps);
        if (!PERSISTENT)
            return;
        ring_next(&at, 2);
    }
}

/* A warp loads LSE of each tile's queries, another delta, from `stats` with strides `v`. Queries
 * past the last one that sees a key have no P. Without dK, delta is neither computed nor read:
 * zeros are stored instead. */
INLINE void produce_stats(const struct smem_layout *p, const struct tile_scheduler *d, const struct call *a,
                          const __global float *stats, const struct view *v, const bool of_delta)
{
    const int lane = (int)get_local_id(0) % 32, heads = a->Hq / a->Hk;
    struct ring at = {0, 0}, stage = {0, 0};
    const __local struct work_tile *w;
    FOR_WORK (w, d, &at) {
        struct layout stats_at;
        for (int head = 0; head < heads; ++head)
            for (int t = 0; t < w->tiles; ++t) {
                float values[LANE_STATS];
                query_layout(&stats_at, a, v, w->batch, w->head * heads + head, w->queries, 1);
                FOR_UNROLLED (n, LANE_STATS) {
                    const int row = w->begin + t * TILE_COLS + lane + 32 * n;
                    const bool missing = of_delta && !WANT_DK;
                    const float x = missing ? 0.0f : stat(stats, &stats_at, row, of_delta ? 0.0f : -INFINITY);
                    values[n] = of_delta ? x : lse_for_gradient(x);
                }
                barrier_wait(p->empty + 8 * stage.stage, stage.parity ^ 1);
                __local float *const to = p->lse + (2 * stage.stage + of_delta) * TILE_COLS + lane;
                FOR_UNROLLED (n, LANE_STATS)
                    to[32 * n] = values[n];
                warp_barrier();
                if (lane == 0)
                    barrier_arrive(p->full + 8 * stage.stage);
                ring_next(&stage, STAGES);
            }
    }
}

/* The producer stores an edge beside each tile, in EDGE ints: consumers then need no registers to
 * derive it. */
#define EDGE (3 + KEPT_EDGE)

INLINE void put_edge(__local int *to, const struct edge *e, bool full)
{
    to[0] = full;
    to[1] = (int)e->query;
    to[2] = e->head;
    keep_edge(to + 3, e);
}

INLINE bool has_no_edge(const __local int *from)
{
    return from[0];
}

INLINE void get_edge(struct edge *e, const __local int *from, const __local struct work_tile *w, const struct call *a,
                     const struct score_inputs *given)
{
    kept_edge(e, from + 3, a, w->batch, from[2], from[1], w->first, given);
}

/* A warp computes each tile's edge. */
INLINE void produce_edges(const struct smem_layout *p, const struct tile_scheduler *d, const struct call *a,
                          const struct score_inputs *given)
{
    struct ring at = {0, 0}, stage = {0, 0};
    const __local struct work_tile *w;
    FOR_WORK (w, d, &at) {
        const int heads = a->Hq / a->Hk;
        for (int head = w->head * heads; head < (w->head + 1) * heads; ++head)
            for (int t = 0; t < w->tiles; ++t) {
                barrier_wait(p->empty + 8 * stage.stage, stage.parity ^ 1);
                struct edge first, e;
                kept_edge(&first, w->edge, a, w->batch, head, w->begin, w->first, given);
                later_edge(&e, &first, t * TILE_COLS, 0);
                put_edge(p->edge + stage.stage * EDGE, &e, t >= w->full_begin && t < w->full_end);
                warp_barrier();
                if (get_local_id(0) % 32 == 0)
                    barrier_arrive(p->full + 8 * stage.stage);
                ring_next(&stage, STAGES);
            }
    }
}

#endif
