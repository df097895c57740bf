/* dQ = scale dS K by the schedule of engine nvidia_wgmma, row-tiled as backward_dq.cl is, which says the formula.
 *
 * An owner tile is OWN query rows of one (batch, head), which walks the keys that they see. Q (OWN, D) and dO
 * (OWN, Dv) stay; K (WALK, D) passes through K_STAGES, V (WALK, Dv) through V_STAGES; dQ (OWN, D) accumulates. S and dP
 * of a tile are made together with the product of the dS before: K stays a tile longer than V. */
#include "gradient_wgmma.cl"

#if SLICE != D_PAD
#error "a work-group has the whole depth"
#endif

#define K_STAGES (STAGES + 1)
#define V_STAGES STAGES
#define Q_BYTES TILE_BYTES(OWN, D_PAD)
#define DOUT_BYTES TILE_BYTES(OWN, DV_PAD)
#define K_BYTES TILE_BYTES(WALK, D_PAD)
#define V_BYTES TILE_BYTES(WALK, DV_PAD)

/* Addresses in local memory. */
struct parts {
    uint q, dout, k, v;                    /* tiles; of K and V the first stage's */
    uint full_k, empty_k, full_v, empty_v; /* barriers, of the first stages */
};
#define BARRIERS (DESK_BARRIERS + 2 * (K_STAGES + V_STAGES))

INLINE void find_parts(struct parts *p, uint tiles, uint barriers)
{
    p->q = tiles;
    p->dout = p->q + Q_BYTES;
    p->k = p->dout + DOUT_BYTES;
    p->v = p->k + K_STAGES * K_BYTES;
    p->full_k = barriers;
    p->empty_k = p->full_k + 8 * K_STAGES;
    p->full_v = p->empty_k + 8 * K_STAGES;
    p->empty_v = p->full_v + 8 * V_STAGES;
}

INLINE void find_work(__local struct work *w, const struct call *a, long group, const __global uchar *mask,
                      const __global int *kv_lengths)
{
    struct place at;
    struct range keys;
    find_place_of(&at, a, group, D_PAD, 1, a->N, a->Hq, 1, a->causal);
    put_place(w, &at);
    const long key_total = key_count(a, kv_lengths, w->batch);
    visible_keys(&keys, a, w->first, key_total);
    put_range(w, &keys);
    put_first_edge(w, a, w->first, 0, key_total, mask);
}

/* Brings the tiles of one piece of work. */
INLINE void bring(const struct parts *p, const struct desk *d, struct ring *k_at, struct ring *v_at,
                  const __local struct work *w, uint owners_parity, const struct call *a,
                  const __global uchar *workspace)
{
    const ulong q = map_address(workspace, a, MAP_Q, w->batch), dout = map_address(workspace, a, MAP_DOUT, w->batch),
                k = map_address(workspace, a, MAP_K, w->batch), v = map_address(workspace, a, MAP_V, w->batch);
    const int kv_head = w->head / (a->Hq / a->Hk);
    barrier_wait(d->owners_empty, owners_parity ^ 1);
    barrier_expect(d->owners_full, Q_BYTES + DOUT_BYTES);
    copy_tile(p->q, q, OWN, D_PAD, w->first, w->head, d->owners_full);
    copy_tile(p->dout, dout, OWN, DV_PAD, w->first, w->head, d->owners_full);
    const int end = w->tiles * WALK;
    for (int j = 0; j < end; j += WALK) {
        const uint full_k = p->full_k + 8 * k_at->stage, full_v = p->full_v + 8 * v_at->stage;
        barrier_wait(p->empty_k + 8 * k_at->stage, k_at->parity ^ 1);
        barrier_expect(full_k, K_BYTES);
        copy_tile(p->k + k_at->stage * K_BYTES, k, WALK, D_PAD, j, kv_head, full_k);
        ring_next(k_at, K_STAGES);
        barrier_wait(p->empty_v + 8 * v_at->stage, v_at->parity ^ 1);
        barrier_expect(full_v, V_BYTES);
        copy_tile(p->v + v_at->stage * V_BYTES, v, WALK, DV_PAD, j, kv_head, full_v);
        ring_next(v_at, V_STAGES);
    }
}

