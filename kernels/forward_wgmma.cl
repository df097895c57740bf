/* forward.cl for engine nvidia_wgmma: the same O and L, by another schedule.
 *
 * Grid: one work-group for OWN query rows of one (batch, head). Its producer brings Q (OWN, D) once, and K and V
 * (WALK rows) through rings of STAGES tiles. Each consumer has 64 of the query rows, and multiplies the next S = Q
 * K^T beside O += P V of the tile before, so that the tensor cores work while it takes exponentials; with TURNS, two
 * consumers do so by turns. The last tile of keys comes first: those with an edge come before those without. */
#include "score.cl"

#if !defined(SPLIT) || SPLIT
#error "SPLIT must be given with -D, and be 0"
#endif

#define Q_BYTES TILE_BYTES(OWN, D_PAD)
#define K_BYTES TILE_BYTES(WALK, D_PAD)
#define V_BYTES TILE_BYTES(WALK, DV_PAD)
#define TILES_BYTES (Q_BYTES + STAGES * (K_BYTES + V_BYTES))
#define BARRIER_COUNT (1 + 4 * STAGES)

/* Where things are in local memory, and which tiles of keys there are: tiles `full` .. `count` - 1 have an edge. */
struct work {
    uint q, k, v;                                  /* tiles */
    uint q_full, k_full, k_empty, v_full, v_empty; /* barriers */
    long begin;                                    /* key of the first tile */
    int count, full;
};

INLINE void find_work(struct work *w, const struct call *a, long first, long keys, const __local uchar *tiles,
                      const __local ulong *barriers)
{
    w->q = ptx_local_address(tiles);
    w->k = w->q + Q_BYTES;
    w->v = w->k + STAGES * K_BYTES;
    w->q_full = ptx_local_address(barriers);
    w->k_full = w->q_full + 8;
    w->k_empty = w->k_full + 8 * STAGES;
    w->v_full = w->k_empty + 8 * STAGES;
    w->v_empty = w->v_full + 8 * STAGES;
    struct range range;
    visible_keys(&range, a, first, keys);
    w->begin = range.begin;
    w->count = (int)((range.end - range.begin + WALK - 1) / WALK);
    w->full = (int)(max(range.full_end - range.begin, 0L) / WALK);
}

INLINE void init_barriers(const struct work *w)
{
    barrier_init(w->q_full, 1);
    FOR_UNROLLED (s, STAGES) {
        barrier_init(w->k_full + 8 * s, 1);
        barrier_init(w->v_full + 8 * s, 1);
        barrier_init(w->k_empty + 8 * s, CONSUMER_ITEMS / 32);
        barrier_init(w->v_empty + 8 * s, CONSUMER_ITEMS / 32);
    }
    barriers_ready();
}

/* ---- producer ---- */

/* One work-item asks for all copies. */
INLINE void produce(const struct work *w, const struct call *a, const struct place *at, const __global uchar *workspace)
{
    const int kv_head = at->head / (a->Hq / a->Hk);
    const ulong q_map = map_address(workspace, a, MAP_Q, at->batch),
                k_map = map_address(workspace, a, MAP_K, at->batch),
                v_map = map_address(workspace, a, MAP_V, at->batch);
    acquire_map(q_map);
    acquire_map(k_map);
    acquire_map(v_map);
    barrier_expect(w->q_full, Q_BYTES);
    copy_tile(w->q, q_map, OWN, D_PAD, (int)at->first, at->head, w->q_full);
    struct ring ring = {0, 0};
    for (int t = w->count - 1; t >= 0; --t) {
        const int row = (int)w->begin + t * WALK;
        const uint s = 8 * ring.stage;
        const uint k_full = w->k_full + s, v_full = w->v_full + s;
        barrier_wait(w->k_empty + s, ring.parity ^ 1);
        barrier_expect(k_full, K_BYTES);
        copy_tile(w->k + ring.stage * K_BYTES, k_map, WALK, D_PAD, row, kv_head, k_full);
        barrier_wait(w->v_empty + s, ring.parity ^ 1);
        barrier_expect(v_full, V_BYTES);
        copy_tile(w->v + ring.stage * V_BYTES, v_map, WALK, DV_PAD, row, kv_head, v_full);
        ring_next(&ring, STAGES);
    }
}

/* ---- consumers ---- */

