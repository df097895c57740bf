/* SPDX-License-Identifier: Apache-2.0 */
/* dV = P^T dO and dK = scale dS^T Q by the schedule of engine nvidia_wgmma, column-tiled as in
 * backward_dkdv.cl.
 *
 * A work tile is TILE_ROWS keys of one (batch, key head). It visits the queries that see these
 * keys, of every query head of the group. K (TILE_ROWS, D) and V (TILE_ROWS, Dv) are stationary. Q
 * (TILE_COLS, D), dO (TILE_COLS, Dv), LSE and delta (TILE_COLS) are streamed through STAGES. dK and
 * dV (TILE_ROWS, ..) accumulate. Score arrays are transposed: keys are rows.
 *
 * The products of a tile into dV and dK are issued together with S of the next tile. The next dP is
 * issued only when that S is complete, unless registers hold everything (OVERLAPPED). If registers
 * cannot hold dK beside dV, each has separate work tiles: split 0 is dV, split 1 dK. */
#include "attention/parameters.cl"
#include "engines/nvidia_wgmma/backward_dkdv_scores.cl"

#define DKDV_OUTPUTS(at_stage)                                                                                         \
    do {                                                                                                               \
        if (want_dv)                                                                                                   \
            OUTPUT_PRODUCT(dV, P, p->dout + (at_stage)*STAGE_BYTES, DV_PAD);                                           \
        if (want_dk)                                                                                                   \
            OUTPUT_PRODUCT(dK, dS, p->q + (at_stage)*STAGE_BYTES, D_PAD);                                              \
    } while (0)

/* After the last tile's scores: releases the stationary tiles, and adds the last products. */
#define DKDV_END()                                                                                                     \
    do {                                                                                                               \
        release_stage(d->stationary_empty);                                                                            \
        my_turn(consumer);                                                                                             \
        WGMMA_FENCE();                                                                                                 \
        DKDV_OUTPUTS(stage->stage);                                                                                    \
        your_turn(consumer);                                                                                           \
        if (want_dk)                                                                                                   \
            WGMMA_WAIT(D_PAD, 0, dK);                                                                                  \
        if (want_dv)                                                                                                   \
            WGMMA_WAIT(DV_PAD, 0, dV);                                                                                 \
        release_stage(p->empty + 8 * stage->stage);                                                                    \
        ring_next(stage, STAGES);                                                                                      \
    } while (0)

/* Computes dK and dV of a consumer's 64 keys. */
INLINE void visit_tiles(float *dK, float *dV, const struct smem_layout *p, const struct tile_scheduler *d,
                        const __local struct work_tile *w, struct ring *stage, const struct call *a,
                        const struct score_inputs *given, const bool want_dk, const bool want_dv)
{
    const int consumer = (int)get_local_id(0) / WARPGROUP;
    const uint rows = warp_uniform(consumer) * PANEL_BYTES(64), k_rows = p->k + rows, v_rows = p->v + rows;
    float S[TILE_COLS / 2], dP[TILE_COLS / 2];
    uint P[TILE_COLS / 4], dS[TILE_COLS / 4];
    FOR_UNROLLED (n, TILE_COLS / 2)
        S[n] = dP[n] = 0.0f;
    barrier_wait(p->full + 8 * stage->stage, stage->parity);
    my_turn(consumer);
    WGMMA_FENCE();
    SCORE_PRODUCT(S, k_rows, p->q + stage->stage * STAGE_BYTES, D_PAD);
    WGMMA_WAIT(TILE_COLS, 0, S);
    for (int left = w->tiles * (a->Hq / a->Hk) - 1; left > 0; --left) {
        DKDV_SCORES();
        const uint last = stage->stage;
        ring_next(stage, STAGES);
        barrier_wait(p->full + 8 * stage->stage, stage->parity);
        my_turn(consumer);
        WGMMA_FENCE();
        DKDV_OUTPUTS(last);
        SCORE_PRODUCT(S, k_rows, p->q + stage->stage * STAGE_BYTES, D_PAD);
        WGMMA_WAIT(TILE_COLS, 0, S);
        release_stage(p->empty + 8 * last);
    }
    DKDV_SCORES();
    DKDV_END();
}

#if OVERLAPPED
/* The same with OVERLAPPED: S and dP of a tile are issued at once, followed by the output products
 * of the previous tile. The tensor cores then work while S becomes P, and dP becomes dS. */
