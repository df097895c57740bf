/* SPDX-License-Identifier: Apache-2.0 */
/* From the products S and dP of a tile to P and dS, for backward_dkdv_wgmma.cl. Arrays are transposed:
 * keys are rows. */
#ifndef BACKWARD_DKDV_SCORES_CL
#define BACKWARD_DKDV_SCORES_CL

#include "engines/nvidia_wgmma/backward_dkdv_producer.cl"

/* The values of score columns 8 n + 2 (lane % 4) + 0, 1. */
INLINE float2 column_pair(const __local float *values, int n)
{
    return *(const __local float2 *)(values + 8 * n + (int)get_local_id(0) % 4 * 2);
}

/* Replaces S^T by P^T. */
INLINE void dkdv_probabilities(float *S, const __local float *lse, const struct call *a)
{
    FOR_UNROLLED (n, TILE_COLS / 8) {
        const float2 l = column_pair(lse, n);
        FOR_UNROLLED (x, 4)
            S[4 * n + x] = probability(a, S[4 * n + x], x % 2 ? l.y : l.x);
    }
}

INLINE void dkdv_gradients(float *dS, const float *P, const float *dP, const __local float *delta)
{
    FOR_UNROLLED (n, TILE_COLS / 8) {
        const float2 d = column_pair(delta, n);
        FOR_UNROLLED (x, 4)
            dS[4 * n + x] = score_gradient(true, P[4 * n + x], dP[4 * n + x], x % 2 ? d.y : d.x);
    }
}

#if HAS_IF_SOFTCAP
/* Packs P^T, as operand of dV, and replaces the products S^T by P^T times the softcap's slope, which
 * takes P's place in dS. */
INLINE void dkdv_capped(float *S, uint *P, const __local float *lse, const struct call *a, const struct edge *e,
                        bool full)
{
    const struct span rows = {0, ROWS};
    BY_BEND (bent, S, a, &rows, COLS)
        FOR_UNROLLED (k, TILE_COLS / 16) {
            float p[8]; /* of 16 columns */
            FOR_UNROLLED (r, ROWS)
                FOR_UNROLLED (c, 4) {
                    const int at = SCORE(r, 4 * k + c), i = tile_col(4 * k + c);
                    const float x = S[at], s = gradient_score(a, e, full, capped(a, x, bent), i, tile_row(r));
                    p[SCORE(r, c)] = probability(a, s, lse[i]);
                    S[at] = product_gradient(a, full, p[SCORE(r, c)], p[SCORE(r, c)], x, bent);
                }
            pack_block(P + 4 * k, p, 0, 0);
        }
}
#else
INLINE void dkdv_scores(float *S, const struct call *a, const __local struct work_tile *w, const __local int *edge,
                        const struct score_inputs *given)
{
    const struct span rows = {0, ROWS};
    struct edge e;
    get_edge(&e, edge, w, a, given);
    if (has_no_edge(edge))
        gradient_scores(S, a, &e, true, ROWS_ARE_KEYS, &rows, COLS);
    else
        gradient_scores(S, a, &e, false, ROWS_ARE_KEYS, &rows, COLS);
}
#endif

/* Waits for dP, with `pending` younger products, and sets dS from it and from P in S. */
#define DKDV_GRADIENTS(dS, pending)                                                                                    \
    do {                                                                                                               \
        WGMMA_WAIT(TILE_COLS, pending, dP);                                                                            \
        if (!has_no_edge(edge))                                                                                        \
            hide_gradients(dP, S);                                                                                     \
        dkdv_gradients(dS, S, dP, row_lse + TILE_COLS);                                                                \
    } while (0)

/* Replaces S of the tile in stage `stage` by P, packed as operand of dV, then by dS, packed as
 * operand of dK. Its dP is issued here; after that it is the other consumer's turn. */
#if HAS_IF_SOFTCAP
#define DKDV_SCORES()                                                                                                  \
    do {                                                                                                               \
        const __local float *const row_lse = p->lse + stage->stage * 2 * TILE_COLS;                                    \
        const __local int *const edge = p->edge + stage->stage * EDGE;                                                 \
        struct edge e;                                                                                                 \
        if (want_dk) {                                                                                                 \
            WGMMA_FENCE();                                                                                             \
            SCORE_PRODUCT(dP, v_rows, p->dout + stage->stage * STAGE_BYTES, DV_PAD);                                   \
        }                                                                                                              \
        your_turn(consumer);                                                                                           \
        get_edge(&e, edge, w, a, given);                                                                               \
        if (has_no_edge(edge))                                                                                         \
            dkdv_capped(S, P, row_lse, a, &e, true);                                                                   \
        else                                                                                                           \
            dkdv_capped(S, P, row_lse, a, &e, false);                                                                  \
        if (want_dk) {                                                                                                 \
            DKDV_GRADIENTS(S, 0);                                                                                      \
            pack_operand(dS, S, TILE_COLS);                                                                            \
        }                                                                                                              \
    } while (0)
#else
#define DKDV_SCORES()                                                                                                  \
    do {                                                                                                               \
        const __local float *const row_lse = p->lse + stage->stage * 2 * TILE_COLS;                                    \
        const __local int *const edge = p->edge + stage->stage * EDGE;                                                 \
        dkdv_scores(S, a, w, edge, given);                                                                             \
        if (want_dk) {                                                                                                 \
            WGMMA_FENCE();                                                                                             \
            SCORE_PRODUCT(dP, v_rows, p->dout + stage->stage * STAGE_BYTES, DV_PAD);                                   \
        }                                                                                                              \
        your_turn(consumer);                                                                                           \
        dkdv_probabilities(S, row_lse, a);                                                                             \
        if (want_dv)                                                                                                   \
            pack_operand(P, S, TILE_COLS);                                                                             \
        if (want_dk) {                                                                                                 \
            DKDV_GRADIENTS(S, 0);                                                                                      \
            pack_operand(dS, S, TILE_COLS);                                                                            \
        }                                                                                                              \
    } while (0)
#endif

/* The same with OVERLAPPED, where dP is issued before and packing waits for older products. */
#define DKDV_SCORES_TOGETHER(s_pending, dp_pending)                                                                    \
    do {                                                                                                               \
        const __local float *const row_lse = p->lse + stage->stage * 2 * TILE_COLS;                                    \
        const __local int *const edge = p->edge + stage->stage * EDGE;                                                 \
        WGMMA_WAIT(TILE_COLS, s_pending, S);                                                                           \
        dkdv_scores(S, a, w, edge, given);                                                                             \
        dkdv_probabilities(S, row_lse, a);                                                                             \
        DKDV_GRADIENTS(dP, dp_pending);                                                                                \
    } while (0)

#endif