/* S = Q K^T under way, of the 64 rows of this warpgroup. */
INLINE void begin_scores(float *S, const uint *q, uint q_tile, uint k_tile)
{
    FOR_UNROLLED (k, D_PAD / 16) {
#if OWNER_REGISTERS
        WGMMA_REGISTERS(WALK, B_ALONG_DEPTH, k > 0, S, q + 4 * k, depth_slice(k_tile, WALK, k));
#else
        WGMMA_LOCAL(WALK, B_ALONG_DEPTH, k > 0, S, depth_slice(q_tile, OWN, k), depth_slice(k_tile, WALK, k));
#endif
    }
    WGMMA_COMMIT();
}

/* O += P V under way. */
INLINE void begin_output(float *O, const uint *P, uint v_tile)
{
    FOR_UNROLLED (k, WALK / 16)
        WGMMA_REGISTERS(DV_PAD, B_ALONG_COLUMNS, 1, O, P + 4 * k, row_slice(v_tile, WALK, k));
    WGMMA_COMMIT();
}

/* The online softmax (softmax.cl) of a tile, with scores that are not scaled yet: their scale is positive, and enters
 * by the multiply-add that subtracts m. */
INLINE void softmax_tile(float *S, float *m, float *l, float *factor, const struct call *a, const struct edge *e,
                         const struct span *rows, bool full)
{
    float most[ROWS];
    FOR_ROWS (r, rows) {
        most[r] = -INFINITY;
        FOR_COLS (c, WALK) {
            if (!full && !visible(e, tile_row(r), tile_col(c)))
                S[SCORE(r, c)] = -INFINITY;
            most[r] = lane_max(most[r], S[SCORE(r, c)]);
        }
    }
    reduce_max(most, 0, rows);
    FOR_ROWS (r, rows) {
        const float m_new = lane_max(m[r], most[r] * a->scale_log2);
        const float shift = m_new == -INFINITY ? 0.0f : m_new; /* no key yet: keeps -inf - (-inf) out */
        factor[r] = lane_exp2(m[r] - shift);
        float sum = 0.0f;
        FOR_COLS (c, WALK) {
            const float p = lane_exp2(fma(S[SCORE(r, c)], a->scale_log2, -shift));
            S[SCORE(r, c)] = p;
            sum += p;
        }
        l[r] = l[r] * factor[r] + sum;
        m[r] = m_new;
    }
}

INLINE void release(uint empty)
{
    if (get_local_id(0) % 32 == 0)
        barrier_arrive(empty);
}

/* A consumer's place in both rings. */
struct consumer {
    struct ring k, v;
    int turn;         /* its barrier of turns; the other's is 3 - turn */
    struct span rows; /* of accumulators */
};

INLINE void await(const struct consumer *c)
{
#if TURNS
    await_turn(c->turn);
#endif
}

INLINE void pass(const struct consumer *c)
{
#if TURNS
    pass_turn(3 - c->turn);
#endif
}

/* S of tile t, and with it, unless t is the first tile, O of the tile before; then P of tile t. */
INLINE void step(struct consumer *c, float *S, float *O, uint *P, float *m, float *l, const uint *q,
                 const struct work *w, const struct call *a, const struct edge *e, const bool first, const bool full)
{
    float factor[ROWS];
    barrier_wait(w->k_full + 8 * c->k.stage, c->k.parity);
    await(c);
    WGMMA_FENCE();
    begin_scores(S, q, w->q + (uint)get_local_id(0) / 128 * 64 * 128, w->k + c->k.stage * K_BYTES);
    if (!first) {
        barrier_wait(w->v_full + 8 * c->v.stage, c->v.parity);
        begin_output(O, P, w->v + c->v.stage * V_BYTES);
    }
    pass(c);
    if (first)
        WGMMA_WAIT(WALK, 0, S);
    else
        WGMMA_WAIT(WALK, 1, S);
    release(w->k_empty + 8 * c->k.stage);
    ring_next(&c->k, STAGES);
    softmax_tile(S, m, l, factor, a, e, &c->rows, full);
    if (!first) {
        WGMMA_WAIT(DV_PAD, 0, O);
        release(w->v_empty + 8 * c->v.stage);
        ring_next(&c->v, STAGES);
        FOR_ROWS (r, &c->rows)
            FOR_OUT (x)
                O[OUT(r, x)] *= factor[r];
    }
    pack_operand(P, S, WALK);
}

