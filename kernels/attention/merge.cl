/* SPDX-License-Identifier: Apache-2.0 */
/* What the softmax knows of a row after some keys: m, the largest score, l, the sum of the weights relative to it, and O,
 * the sum of weights times values. Here is how results over different keys become one, and what the row ends as. Before
 * it: lane_f, LANES and lane_exp2 (engine.cl). */
#ifndef MERGE_CL
#define MERGE_CL

#include "attention/args.h"

/* Scores are in units of |scale|: a difference of two in powers of two; and a score plus a natural logarithm. */
INLINE lane_f powers_of_score(const struct call *a, lane_f difference)
{
    return difference * a->scale_log2;
}

INLINE lane_f score_and_log(const struct call *a, lane_f s, lane_f log)
{
    return fma(s, (lane_f)(fabs(a->scale)), log);
}

/* What a row's scores are taken relative to, for m: keeps -inf - (-inf) out where there was no key yet. */
INLINE lane_f row_origin(lane_f m)
{
    return m == -INFINITY ? (lane_f)(0.0f) : m;
}

/* By what sums move that were relative to m, when they become relative to `origin`. */
INLINE lane_f rescaling(const struct call *a, lane_f m, lane_f origin)
{
    return lane_exp2(powers_of_score(a, m - origin));
}

/* What l and O of a result with this m count where it is merged with others, of which the largest m is `most`. */
INLINE lane_f merge_weight(const struct call *a, lane_f m, lane_f most)
{
    return rescaling(a, m, row_origin(most));
}

#if LANES == 1
/* Merges m and l of `count` results of a row, which lie `apart` from each other, into *m and *l, which were one of
 * them. Returns what the O of that one counts. */
INLINE float merge_row(float *m, float *l, const __local float *maxima, const __local float *sums, const int count,
                       const int stride, const struct call *a)
{
    float most = -INFINITY, sum = 0.0f;
    PRAGMA(unroll 8) for (int x = 0; x < count; ++x) most = fmax(most, maxima[x * stride]);
    PRAGMA(unroll 8)
    for (int x = 0; x < count; ++x) sum += sums[x * stride] * merge_weight(a, maxima[x * stride], most);
    const float weight = merge_weight(a, *m, most);
    *m = most;
    *l = sum;
    return weight;
}
#endif

/* The end of a row: what O is multiplied by, as nothing remains of a row that saw no key. */
INLINE lane_f finish_output(lane_f l)
{
    return l == 0.0f ? (lane_f)(0.0f) : 1.0f / l;
}

/* And L, which of one key alone is the score, rounded once. */
INLINE lane_f finish_lse(const struct call *a, lane_f m, lane_f l)
{
    return l == 0.0f ? (lane_f)(-INFINITY) : score_and_log(a, m, log2(l / a->headroom) * M_LN2_F);
}

#endif