/* One work-item finds out what there is to do. */
INLINE void plan_work(const struct desk *d, const struct call *a, const __global uchar *mask,
                      const __global int *kv_lengths, __global uchar *workspace)
{
    struct ring at = {0, 0};
    for (long group = a->first_group + (long)get_group_id(0);; group = next_group(workspace, a)) {
        __local struct work *const w = d->works + at.stage;
        barrier_wait(d->work_empty + 8 * at.stage, at.parity ^ 1);
        w->more = 0;
        if (group < a->end_group)
            find_work(w, a, group, mask, kv_lengths);
        barrier_arrive(d->work_full + 8 * at.stage);
        if (group >= a->end_group)
            return;
        ring_next(&at, 2);
    }
}

/* Another has all tiles brought. */
INLINE void produce(const struct parts *p, const struct desk *d, const struct call *a, const __global uchar *workspace)
{
    struct ring at = {0, 0}, k_at = {0, 0}, v_at = {0, 0};
    const __local struct work *w;
    int batch = -1;
    while ((w = await_work(d, &at))->more) {
        if (w->batch != batch) {
            batch = w->batch;
            for (int which = MAP_Q; which <= MAP_DOUT; ++which)
                acquire_map(map_address(workspace, a, which, batch));
        }
        bring(p, d, &k_at, &v_at, w, at.stage, a, workspace);
        barrier_arrive(d->work_empty + 8 * at.stage);
        ring_next(&at, 2);
    }
}

/* S becomes P. */
INLINE void dq_probabilities(float *S, const float *lse, const struct call *a)
{
    FOR_UNROLLED (r, ROWS)
        FOR_UNROLLED (c, COLS)
            S[SCORE(r, c)] = product_probability(a, S[SCORE(r, c)], lse[r]);
}

/* P becomes dS. */
INLINE void dq_gradients(float *S, const float *dP, const float *delta)
{
    FOR_UNROLLED (r, ROWS)
        FOR_UNROLLED (c, COLS)
            S[SCORE(r, c)] = score_gradient(true, S[SCORE(r, c)], dP[SCORE(r, c)], delta[r]);
}

/* S of tile t becomes P, then dS, in S, while products are under way: `s_pending` groups younger than S, `dp_pending`
 * younger than dP. */
#define DQ_SCORES(s_pending, dp_pending)                                                                               \
    do {                                                                                                               \
        WGMMA_WAIT(WALK, s_pending, S);                                                                                \
        if (t >= w->full_end) {                                                                                        \
            struct edge e;                                                                                             \
            later_edge(&e, w, 0, t *WALK);                                                                             \
            hide_products(S, a, &e, true);                                                                             \
        }                                                                                                              \
        dq_probabilities(S, row_lse, a);                                                                               \
        WGMMA_WAIT(WALK, dp_pending, dP);                                                                              \
        leave_stage(p->empty_v + 8 * v_at->stage);                                                                     \
        if (t >= w->full_end)                                                                                          \
            hide_gradients(dP, S);                                                                                     \
        dq_gradients(S, dP, row_delta);                                                                                \
    } while (0)

/* dQ of a consumer's 64 rows of an owner tile. */
INLINE void walk(float *dQ, const struct parts *p, const struct desk *d, const __local struct work *w,
                 struct ring *k_at, struct ring *v_at, const struct call *a, const float *row_lse,
                 const float *row_delta)
{
    const int consumer = (int)get_local_id(0) / WARPGROUP;
    const uint q_rows = p->q + consumer * PANEL_BYTES(64), dout_rows = p->dout + consumer * PANEL_BYTES(64);
    float S[WALK / 2], dP[WALK / 2];
    uint dS[WALK / 4];
    FOR_UNROLLED (n, WALK / 2)
        S[n] = dP[n] = 0.0f;
    int t = 0;
    barrier_wait(p->full_k + 8 * k_at->stage, k_at->parity);
    barrier_wait(p->full_v + 8 * v_at->stage, v_at->parity);
    my_turn(consumer);
    WGMMA_FENCE();
    SCORE_PRODUCT(S, q_rows, p->k + k_at->stage * K_BYTES, D_PAD);
    SCORE_PRODUCT(dP, dout_rows, p->v + v_at->stage * V_BYTES, DV_PAD);
    your_turn(consumer);
    DQ_SCORES(1, 0);
    pack_operand(dS, S, WALK);
    for (t = 1; t < w->tiles; ++t) {
        const uint k_last = k_at->stage;
        ring_next(k_at, K_STAGES);
        ring_next(v_at, V_STAGES);
        barrier_wait(p->full_k + 8 * k_at->stage, k_at->parity);
        barrier_wait(p->full_v + 8 * v_at->stage, v_at->parity);
        my_turn(consumer);
        WGMMA_FENCE();
        SCORE_PRODUCT(S, q_rows, p->k + k_at->stage * K_BYTES, D_PAD);
        SCORE_PRODUCT(dP, dout_rows, p->v + v_at->stage * V_BYTES, DV_PAD);
        OUTPUT_PRODUCT(dQ, dS, p->k + k_last * K_BYTES, D_PAD);
        your_turn(consumer);
        DQ_SCORES(2, 1);
        WGMMA_WAIT(D_PAD, 0, dQ);
        leave_stage(p->empty_k + 8 * k_last);
        pack_operand(dS, S, WALK);
    }
    leave_stage(d->owners_empty);
    my_turn(consumer);
    WGMMA_FENCE();
    OUTPUT_PRODUCT(dQ, dS, p->k + k_at->stage * K_BYTES, D_PAD);
    your_turn(consumer);
    WGMMA_WAIT(D_PAD, 0, dQ);
    leave_stage(p->empty_k + 8 * k_at->stage);
    ring_next(k_at, K_STAGES);
    ring_next(v_at, V_STAGES);
}

