/* How a work-group of backward_dkdv_wgmma.cl walks the queries: what lies where in local memory, and what its producer
 * brings there. */
#ifndef WALK_QUERIES_WGMMA_CL
#define WALK_QUERIES_WGMMA_CL

#include "gradient_wgmma.cl"

#if !defined(WANT_DK) || !defined(WANT_DV) || !(WANT_DK || WANT_DV)
#error "WANT_DK and WANT_DV must be given with -D, one of them 1"
#endif

#if SLICE != MAX_PAD || WALK % 32
#error "a work-group has the whole depth, and a warp the statistics of WALK queries"
#endif

#define PARTS (WANT_DK && WANT_DV && D_PAD + DV_PAD > 256 ? 2 : 1)
#define K_BYTES TILE_BYTES(OWN, D_PAD)
#define V_BYTES (WANT_DK ? TILE_BYTES(OWN, DV_PAD) : 0)
#define Q_BYTES TILE_BYTES(WALK, D_PAD)
#define DOUT_BYTES TILE_BYTES(WALK, DV_PAD)
#define STAGE_BYTES (Q_BYTES + DOUT_BYTES)
#define LANE_STATS (WALK / 32)

/* Addresses in local memory. */
struct parts {
    uint k, v, q, dout;       /* tiles; of Q and dO the first stage's */
    __local float *lse;       /* of the first stage's queries, in units of log2; delta behind them */
    __local int *edge;        /* the first stage's, see put_edge */
    uint owners, full, empty; /* barriers; of the ring the first stage's */
};

INLINE void find_parts(struct parts *p, uint tiles, __local float *stats, __local int *edges, uint barriers)
{
    p->k = tiles;
    p->v = p->k + K_BYTES;
    p->q = p->v + V_BYTES;
    p->dout = p->q + Q_BYTES;
    p->lse = stats;
    p->edge = edges;
    p->owners = barriers;
    p->full = p->owners + 8;
    p->empty = p->full + 8 * STAGES;
}

INLINE void init_parts(const struct parts *p)
{
    barrier_init(p->owners, 1);
    init_ring(p->full, p->empty, STAGES, 4); /* tiles, LSE, delta, edge */
    barriers_ready();
}

/* The walk: `tiles` tiles of queries from `begin` on, of each of `heads` query heads from `head` on; tiles full_begin to
 * full_end - 1 need no predicate. */
struct walk {
    int begin, tiles, full_begin, full_end, head, heads;
};

INLINE void find_walk(struct walk *w, const struct range *queries, int kv_head, int heads)
{
    w->begin = (int)queries->begin;
    w->tiles = (int)((queries->end - queries->begin + WALK - 1) / WALK);
    w->full_begin = (int)((queries->full_begin - queries->begin + WALK - 1) / WALK);
    w->full_end = (int)((queries->full_end - queries->begin) / WALK);
    w->head = kv_head * heads;
    w->heads = heads;
}

/* One work-item brings all tiles. */
INLINE void produce_tiles(const struct parts *p, const struct call *a, const __global uchar *workspace,
                          const struct place *at, const struct walk *w, bool want_dk)
{
    const ulong q = map_address(workspace, a, MAP_Q, at->batch), dout = map_address(workspace, a, MAP_DOUT, at->batch),
                k = map_address(workspace, a, MAP_K, at->batch), v = map_address(workspace, a, MAP_V, at->batch);
    acquire_map(q);
    acquire_map(dout);
    acquire_map(k);
    acquire_map(v);
    barrier_expect(p->owners, K_BYTES + (want_dk ? V_BYTES : 0));
    copy_tile(p->k, k, OWN, D_PAD, (int)at->first, at->head, p->owners);
    if (want_dk)
        copy_tile(p->v, v, OWN, DV_PAD, (int)at->first, at->head, p->owners);
    struct ring stage = {0, 0};
    for (int head = w->head; head < w->head + w->heads; ++head)
        for (int i = w->begin; i < w->begin + w->tiles * WALK; i += WALK) {
            const uint full = p->full + 8 * stage.stage, to = stage.stage * STAGE_BYTES;
            barrier_wait(p->empty + 8 * stage.stage, stage.parity ^ 1);
            barrier_expect(full, STAGE_BYTES);
            copy_tile(p->q + to, q, WALK, D_PAD, i, head, full);
            copy_tile(p->dout + to, dout, WALK, DV_PAD, i, head, full);
            ring_next(&stage, STAGES);
        }
}

/* A warp brings LSE of each tile's queries, or delta; queries past the last one have no P. */
INLINE void produce_stats(const struct parts *p, const __global float *stats, const struct layout *at, long head_stride,
                          const bool of_delta, const struct walk *w)
{
    const int lane = (int)get_local_id(0) % 32, count = (int)at->count;
    const __global float *from = stats + at->origin;
    struct ring stage = {0, 0};
    for (int head = 0; head < w->heads; ++head, from += head_stride)
        for (int i = w->begin; i < w->begin + w->tiles * WALK; i += WALK) {
            float values[LANE_STATS];
            FOR_UNROLLED (n, LANE_STATS) {
                const int row = i + lane + 32 * n;
                const float x = row < count ? from[row * at->row] : of_delta ? 0.0f : -INFINITY;
                values[n] = of_delta ? x : lse_for_gradient(x);
            }
            barrier_wait(p->empty + 8 * stage.stage, stage.parity ^ 1);
            __local float *const to = p->lse + (2 * stage.stage + of_delta) * WALK + lane;
            FOR_UNROLLED (n, LANE_STATS)
                to[32 * n] = values[n];
            warp_barrier();
            if (lane == 0)
                barrier_arrive(p->full + 8 * stage.stage);
            ring_next(&stage, STAGES);
        }
}

/* A work-item brings each tile's edge. */
INLINE void produce_edges(const struct parts *p, const struct walk *w, const struct edge *first)
{
    struct ring stage = {0, 0};
    for (int head = 0; head < w->heads; ++head)
        for (int t = 0; t < w->tiles; ++t) {
            barrier_wait(p->empty + 8 * stage.stage, stage.parity ^ 1);
            struct edge e;
            later_edge(&e, first, t * WALK, 0);
            put_edge(p->edge + stage.stage * EDGE, &e, t >= w->full_begin && t < w->full_end);
            barrier_arrive(p->full + 8 * stage.stage);
            ring_next(&stage, STAGES);
        }
}

#endif