INLINE void visit_tiles_overlapped(float *dK, float *dV, const struct smem_layout *p, const struct tile_scheduler *d,
                                   const __local struct work_tile *w, struct ring *stage, const struct call *a,
                                   const struct score_inputs *given)
{
    const bool want_dk = true, want_dv = true; /* OVERLAPPED implies both */
    const int consumer = (int)get_local_id(0) / WARPGROUP;
    const uint rows = warp_uniform(consumer) * PANEL_BYTES(64), k_rows = p->k + rows, v_rows = p->v + rows;
    float S[TILE_COLS / 2], dP[TILE_COLS / 2];
    uint P[TILE_COLS / 4], dS[TILE_COLS / 4];
    FOR_UNROLLED (n, TILE_COLS / 2)
        S[n] = dP[n] = 0.0f;
    barrier_wait(p->full + 8 * stage->stage, stage->parity);
    my_turn(consumer);
    WGMMA_FENCE();
    SCORE_PRODUCT(S, k_rows, p->q + stage->stage * STAGE_BYTES, D_PAD);
    SCORE_PRODUCT(dP, v_rows, p->dout + stage->stage * STAGE_BYTES, DV_PAD);
    your_turn(consumer);
    DKDV_SCORES_TOGETHER(1, 0);
    pack_operand(P, S, TILE_COLS);
    pack_operand(dS, dP, TILE_COLS);
    for (int left = w->tiles * (a->Hq / a->Hk) - 1; left > 0; --left) {
        const uint last = stage->stage;
        ring_next(stage, STAGES);
        barrier_wait(p->full + 8 * stage->stage, stage->parity);
        my_turn(consumer);
        WGMMA_FENCE();
        SCORE_PRODUCT(S, k_rows, p->q + stage->stage * STAGE_BYTES, D_PAD);
        SCORE_PRODUCT(dP, v_rows, p->dout + stage->stage * STAGE_BYTES, DV_PAD);
        DKDV_OUTPUTS(last);
        your_turn(consumer);
        DKDV_SCORES_TOGETHER(3, 2);
        WGMMA_WAIT(DV_PAD, 0, dV);
        WGMMA_WAIT(D_PAD, 0, dK);
        release_stage(p->empty + 8 * last);
        pack_operand(P, S, TILE_COLS);
        pack_operand(dS, dP, TILE_COLS);
    }
    DKDV_END();
}
#endif

INLINE void work_on(const struct smem_layout *p, const struct tile_scheduler *d, const __local struct work_tile *w,
                    struct ring *stage, const struct call *a, const struct score_inputs *given, __global stored *dk,
                    __global stored *dv, const bool want_dk, const bool want_dv)
{
    OUTPUT(dK); /* OUT_BLOCK deep; products fill D_PAD and DV_PAD */
    OUTPUT(dV);
    struct layout to;
    FOR_UNROLLED (n, OUT_BLOCK / 2)
        dK[n] = dV[n] = 0.0f;
    if (w->tiles > 0) {
#if OVERLAPPED
        visit_tiles_overlapped(dK, dV, p, d, w, stage, a, given);
#else
        visit_tiles(dK, dV, p, d, w, stage, a, given, want_dk, want_dv);
#endif
    } else {
        release_stage(d->stationary_empty);
    }
    if (want_dk) {
        key_layout(&to, &a->dk, w->batch, w->head, a->D, a->M);
        store_gradient(dK, gradient_scale(a), dk, &to, w->first);
    }
    if (want_dv) {
        key_layout(&to, &a->dv, w->batch, w->head, a->Dv, a->M);
        store_gradient(dV, 1.0f, dv, &to, w->first);
    }
}

INLINE void consume(const struct smem_layout *p, const struct tile_scheduler *d, const struct call *a,
                    const struct score_inputs *given, __global stored *dk, __global stored *dv)
{
    const int consumer = (int)get_local_id(0) / WARPGROUP;
    struct ring at = {0, 0}, stage = {0, 0};
    const __local struct work_tile *w;
    first_turn(consumer);
    FOR_WORK (w, d, &at) {
        barrier_wait(d->stationary_full, at.stage);
        if (DK_DV_SPLITS == 1)
            work_on(p, d, w, &stage, a, given, dk, dv, WANT_DK, WANT_DV);
        else if (w->split == 0)
            work_on(p, d, w, &stage, a, given, dk, dv, false, true);
        else
            work_on(p, d, w, &stage, a, given, dk, dv, true, false);
    }
    last_turn(consumer);
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_dkdv_wgmma(PARAMETERS(BACKWARD_DKDV_ARGS))
{
    ABSENT(BACKWARD_DKDV_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    __local uchar __attribute__((aligned(1024))) tile_storage[K_BYTES + V_BYTES + STAGES * STAGE_BYTES];
    __local float __attribute__((aligned(16))) stats[STAGES * 2 * TILE_COLS];
    __local int edges[STAGES * EDGE];
    __local ulong barriers[BARRIERS];
    __local struct work_tile works[2];
    struct tile_scheduler d;
    struct smem_layout p;
    make_scheduler(&d, works, ptx_local_address(barriers));
    make_smem_layout(&p, ptx_local_address(tile_storage), stats, edges,
                     ptx_local_address(barriers + SCHEDULER_BARRIERS));
    const int item = (int)get_local_id(0), warp = (item - CONSUMER_ITEMS) / 32;
    if (item == 0) {
        init_scheduler(&d, WORK_READERS);
        init_ring(p.full, p.empty, STAGES, 4, CONSUMER_ITEMS / 32); /* arrivals at full: tiles, edge, LSE, delta */
        barriers_ready();
        if (!PERSISTENT)
            put_work(&works[0], &a, group_number(&a), &given, kv_lengths);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    if (item < CONSUMER_ITEMS) {
        TAKE_REGISTERS(TAKEN_REGISTERS);
        consume(&p, &d, &a, &given, dk, dv);
    } else {
        GIVE_REGISTERS(LEFT_REGISTERS);
        struct view delta_at;
        delta_view(&delta_at, &a);
        if (warp == 0 && item % 32 == 0)
            produce(&p, &d, &a, &given, kv_lengths, tensor_maps);
        else if (warp == 1)
            produce_edges(&p, &d, &a, &given);
        else if (warp == 2)
            produce_stats(&p, &d, &a, lse, &a.lse, false);
        else if (warp == 3)
            produce_stats(&p, &d, &a, delta, &delta_at, true);
    }
}
