/* SPDX-License-Identifier: Apache-2.0 */
/* The online softmax of a row tile (FlashAttention-2, Algorithm 1). Of each row: m the maximum of S so far, l the sum of
 * P = headroom exp2(scale_log2 (S - m)) as far as this work-item saw it. Where RESCALES_LATE, m may stay behind the maximum by
 * RESCALE_SLACK powers of two.
 *
 * `headroom` is a power of two, and so changes no bit of a result: with it, a sum of P V over all keys is no larger than the
 * largest V, which float32 holds. P of a row's largest score is `headroom` exactly. */
#ifndef SOFTMAX_CL
#define SOFTMAX_CL

#include "attention/merge.cl"
#include "attention/score.cl"

/* Scores the tile and gives the maximum of each row. Returns whether this work-item has large scores; see LATE_SCALE. */
INLINE bool softmax_scores(ACC lane_f *S, ACC lane_f *row_max, const struct call *a, const struct edge *e, bool full,
                           const struct span *rows, int cols)
{
    bool large = false;
    FOR_ROWS (r, rows) {
        const lane_i i = tile_row(r);
        lane_f most = -INFINITY;
        FOR_COLS (c, cols) {
            const lane_f s = score(a, e, full, S[SCORE(r, c)], i, tile_col(c));
            S[SCORE(r, c)] = s;
            most = lane_max(most, s);
        }
        row_max[r] = most;
#if LATE_SCALE
        large |= fabs(most) > a->large; /* or -inf, of a row that sees no key of the tile: rare, and takes no harm */
#endif
    }
    return large;
}

/* m of row r follows the tile's maximum, in whose place comes what the row's S are relative to. Returns by what sums move. */
INLINE lane_f follow_maximum(ACC lane_f *m, ACC lane_f *row_max, const struct call *a, bool full, int r)
{
#if RESCALES_LATE
    const lane_f m_new = powers_of_score(a, row_max[r] - m[r]) > RESCALE_SLACK ? row_max[r] : m[r];
#else
    const lane_f m_new = lane_max(m[r], row_max[r]);
#endif
    const lane_f origin = full ? m_new : row_origin(m_new), factor = rescaling(a, m[r], origin);
    m[r] = m_new;
    row_max[r] = origin;
    return factor;
}

#if LATE_SCALE
/* The origins of large scores are taken away before they are scaled, and are 0 then: see score_weight. */
INLINE void take_origins(ACC lane_f *S, ACC lane_f *origin, const struct span *rows, int cols)
{
    FOR_ROWS (r, rows) {
        FOR_COLS (c, cols)
            S[SCORE(r, c)] -= origin[r];
        origin[r] = 0.0f;
    }
}
#endif

/* Row r of S becomes P, and l moves on. */
INLINE void softmax_row(ACC lane_f *S, ACC lane_f *l, lane_f origin, lane_f factor, const struct call *a, int r,
                        int cols)
{
    const lane_f shift = weight_shift(a, origin);
    lane_f sum = 0.0f;
    FOR_COLS (c, cols) {
        const lane_f p = score_weight(a, S[SCORE(r, c)], shift);
        S[SCORE(r, c)] = p;
        sum += p;
    }
    l[r] = l[r] * factor + sum;
}

INLINE void rescale_output(ACC out_f *O, lane_f factor, int r)
{
    if (NEEDS_RESCALE(factor))
        FOR_OUT (x)
            O[OUT(r, x)] *= factor;
}

/* All rows of S, whose maxima in the tile are row_max, and O. */
INLINE void softmax_update(ACC lane_f *S, ACC out_f *O, ACC lane_f *m, ACC lane_f *l, ACC lane_f *row_max, bool large,
                           const struct call *a, const struct span *rows, int cols)
{
#if LATE_SCALE
    lane_f factor[ROWS];
    FOR_ROWS (r, rows)
        factor[r] = follow_maximum(m, row_max, a, false, r);
    if (large)
        take_origins(S, row_max, rows, cols);
    FOR_ROWS (r, rows) {
        softmax_row(S, l, row_max[r], factor[r], a, r, cols);
        rescale_output(O, factor[r], r);
    }
#else
    FOR_ROWS (r, rows) {
        const lane_f factor = follow_maximum(m, row_max, a, false, r);
        softmax_row(S, l, row_max[r], factor, a, r, cols);
        rescale_output(O, factor, r);
    }
#endif
}

/* By what sums move that were flushed (long_sums.cl), when m was `total_m`; 0 where none were yet. */
INLINE void total_weights(ACC lane_f *factor, const ACC lane_f *total_m, const ACC lane_f *m, const struct call *a,
                          bool begun, const struct span *rows)
{
    FOR_ROWS (r, rows)
        factor[r] = begun ? merge_weight(a, total_m[r], m[r]) : (lane_f)(0.0f);
}

INLINE void keep_rows(ACC lane_f *to, const ACC lane_f *from, const struct span *rows)
{
    FOR_ROWS (r, rows)
        to[r] = from[r];
}

/* What O is multiplied by in the end. O of a part of the keys stays as it is, and so does its m below. */
INLINE void output_factors(ACC lane_f *factor, const ACC lane_f *l, const struct span *rows)
{
    FOR_ROWS (r, rows)
        factor[r] = SPLIT ? (lane_f)(1.0f) : finish_output(l[r]);
}

/* m becomes L: after O has been stored, as both at once would take registers in the visit. */
INLINE void finish_rows(ACC lane_f *m, const ACC lane_f *l, const struct call *a, const struct span *rows)
{
    FOR_ROWS (r, rows)
        m[r] = SPLIT ? m[r] : finish_lse(a, m[r], l[r]);
}

#endif
