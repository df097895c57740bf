/* dV = P^T dO and dK = scale dS^T Q by the schedule of engine nvidia_wgmma, column-tiled as backward_dkdv.cl is, which
 * says more.
 *
 * Grid: one work-group for OWN keys of one (batch, key head); it walks the queries that see them, of every query head
 * of the group. K (OWN, D) and V (OWN, Dv) stay; Q (WALK, D), dO (WALK, Dv), LSE and delta (WALK) pass through STAGES;
 * dK and dV (OWN, ..) accumulate. Score arrays are transposed: keys are rows. The products of a tile into dV and dK
 * are made together with S of the next one; its dP only when S is there, as registers have room for no more. Where
 * they have none for dK beside dV, each has work-groups of its own, parts 0 and 1 of the grid. */
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

/* S^T becomes P^T. */
INLINE void dkdv_probabilities(float *S, const __local float *lse, const struct call *a)
{
    FOR_UNROLLED (n, WALK / 8) {
        const float2 l = column_pair(lse, n);
        FOR_UNROLLED (x, 4)
            S[4 * n + x] = product_probability(a, S[4 * n + x], x % 2 ? l.y : l.x);
    }
}

/* P^T becomes dS^T. */
INLINE void dkdv_gradients(float *S, const float *dP, const __local float *delta)
{
    FOR_UNROLLED (n, WALK / 8) {
        const float2 d = column_pair(delta, n);
        FOR_UNROLLED (x, 4)
            S[4 * n + x] = score_gradient(true, S[4 * n + x], dP[4 * n + x], x % 2 ? d.y : d.x);
    }
}

/* S of the tile in stage `stage` becomes P and the operand of dV, then dS and the operand of dK. Its dP is asked for
 * here, and what follows it is the other consumer's turn. */
#define DKDV_SCORES()                                                                                                  \
    do {                                                                                                               \
        const __local float *const row_lse = p->lse + stage.stage * 2 * WALK;                                          \
        const __local int *const edge = p->edge + stage.stage * EDGE;                                                  \
        if (!is_full_tile(edge)) {                                                                                     \
            struct edge tile_edge;                                                                                     \
            get_edge(&tile_edge, edge);                                                                                \
            hide_products(S, a, &tile_edge, false);                                                                    \
        }                                                                                                              \
        if (want_dk) {                                                                                                 \
            WGMMA_FENCE();                                                                                             \
            SCORE_PRODUCT(dP, v_rows, p->dout + stage.stage * STAGE_BYTES, DV_PAD);                                    \
        }                                                                                                              \
        your_turn(consumer);                                                                                           \
        dkdv_probabilities(S, row_lse, a);                                                                             \
        if (want_dv)                                                                                                   \
            pack_operand(P, S, WALK);                                                                                  \
        if (want_dk) {                                                                                                 \
            WGMMA_WAIT(WALK, 0, dP);                                                                                   \
            if (!is_full_tile(edge))                                                                                   \
                hide_gradients(dP, S);                                                                                 \
            dkdv_gradients(S, dP, row_lse + WALK);                                                                     \
            pack_operand(dS, S, WALK);                                                                                 \
        }                                                                                                              \
    } while (0)

#define DKDV_OUTPUTS(at_stage)                                                                                         \
    do {                                                                                                               \
        if (want_dv)                                                                                                   \
            OUTPUT_PRODUCT(dV, P, p->dout + (at_stage)*STAGE_BYTES, DV_PAD);                                           \
        if (want_dk)                                                                                                   \
            OUTPUT_PRODUCT(dK, dS, p->q + (at_stage)*STAGE_BYTES, D_PAD);                                              \
    } while (0)

