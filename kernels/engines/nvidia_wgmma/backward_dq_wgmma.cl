/* SPDX-License-Identifier: Apache-2.0 */
/* dQ = scale dS K by the schedule of engine nvidia_wgmma, row-tiled as in backward_dq.cl, which has
 * the formula.
 *
 * Grid: one work-group for TILE_ROWS query rows of one (batch, head). It visits the keys that these
 * rows see. Q (TILE_ROWS, D) and dO (TILE_ROWS, Dv) are stationary. K (TILE_COLS, D) is streamed
 * through K_STAGES, V (TILE_COLS, Dv) through V_STAGES. dQ (TILE_ROWS, D) accumulates. S and dP of
 * a tile are issued together with dS K of the previous tile, so K stays a tile longer than V. */
#include "attention/parameters.cl"
#include "engines/nvidia_wgmma/gradient_wgmma.cl"

#if OUT_BLOCK != D_PAD
#error "a work-group computes the whole depth: OUT_BLOCK must be D_PAD"
#endif

#define K_STAGES (STAGES + 1)
#define V_STAGES STAGES
#define Q_BYTES TILE_BYTES(TILE_ROWS, D_PAD)
#define DOUT_BYTES TILE_BYTES(TILE_ROWS, DV_PAD)
#define K_BYTES TILE_BYTES(TILE_COLS, D_PAD)
#define V_BYTES TILE_BYTES(TILE_COLS, DV_PAD)

/* Addresses in local memory. */
struct smem_layout {
    uint q, dout, k, v;                                /* tiles; k, v: of the first stage */
    uint stationary, full_k, empty_k, full_v, empty_v; /* barriers; of rings those of the first stage */
};

INLINE void make_smem_layout(struct smem_layout *p, uint tiles, uint barriers)
{
    p->q = tiles;
    p->dout = p->q + Q_BYTES;
    p->k = p->dout + DOUT_BYTES;
    p->v = p->k + K_STAGES * K_BYTES;
    p->stationary = barriers;
    p->full_k = p->stationary + 8;
    p->empty_k = p->full_k + 8 * K_STAGES;
    p->full_v = p->empty_k + 8 * K_STAGES;
    p->empty_v = p->full_v + 8 * V_STAGES;
}

INLINE void init_barriers(const struct smem_layout *p)
{
    barrier_init(p->stationary, 1);
    init_ring(p->full_k, p->empty_k, K_STAGES, 1, CONSUMER_ITEMS / 32);
    init_ring(p->full_v, p->empty_v, V_STAGES, 1, CONSUMER_ITEMS / 32);
    barriers_ready();
}

/* One work-item issues all copies. */
INLINE void produce(const struct smem_layout *p, const struct call *a, const __global uchar *tensor_maps,
                    const struct job *job, int begin, int tiles)
{
    const ulong q = map_address(tensor_maps, a, MAP_Q, job->batch),
                dout = map_address(tensor_maps, a, MAP_DOUT, job->batch),
                k = map_address(tensor_maps, a, MAP_K, job->batch), v = map_address(tensor_maps, a, MAP_V, job->batch);
    acquire_map(q);
    acquire_map(dout);
    acquire_map(k);
    acquire_map(v);
    barrier_expect(p->stationary, Q_BYTES + DOUT_BYTES);
    copy_tile(p->q, q, TILE_ROWS, D_PAD, (int)job->first, job->head, p->stationary);
    copy_tile(p->dout, dout, TILE_ROWS, DV_PAD, (int)job->first, job->head, p->stationary);
    struct ring k_at = {0, 0}, v_at = {0, 0};
    int j = begin;
    for (int t = 0; t < tiles; ++t, j += TILE_COLS) {
        barrier_wait(p->empty_k + 8 * k_at.stage, k_at.parity ^ 1);
        barrier_expect(p->full_k + 8 * k_at.stage, K_BYTES);
        copy_tile(p->k + k_at.stage * K_BYTES, k, TILE_COLS, D_PAD, j, job->kv_head, p->full_k + 8 * k_at.stage);
        ring_next(&k_at, K_STAGES);
        barrier_wait(p->empty_v + 8 * v_at.stage, v_at.parity ^ 1);
        barrier_expect(p->full_v + 8 * v_at.stage, V_BYTES);
        copy_tile(p->v + v_at.stage * V_BYTES, v, TILE_COLS, DV_PAD, j, job->kv_head, p->full_v + 8 * v_at.stage);
        ring_next(&v_at, V_STAGES);
    }
}

