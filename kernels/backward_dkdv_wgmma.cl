/* dV = P^T dO and dK = scale dS^T Q by the schedule of engine nvidia_wgmma, column-tiled as backward_dkdv.cl is, which
 * says more.
 *
 * Grid: one work-group for OWN keys of one (batch, key head); it walks the queries that see them, of every query head
 * of the group. K (OWN, D) and V (OWN, Dv) stay; Q (WALK, D), dO (WALK, Dv), LSE and delta (WALK) pass through STAGES;
 * dK and dV (OWN, ..) accumulate. Score arrays are transposed: keys are rows. The products of a tile into dV and dK
 * are made together with S of the next one; its dP only when S is there, as registers have room for no more. Where
 * they have none for dK beside dV, each has work-groups of its own, parts 0 and 1 of the grid. */
#include "walk_queries_wgmma.cl"

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