/* The gradients of this consumer's 64 keys. */
INLINE void consume(const struct parts *p, const struct call *a, const struct walk *w, const struct place *at,
                    __global stored *dk, __global stored *dv, const bool want_dk, const bool want_dv)
{
    const int consumer = (int)get_local_id(0) / WARPGROUP;
    const uint k_rows = p->k + consumer * PANEL_BYTES(64), v_rows = p->v + consumer * PANEL_BYTES(64);
    float S[WALK / 2], dP[WALK / 2], dK[SLICE / 2], dV[SLICE / 2]; /* of which the products fill D_PAD and DV_PAD */
    uint P[WALK / 4], dS[WALK / 4];
    FOR_UNROLLED (n, SLICE / 2)
        dK[n] = dV[n] = 0.0f;
    FOR_UNROLLED (n, WALK / 2)
        S[n] = dP[n] = 0.0f;

    if (w->tiles > 0) {
        struct ring stage = {0, 0};
        first_turn(consumer);
        barrier_wait(p->owners, 0);
        barrier_wait(p->full, 0);
        my_turn(consumer);
        WGMMA_FENCE();
        SCORE_PRODUCT(S, k_rows, p->q, D_PAD);
        WGMMA_WAIT(WALK, 0, S);
        for (int left = w->tiles * w->heads - 1; left > 0; --left) {
            DKDV_SCORES();
            const uint last = stage.stage;
            ring_next(&stage, STAGES);
            barrier_wait(p->full + 8 * stage.stage, stage.parity);
            my_turn(consumer);
            WGMMA_FENCE();
            DKDV_OUTPUTS(last);
            SCORE_PRODUCT(S, k_rows, p->q + stage.stage * STAGE_BYTES, D_PAD);
            WGMMA_WAIT(WALK, 0, S);
            leave_stage(p->empty + 8 * last);
        }
        DKDV_SCORES();
        my_turn(consumer);
        WGMMA_FENCE();
        DKDV_OUTPUTS(stage.stage);
        last_turn(consumer);
        if (want_dk)
            WGMMA_WAIT(D_PAD, 0, dK);
        if (want_dv)
            WGMMA_WAIT(DV_PAD, 0, dV);
    }
    struct layout to;
    if (want_dk) {
        key_layout(&to, &a->dk, at->batch, at->head, a->D, a->M);
        store_gradient(dK, a->scale, dk, &to, at->first);
    }
    if (want_dv) {
        key_layout(&to, &a->dv, at->batch, at->head, a->Dv, a->M);
        store_gradient(dV, 1.0f, dv, &to, at->first);
    }
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void
backward_dkdv_wgmma(const struct call a, const __global stored *restrict q, const __global stored *restrict k,
                    const __global stored *restrict v, const __global uchar *restrict mask,
                    const __global int *restrict kv_lengths, const __global float *restrict lse,
                    const __global stored *restrict dout, const __global float *restrict delta,
                    __global stored *restrict dk, __global stored *restrict dv)
{
    __local uchar __attribute__((aligned(1024))) tile_storage[K_BYTES + V_BYTES + STAGES * STAGE_BYTES];
    __local float __attribute__((aligned(16))) stats[STAGES * 2 * WALK];
    __local int edges[STAGES * EDGE];
    __local ulong barriers[1 + 2 * STAGES];
    struct parts p;
    find_parts(&p, ptx_local_address(tile_storage), stats, edges, ptx_local_address(barriers));
    const int item = (int)get_local_id(0), consumer = item / WARPGROUP;
    if (item == 0)
        init_parts(&p);

    struct place at;
    find_place(&at, &a, MAX_PAD, PARTS, a.M, a.Hk, 1, false);
    const long key_total = key_count(&a, kv_lengths, at.batch);
    struct range queries;
    seeing_queries(&queries, &a, at.first, key_total);
    struct walk w;
    find_walk(&w, &queries, at.head, a.Hq / a.Hk);
    struct edge e;
    find_first_edge(&e, &a, queries.begin, at.first, key_total, mask, at.batch, w.head);
    barrier(CLK_LOCAL_MEM_FENCE);

    if (consumer == CONSUMERS) {
        GIVE_REGISTERS(PRODUCER_REGISTERS);
        struct layout lse_at, delta_at;
        query_layout(&lse_at, &a, &a.lse, at.batch, w.head, 1);
        delta_layout(&delta_at, &a, at.batch, w.head);
        const int warp = item % WARPGROUP / 32;
        if (w.tiles == 0)
            return;
        if (warp == 0 && item % 32 == 0)
            produce_tiles(&p, &a, (const __global uchar *)delta, &at, &w, WANT_DK && (PARTS == 1 || at.part == 1));
        else if (warp == 1 && item % 32 == 0)
            produce_edges(&p, &w, &e);
        else if (warp == 2)
            produce_stats(&p, lse, &lse_at, a.lse.head, false, &w);
        else if (warp == 3)
            produce_stats(&p, delta, &delta_at, a.N, true, &w);
    } else {
        TAKE_REGISTERS(CONSUMER_REGISTERS);
        if (PARTS == 1)
            consume(&p, &a, &w, &at, dk, dv, WANT_DK, WANT_DV);
        else if (at.part == 0)
            consume(&p, &a, &w, &at, dk, dv, false, true);
        else
            consume(&p, &a, &w, &at, dk, dv, true, false);
    }
}