/* O of the last tile. The last of the warpgroups leaves no turn behind. */
INLINE void finish(struct consumer *c, float *O, const uint *P, const struct work *w)
{
    barrier_wait(w->v_full + 8 * c->v.stage, c->v.parity);
    await(c);
    WGMMA_FENCE();
    begin_output(O, P, w->v + c->v.stage * V_BYTES);
    if (c->turn == 1)
        pass(c);
    WGMMA_WAIT(DV_PAD, 0, O);
}

/* O, m and l of this warpgroup's rows. */
INLINE void consume(float *O, float *m, float *l, const struct work *w, const struct call *a, const struct place *at,
                    const __global uchar *mask, const __local uchar *q_tile, long keys)
{
    float S[WALK / 2];
    uint P[WALK / 4], q[OWNER_REGISTERS ? D_PAD / 4 : 1];
    struct consumer c = {{0, 0}, {0, 0}, 1 + (int)get_local_id(0) / 128, {0, ROWS}};
    struct edge e;
    barrier_wait(w->q_full, 0);
    if (OWNER_REGISTERS)
        FOR_UNROLLED (k, D_PAD / 16)
            load_operand(q + 4 * k, q_tile, OWN, (int)get_local_id(0) / 32 * 16, k);
    FOR_UNROLLED (s, WALK / 2)
        S[s] = 0.0f;
    if (c.turn == 2)
        pass(&c);
    int t = w->count - 1;
    find_edge(&e, a, at->first, w->begin + (long)t * WALK, keys, mask, at->batch, at->head);
    step(&c, S, O, P, m, l, q, w, a, &e, true, false);
    for (--t; t >= w->full; --t) {
        find_edge(&e, a, at->first, w->begin + (long)t * WALK, keys, mask, at->batch, at->head);
        step(&c, S, O, P, m, l, q, w, a, &e, false, false);
    }
    for (; t >= 0; --t)
        step(&c, S, O, P, m, l, q, w, a, &e, false, true);
    finish(&c, O, P, w);
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void
forward_wgmma(const struct call a, const __global stored *restrict q, const __global stored *restrict k,
              const __global stored *restrict v, const __global uchar *restrict mask,
              const __global int *restrict kv_lengths, __global stored *restrict out, __global float *restrict lse,
              const __global uchar *restrict workspace)
{
    __local __attribute__((aligned(1024))) uchar tiles[TILES_BYTES];
    __local ulong barriers[BARRIER_COUNT];
    struct place at;
    struct work w;
    find_place(&at, &a, DV_PAD, 1, a.N, a.Hq, 1, a.causal);
    const long keys = key_count(&a, kv_lengths, at.batch);
    find_work(&w, &a, at.first, keys, tiles, barriers);
    if (get_local_id(0) == 0)
        init_barriers(&w);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) >= CONSUMER_ITEMS) {
        GIVE_REGISTERS(PRODUCER_REGISTERS);
        if (get_local_id(0) == CONSUMER_ITEMS && w.count > 0)
            produce(&w, &a, &at, workspace);
        return;
    }
    TAKE_REGISTERS(CONSUMER_REGISTERS);
    OUTPUT(O);
    ROW_VALUES(m);
    ROW_VALUES(l);
    ROW_VALUES(factor);
    struct span rows;
    rows_in_use(&rows, a.N - at.first);
    FOR_ROWS (r, &rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }
    if (w.count > 0)
        consume(O, m, l, &w, &a, &at, mask, tiles, keys);

    struct layout out_at, lse_at;
    query_layout(&out_at, &a, &a.out, at.batch, at.head, a.Dv);
    query_layout(&lse_at, &a, &a.lse, at.batch, at.head, 1);
    reduce_sum(l, 0, &rows);
    FOR_ROWS (r, &rows) {
        factor[r] = l[r] == 0.0f ? 0.0f : 1.0f / l[r];
        m[r] = l[r] == 0.0f ? -INFINITY : (m[r] + log2(l[r])) * M_LN2_F;
    }
    store_output(O, factor, out, &out_at, at.first, 0, &rows);
    if (a.store_lse)
        store_stat(m, lse, &lse_at, at.first, &rows);
}