#if HAS_IF_SOFTCAP
/* Replaces the products S by P times the softcap's slope, which takes P's place in dS. */
INLINE void dq_capped(float *S, const float *lse, const struct call *a, const struct edge *e, bool full)
{
    const struct span rows = {0, ROWS};
    BY_BEND (bent, S, a, &rows, COLS)
        FOR_UNROLLED (r, ROWS)
            FOR_UNROLLED (c, COLS) {
                const float x = S[SCORE(r, c)],
                            s = gradient_score(a, e, full, capped(a, x, bent), tile_row(r), tile_col(c)),
                            p = probability(a, s, lse[r]);
                S[SCORE(r, c)] = product_gradient(a, full, p, p, x, bent);
            }
}

#define DQ_PROBABILITIES(e, full)                                                                                      \
    do {                                                                                                               \
        if (full)                                                                                                      \
            dq_capped(S, row_lse, &a, e, true);                                                                        \
        else                                                                                                           \
            dq_capped(S, row_lse, &a, e, false);                                                                       \
    } while (0)
#else
/* Replaces scores S by P. */
INLINE void dq_probabilities(float *S, const float *lse, const struct call *a)
{
    FOR_UNROLLED (r, ROWS)
        FOR_UNROLLED (c, COLS)
            S[SCORE(r, c)] = probability(a, S[SCORE(r, c)], lse[r]);
}

#define DQ_PROBABILITIES(e, full)                                                                                      \
    do {                                                                                                               \
        if (full)                                                                                                      \
            gradient_scores(S, &a, e, true, ROWS_ARE_QUERIES, &rows, COLS);                                            \
        else                                                                                                           \
            gradient_scores(S, &a, e, false, ROWS_ARE_QUERIES, &rows, COLS);                                           \
        dq_probabilities(S, row_lse, &a);                                                                              \
    } while (0)
#endif

/* Replaces dP by dS. */
INLINE void dq_gradients(float *dP, const float *P, const float *delta)
{
    FOR_UNROLLED (r, ROWS)
        FOR_UNROLLED (c, COLS)
            dP[SCORE(r, c)] = score_gradient(true, P[SCORE(r, c)], dP[SCORE(r, c)], delta[r]);
}

/* Replaces S of tile t by P, and dP by dS, while younger products run: `s_pending` groups younger
 * than S, `dp_pending` younger than dP. */
