/* SPDX-License-Identifier: Apache-2.0 */
/* The online softmax of a row tile (FlashAttention-2, Algorithm 1). Of each row: m the maximum of S so far, l the sum of
 * P = room exp2(unit (S - m)) as far as this work-item saw it. With RESCALE_SLACK m may stay behind the maximum by that
 * many powers of two.
 *
 * `room` is a power of two, and so changes no bit of a result: with it, a sum of P V over all keys is no larger than the
 * largest V, which float32 holds. P of a row's largest score is `room` exactly. */
#ifndef SOFTMAX_CL
#define SOFTMAX_CL

#include "score.cl"

/* Where an engine's exponential scales S and takes m away in one multiply-add (LATE_SCALE), scale m is rounded: too coarsely
 * where scores are large, in powers of two; up to here P of the maximum is within 2^-14 of 1, and 1 in 16 bits. */
#define LARGE_SCORE 1024.0f

/* Scores the tile and gives the maximum of each row. Returns whether this work-item has a row with a large score. */
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
        large = large || (fabs(most * a->unit) > LARGE_SCORE && (full || most != -INFINITY));
#endif
    }
    return large;
}

/* What a row's S are taken relative to, for m: keeps -inf - (-inf) out where there was no key yet. */
INLINE lane_f row_origin(lane_f m)
{
    return m == -INFINITY ? (lane_f)(0.0f) : m;
}

/* By what sums move that were relative to m, when they become relative to `origin`. */
INLINE lane_f rescaling(const struct call *a, lane_f m, lane_f origin)
{
    return lane_exp2((m - origin) * a->unit);
}

/* Whether m follows the tile's maximum. */
INLINE lane_i is_left_behind(const struct call *a, lane_f m, lane_f row_max)
{
    return RESCALE_SLACK == 0.0f ? row_max > m : (row_max - m) * a->unit > RESCALE_SLACK;
}

#if LATE_SCALE

/* Large scores are made relative to m beforehand. */
INLINE void take_origins(ACC lane_f *S, const ACC lane_f *m, const ACC lane_f *row_max, const struct call *a,
                         const struct span *rows, int cols)
{
    FOR_ROWS (r, rows) {
        const lane_f origin = row_origin(lane_max(m[r], row_max[r]));
        FOR_COLS (c, cols)
            S[SCORE(r, c)] -= origin;
    }
}

/* Row r of S becomes P; returns the sum over its columns. */
INLINE lane_f row_weights(ACC lane_f *S, lane_f origin, bool large, const struct call *a, int r, int cols)
{
    const lane_f shift = fma(large ? 0.0f : origin, a->unit, -a->room_log2);
    lane_f sum = 0.0f;
    FOR_COLS (c, cols) {
        const lane_f p = lane_exp2(fma(S[SCORE(r, c)], a->unit, -shift));
        S[SCORE(r, c)] = p;
        sum += p;
    }
    return sum;
}

#else

#define take_origins(S, m, row_max, a, rows, cols) ((void)0)

INLINE lane_f row_weights(ACC lane_f *S, lane_f origin, bool large, const struct call *a, int r, int cols)
{
    lane_f sum = 0.0f;
    FOR_COLS (c, cols) {
        const lane_f p = lane_weight((S[SCORE(r, c)] - origin) * a->unit, a);
        S[SCORE(r, c)] = p;
        sum += p;
    }
    return sum;
}

#endif

/* Row r of S becomes P for the new m, and l moves to it. Returns by what O moves. `large`: take_origins was called. */
INLINE lane_f softmax_row(ACC lane_f *S, ACC lane_f *m, ACC lane_f *l, lane_f row_max, bool large, const struct call *a,
                          int r, int cols)
{
    const lane_f m_new = is_left_behind(a, m[r], row_max) ? row_max : m[r];
    const lane_f origin = row_origin(m_new);
    const lane_f rescale = rescaling(a, m[r], origin);
    l[r] = l[r] * rescale + row_weights(S, origin, large, a, r, cols);
    m[r] = m_new;
    return rescale;
}

/* All rows of S, and O. */
INLINE void softmax_update(ACC lane_f *S, ACC out_f *O, ACC lane_f *m, ACC lane_f *l, const ACC lane_f *row_max,
                           bool large, const struct call *a, const struct span *rows, int cols)
{
    if (large)
        take_origins(S, m, row_max, a, rows, cols);
    FOR_ROWS (r, rows) {
        const lane_f rescale = softmax_row(S, m, l, row_max[r], large, a, r, cols);
        if (NEEDS_RESCALE(rescale))
            FOR_OUT (x)
                O[OUT(r, x)] *= rescale;
    }
}

/* By what sums move that were settled (long_sums.cl), when m was `settled_m`; 0 where none were yet. */
INLINE void settled_weights(ACC lane_f *factor, const ACC lane_f *settled_m, const ACC lane_f *m, const struct call *a,
                            bool begun, const struct span *rows)
{
    FOR_ROWS (r, rows)
        factor[r] = begun ? rescaling(a, settled_m[r], row_origin(m[r])) : (lane_f)(0.0f);
}

INLINE void keep_rows(ACC lane_f *to, const ACC lane_f *from, const struct span *rows)
{
    FOR_ROWS (r, rows)
        to[r] = from[r];
}

/* What a row's O is multiplied by in the end: nothing remains of a row that saw no key. */
INLINE lane_f row_factor(lane_f l)
{
    return l == 0.0f ? (lane_f)(0.0f) : 1.0f / l;
}

/* L of a row: of one key alone it is the score, rounded once. */
INLINE lane_f row_lse(const struct call *a, lane_f m, lane_f l)
{
    return l == 0.0f ? (lane_f)(-INFINITY) : fma(m, (lane_f)(fabs(a->scale)), log2(l / a->room) * M_LN2_F);
}

#endif
