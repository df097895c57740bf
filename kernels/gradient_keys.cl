/* Scores of the passes whose owner rows are keys. */
#ifndef GRADIENT_KEYS_CL
#define GRADIENT_KEYS_CL

#include "gradient.cl"

#if !defined(WANT_DK) || !defined(WANT_DV) || !(WANT_DK || WANT_DV)
#error "WANT_DK and WANT_DV must be given with -D, one of them 1"
#endif

/* The scores S^T of the tile become P^T, in S, and dP^T becomes dS^T, in dP. */
INLINE void dkdv_scores(ACC lane_f *S, ACC lane_f *dP, const ACC lane_f *lse, const ACC lane_f *delta,
                        const struct call *a, const struct edge *e, bool full, const struct span *rows, int cols)
{
    FOR_ROWS (r, rows)
        FOR_COLS (c, cols) {
            const lane_f p = probability(score(a, e, full, S[SCORE(r, c)], tile_col(c), tile_row(r)), lse[c]);
            S[SCORE(r, c)] = p;
            if (WANT_DK)
                dP[SCORE(r, c)] = score_gradient(full, p, dP[SCORE(r, c)], delta[c]);
        }
}

#endif
