/* The online softmax of a row tile (FlashAttention-2, Algorithm 1). Of each row: m the maximum so far, l the sum of
 * exp2(S - m) as far as this work-item's lanes saw it. */
#ifndef SOFTMAX_CL
#define SOFTMAX_CL

#include "score.cl"

/* Scores the tile and gives the maximum of each row. */
INLINE void softmax_scores(ACC lane_f *S, ACC float *row_max, const struct call *a, const struct edge *e, bool full,
                           int rows)
{
    FOR_ROWS (r, rows) {
        const int i = tile_row(r);
        lane_f most = -INFINITY;
        FOR_COLS (c) {
            const lane_f s = score(a, e, full, S[r * COLS + c], i, tile_col(c));
            S[r * COLS + c] = s;
            most = fmax(most, s);
        }
        row_max[r] = lane_max(most);
    }
}

/* S becomes P = exp2(S - m) for the new maximum m; l and O move to it. */
INLINE void softmax_update(ACC lane_f *S, ACC out_f *O, ACC float *m, ACC lane_f *l, const ACC float *row_max, int rows)
{
    FOR_ROWS (r, rows) {
        const float m_new = fmax(m[r], row_max[r]);
        const float shift = m_new == -INFINITY ? 0.0f : m_new; /* no key yet: keeps -inf - (-inf) out */
        const float rescale = exp2(m[r] - shift);
        lane_f sum = 0.0f;
        FOR_COLS (c) {
            const lane_f p = lane_exp2(S[r * COLS + c] - shift);
            S[r * COLS + c] = p;
            sum += p;
        }
        l[r] = l[r] * rescale + sum;
        m[r] = m_new;
        if (NEEDS_RESCALE(rescale))
            FOR_OUT (x)
                O[r * OUT_COLS + x] *= rescale;
    }
}

#endif
