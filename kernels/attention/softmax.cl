/* SPDX-License-Identifier: Apache-2.0 */
/* The online softmax of a row tile (FlashAttention-2, Algorithm 1). For each row: m, the maximum of
 * S so far; l, the sum of P = headroom exp2(scale_log2 (S - m)) over the scores that this work-item
 * has. With RESCALES_LATE, rescaling is skipped until the maximum grows by more than RESCALE_SLACK
 * powers of two, unless the largest logit is wanted: m then is the maximum itself.
 *
 * `headroom` is a power of two, which changes no bit of a result. With it, a sum of P V over all
 * keys is no larger than the largest V, which float32 holds. P of a row's largest score is
 * `headroom`: exactly where scores are large or LATE_SCALE is 0, else up to the rounding of m
 * scale_log2 (see score_weight), which the end of a row takes back (largest_weight). */
#ifndef SOFTMAX_CL
#define SOFTMAX_CL

#include "attention/merge.cl"
#include "attention/score.cl"
#include "attention/sinks.cl"

#if HAS_IF_SOFTCAP
INLINE void cap_products(ACC lane_f *S, const struct call *a, const struct span *rows, int cols)
{
    BY_BEND (bent, S, a, rows, cols)
        FOR_ROWS (r, rows)
            FOR_COLS (c, cols)
                S[SCORE(r, c)] = capped(a, S[SCORE(r, c)], bent);
}
#endif

/* Turns the tile's products into scores, and sets row_max to the maximum of each row. Returns
 * whether this work-item has large scores (see score_weight). */
INLINE bool softmax_scores(ACC lane_f *S, ACC lane_f *row_max, const struct call *a, const struct edge *e, bool full,
                           const struct span *rows, int cols)
{
    bool large = false;
#if HAS_IF_SOFTCAP
    cap_products(S, a, rows, cols);
#endif
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
        /* In an edge tile, -inf is a row of hidden keys, and not large. */
        large |= fabs(most) > a->large && (full || most != -INFINITY);
#endif
    }
    return large;
}

/* Updates m of row r from row_max, the tile's maximum, and replaces row_max by the shift of the row's
 * S (weight_shift). Returns the factor that rescales l and O. */
INLINE lane_f follow_maximum(ACC lane_f *m, ACC lane_f *row_max, const struct call *a, bool full, int r)
{
#if RESCALES_LATE && !HAS_IF_MAX_LOGIT
    const lane_f m_new = powers_of_score(a, row_max[r] - m[r]) > RESCALE_SLACK ? row_max[r] : m[r];
#else
    const lane_f m_new = lane_max(m[r], row_max[r]);
#endif
    const lane_f origin = full ? m_new : row_origin(m_new), factor = rescaling(a, m[r], origin);
    m[r] = m_new;
    row_max[r] = weight_shift(a, origin);
    return factor;
}

#if LATE_SCALE
/* Subtracts m from large scores before they are scaled, and sets the shifts to those of a score of
 * 0: see score_weight. */
INLINE void take_origins(ACC lane_f *S, const ACC lane_f *m, ACC lane_f *shift, const struct call *a,
                         const struct span *rows, int cols)
{
    FOR_ROWS (r, rows) {
        const lane_f origin = row_origin(m[r]);
        FOR_COLS (c, cols)
            S[SCORE(r, c)] -= origin;
        shift[r] = shift_from(a, origin, shift[r]);
    }
}
#endif

/* Replaces row r of S by P, and updates l. */
INLINE void softmax_row(ACC lane_f *S, ACC lane_f *l, lane_f shift, lane_f factor, const struct call *a, int r,
                        int cols)
{
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

/* Replaces all rows of S by P, and updates O, m and l. row_max: the rows' maxima in the tile. */
INLINE void softmax_update(ACC lane_f *S, ACC out_f *O, ACC lane_f *m, ACC lane_f *l, ACC lane_f *row_max, bool large,
                           const struct call *a, const struct span *rows, int cols)
{
#if LATE_SCALE
    lane_f factor[ROWS];
    FOR_ROWS (r, rows)
        factor[r] = follow_maximum(m, row_max, a, false, r);
    if (large)
        take_origins(S, m, row_max, a, rows, cols);
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

/* Factors that rescale totals (long_sums.cl) from `total_m` to m; 0 before the first flush. */
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

/* P of a score m over `headroom`: 1 up to the rounding of score_weight. */
INLINE lane_f largest_weight(const struct call *a, lane_f m)
{
#if LATE_SCALE
    return lane_exp2(-shift_from(a, m, weight_shift(a, m))) / a->headroom;
#else
    return (lane_f)(1.0f);
#endif
}

/* Final factors of O: 1 / l, l with the row's sink. With SPLIT, O is a partial result, of weights
 * relative to that of m. */
INLINE void output_factors(ACC lane_f *factor, const ACC lane_f *m, const ACC lane_f *l, const struct call *a,
                           const struct span *rows SINK_PARAMETERS)
{
#if HAS_IF_SINKS && !SPLIT
    FOR_ROWS (r, rows) {
        const lane_f weight = largest_weight(a, m[r]);
        factor[r] = finish_output_with_sink(a, m[r], l[r] / weight, row_sink(given, a, job, r)) / weight;
    }
#else
    FOR_ROWS (r, rows)
        factor[r] = SPLIT ? 1.0f / largest_weight(a, m[r]) : finish_output(l[r]);
#endif
}

#if HAS_IF_WHOLE_MAX_LOGIT
/* Sets `logit` to the largest logits, which m is before finish_rows. They are stored before O, as
 * registers then hold neither L nor factors. */
INLINE void largest_logits(ACC lane_f *logit, const ACC lane_f *m, const struct call *a, const struct span *rows)
{
    FOR_ROWS (r, rows)
        logit[r] = finish_max_logit(a, m[r]);
}
#endif

/* Replaces m by L, or with SPLIT l by its partial result. Not together with output_factors, as both
 * at once would take registers from the visit. */
INLINE void finish_rows(ACC lane_f *m, ACC lane_f *l, const struct call *a, const struct span *rows SINK_PARAMETERS)
{
    FOR_ROWS (r, rows) {
        l[r] /= largest_weight(a, m[r]);
#if HAS_IF_SINKS && !SPLIT
        m[r] = finish_lse_with_sink(a, m[r], l[r], row_sink(given, a, job, r));
#else
        if (!SPLIT)
            m[r] = finish_lse(a, m[r], l[r]);
#endif
    }
}

#endif
