/* The online softmax of a row tile (FlashAttention-2, Algorithm 1). Of each row: m the maximum so far, l the sum of
 * exp2(S - m) as far as this work-item saw it. With RESCALE_SLACK m may stay behind the maximum by that much. */
#ifndef SOFTMAX_CL
#define SOFTMAX_CL

#include "score.cl"

/* With LATE_SCALE, S keeps x = (Q K^T)_ij, -inf where hidden, until the exponential scales it and takes m away in one
 * step: for engines whose problems have a positive scale. */
#if LATE_SCALE
#define SOFTMAX_SCORE(a, e, full, x, i, j) unless_hidden(e, full, x, i, j)
#define MAXIMUM(a, x) ((x) * (a)->scale_log2)
#define EXPONENT(a, x, shift) fma(x, (a)->scale_log2, -(shift))
#else
#define SOFTMAX_SCORE score
#define MAXIMUM(a, s) (s)
#define EXPONENT(a, s, shift) ((s) - (shift))
#endif

/* Scores the tile and gives the maximum of each row. */
INLINE void softmax_scores(ACC lane_f *S, ACC lane_f *row_max, const struct call *a, const struct edge *e, bool full,
                           const struct span *rows, int cols)
{
    FOR_ROWS (r, rows) {
        const lane_i i = tile_row(r);
        lane_f most = -INFINITY;
        FOR_COLS (c, cols) {
            const lane_f s = SOFTMAX_SCORE(a, e, full, S[SCORE(r, c)], i, tile_col(c));
            S[SCORE(r, c)] = s;
            most = lane_max(most, s);
        }
        row_max[r] = MAXIMUM(a, most);
    }
}

/* Row r of S becomes P = exp2(S - m) for the new m, and l moves to it. Returns by what O moves. */
INLINE lane_f softmax_row(ACC lane_f *S, ACC lane_f *m, ACC lane_f *l, lane_f row_max, const struct call *a, int r,
                          int cols)
{
    const lane_f m_new = row_max > m[r] + RESCALE_SLACK ? row_max : m[r];
    const lane_f shift = m_new == -INFINITY ? (lane_f)(0.0f) : m_new; /* no key yet: keeps -inf - (-inf) out */
    const lane_f rescale = lane_exp2(m[r] - shift);
    lane_f sum = 0.0f;
    FOR_COLS (c, cols) {
        const lane_f p = lane_exp2(EXPONENT(a, S[SCORE(r, c)], shift));
        S[SCORE(r, c)] = p;
        sum += p;
    }
    l[r] = l[r] * rescale + sum;
    m[r] = m_new;
    return rescale;
}

/* All rows of S, and O. */
INLINE void softmax_update(ACC lane_f *S, ACC out_f *O, ACC lane_f *m, ACC lane_f *l, const ACC lane_f *row_max,
                           const struct call *a, const struct span *rows, int cols)
{
    FOR_ROWS (r, rows) {
        const lane_f rescale = softmax_row(S, m, l, row_max[r], a, r, cols);
        if (NEEDS_RESCALE(rescale))
            FOR_OUT (x)
                O[OUT(r, x)] *= rescale;
    }
}

#endif
