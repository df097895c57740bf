/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of the passes whose owner rows are keys. */
#ifndef GRADIENT_KEYS_CL
#define GRADIENT_KEYS_CL

#include "attention/gradient.cl"
#include "attention/long_sums.cl"

#if !defined(WANT_DK) || !defined(WANT_DV) || !(WANT_DK || WANT_DV)
#error "WANT_DK and WANT_DV must be given with -D, one of them 1"
#endif

/* LSE, as `probability` takes it, and delta of the walked queries from i on. */
INLINE void column_stats(ACC lane_f *column_lse, ACC lane_f *column_delta, const struct stats *lse,
                         const struct stats *delta, long i, int cols)
{
    FOR_COLS (c, cols) {
        column_lse[c] = lse_for_gradient(col_stat(lse, i, c));
        column_delta[c] = WANT_DK ? col_stat(delta, i, c) : (lane_f)(0.0f);
    }
}

/* The products S^T of the tile become P^T, in S, and dP^T becomes dS^T, in dP. */
INLINE void dkdv_scores(ACC lane_f *S, ACC lane_f *dP, const ACC lane_f *lse, const ACC lane_f *delta,
                        const struct call *a, const struct edge *e, bool full, const struct span *rows, int cols)
{
    ACC lane_f *const dS = WANT_DK ? dP : 0;
    tile_gradients(S, dS, S, dP, lse, delta, a, e, full, ROWS_ARE_KEYS, rows, cols);
}

#endif