#define DQ_SCORES(s_pending, dp_pending)                                                                               \
    do {                                                                                                               \
        WGMMA_WAIT(TILE_COLS, s_pending, S);                                                                           \
        struct edge e;                                                                                                 \
        later_edge(&e, &first_edge, 0, t *TILE_COLS);                                                                  \
        DQ_PROBABILITIES(&e, is_full_tile(&tiles, t));                                                                 \
        WGMMA_WAIT(TILE_COLS, dp_pending, dP);                                                                         \
        release_stage(p.empty_v + 8 * v_at.stage);                                                                     \
        dq_gradients(dP, S, row_delta);                                                                                \
        if (!is_full_tile(&tiles, t))                                                                                  \
            hide_gradients(dP, S);                                                                                     \
    } while (0)

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_dq_wgmma(PARAMETERS(BACKWARD_DQ_ARGS))
{
    ABSENT(BACKWARD_DQ_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    __local uchar __attribute__((aligned(1024)))
    tile_storage[Q_BYTES + DOUT_BYTES + K_STAGES * K_BYTES + V_STAGES * V_BYTES];
    __local ulong barriers[1 + 2 * (K_STAGES + V_STAGES)];
    struct smem_layout p;
    make_smem_layout(&p, ptx_local_address(tile_storage), ptx_local_address(barriers));
    const int item = (int)get_local_id(0), consumer = item / WARPGROUP;
    if (item == 0)
        init_barriers(&p);

    struct job job;
    struct range keys;
    struct tiles tiles;
    find_query_job(&job, &a, group_number(&a), D_PAD, 1, kv_lengths);
    job_keys(&keys, &a, &job);
    tiles_of(&tiles, &keys, keys.begin);
    barrier(CLK_LOCAL_MEM_FENCE);

    if (consumer == CONSUMERS) {
        GIVE_REGISTERS(PRODUCER_REGISTERS);
        if (item % WARPGROUP == 0 && tiles.end > 0)
            produce(&p, &a, tensor_maps, &job, (int)keys.begin, tiles.end);
    } else {
        TAKE_REGISTERS(CONSUMER_REGISTERS);
        struct layout lse_at, dq_at;
        query_layout(&lse_at, &a, &a.lse, job.batch, job.head, query_count(&a, job.batch), 1);
        query_layout(&dq_at, &a, &a.dq, job.batch, job.head, query_count(&a, job.batch), a.D);
        const uint own_rows = warp_uniform(consumer) * PANEL_BYTES(64), q_rows = p.q + own_rows,
                   dout_rows = p.dout + own_rows;
        float S[TILE_COLS / 2], dP[TILE_COLS / 2], dQ[D_PAD / 2], row_lse[ROWS], row_delta[ROWS];
        uint dS[TILE_COLS / 4];
        const struct span rows = {0, ROWS};
        struct delta_rows of_delta;
        FOR_UNROLLED (r, ROWS)
            row_lse[r] = lse_for_gradient(SEEING_LSE(row_stat(lse, &lse_at, job.first, r, -INFINITY), r));
        find_delta_rows(&of_delta, delta, out, dout, &a, &job);
#if HAS_IF_OWN_DLSE
        find_dlse_rows(&of_delta, dlse, &a, &job);
#endif
        row_deltas(row_delta, &of_delta, job.first, true, 0, &rows);
        FOR_UNROLLED (n, D_PAD / 2)
            dQ[n] = 0.0f;
        FOR_UNROLLED (n, TILE_COLS / 2)
            S[n] = dP[n] = 0.0f;

        if (tiles.end > 0) {
            struct edge first_edge;
            find_first_edge(&first_edge, &a, job.batch, job.head, query_count(&a, job.batch), job.M, job.first,
                            keys.begin, &given);
            struct ring k_at = {0, 0}, v_at = {0, 0};
            int t = 0;
            uint k_last = 0;
            first_turn(consumer);
            barrier_wait(p.stationary, 0);
            barrier_wait(p.full_k, 0);
            barrier_wait(p.full_v, 0);
            my_turn(consumer);
            WGMMA_FENCE();
            SCORE_PRODUCT(S, q_rows, p.k, D_PAD);
            SCORE_PRODUCT(dP, dout_rows, p.v, DV_PAD);
            your_turn(consumer);
            DQ_SCORES(1, 0);
            pack_operand(dS, dP, TILE_COLS);
            for (t = 1; t < tiles.end; ++t) {
                ring_next(&k_at, K_STAGES);
                ring_next(&v_at, V_STAGES);
                barrier_wait(p.full_k + 8 * k_at.stage, k_at.parity);
                barrier_wait(p.full_v + 8 * v_at.stage, v_at.parity);
                my_turn(consumer);
                WGMMA_FENCE();
                SCORE_PRODUCT(S, q_rows, p.k + k_at.stage * K_BYTES, D_PAD);
                SCORE_PRODUCT(dP, dout_rows, p.v + v_at.stage * V_BYTES, DV_PAD);
                OUTPUT_PRODUCT(dQ, dS, p.k + k_last * K_BYTES, D_PAD);
                your_turn(consumer);
                DQ_SCORES(2, 1);
                WGMMA_WAIT(D_PAD, 0, dQ);
                release_stage(p.empty_k + 8 * k_last);
                pack_operand(dS, dP, TILE_COLS);
                k_last = k_at.stage;
            }
            my_turn(consumer);
            WGMMA_FENCE();
            OUTPUT_PRODUCT(dQ, dS, p.k + k_last * K_BYTES, D_PAD);
            your_turn(consumer);
            WGMMA_WAIT(D_PAD, 0, dQ);
            last_turn(consumer);
        }
        FOR_UNROLLED (r, ROWS)
            row_lse[r] = gradient_factor(&a, row_lse[r]);
        store_output(dQ, row_lse, 0, dq, &dq_at, job.first, 0, &rows);
    }
}