INLINE void consume(const struct parts *p, const struct desk *d, const struct call *a, const __global float *lse,
                    const __global float *delta, __global stored *dq)
{
    const int consumer = (int)get_local_id(0) / WARPGROUP;
    struct ring at = {0, 0}, k_at = {0, 0}, v_at = {0, 0};
    const __local struct work *w;
    first_turn(consumer);
    while ((w = await_work(d, &at))->more) {
        struct layout lse_at, delta_at, dq_at;
        OUTPUT(dQ);
        ROW_VALUES(row_lse);
        ROW_VALUES(row_delta);
        query_layout(&lse_at, a, &a->lse, w->batch, w->head, 1);
        delta_layout(&delta_at, a, w->batch, w->head);
        FOR_UNROLLED (r, ROWS) {
            row_lse[r] = lse_for_gradient(row_stat(lse, &lse_at, w->first, r, -INFINITY));
            row_delta[r] = row_stat(delta, &delta_at, w->first, r, 0.0f);
        }
        FOR_UNROLLED (n, D_PAD / 2)
            dQ[n] = 0.0f;
        barrier_wait(d->owners_full, at.stage);
        if (w->tiles > 0)
            walk(dQ, p, d, w, &k_at, &v_at, a, row_lse, row_delta);
        else
            leave_stage(d->owners_empty);
        query_layout(&dq_at, a, &a->dq, w->batch, w->head, a->D);
        store_gradient(dQ, a->scale, dq, &dq_at, w->first);
        leave_work(d, &at);
    }
    last_turn(consumer);
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void
backward_dq_wgmma(const struct call a, const __global stored *restrict q, const __global stored *restrict k,
                  const __global stored *restrict v, const __global uchar *restrict mask,
                  const __global int *restrict kv_lengths, const __global float *restrict lse,
                  const __global stored *restrict dout, __global float *restrict delta, __global stored *restrict dq)
{
    __local uchar __attribute__((aligned(1024)))
    tile_storage[Q_BYTES + DOUT_BYTES + K_STAGES * K_BYTES + V_STAGES * V_BYTES];
    __local ulong barriers[BARRIERS];
    __local struct work works[2];
    struct desk d;
    struct parts p;
    make_desk(&d, works, ptx_local_address(barriers));
    find_parts(&p, ptx_local_address(tile_storage), ptx_local_address(barriers + DESK_BARRIERS));
    const int item = (int)get_local_id(0);
    if (item == 0) {
        init_desk(&d, CONSUMER_ITEMS / 32 + 1);
        init_ring(p.full_k, p.empty_k, K_STAGES, 1, CONSUMER_ITEMS / 32);
        init_ring(p.full_v, p.empty_v, V_STAGES, 1, CONSUMER_ITEMS / 32);
        barriers_ready();
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < CONSUMER_ITEMS) {
        TAKE_REGISTERS(TAKEN_REGISTERS);
        consume(&p, &d, &a, lse, delta, dq);
    } else {
        GIVE_REGISTERS(LEFT_REGISTERS);
        if (item == CONSUMER_ITEMS)
            produce(&p, &d, &a, (const __global uchar *)delta);
        else if (item == CONSUMER_ITEMS + 32)
            plan_work(&d, &a, mask, kv_lengths, (__global uchar *)delta);
    }
}
