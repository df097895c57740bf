/* SPDX-License-Identifier: Apache-2.0 */
/* Merges softmax results over different keys, and finishes rows. The result of a row over some keys
 * is m, the largest score; l, the sum of the weights relative to m; and O, the sum of weights times
 * values. Needs lane_f, LANES and lane_exp2 (engine.cl). */
#ifndef MERGE_CL
#define MERGE_CL

#include "attention/args.h"

/* Scores are in units of |scale|. These two convert: a difference of scores to powers of two; a
 * score to natural units, plus a logarithm. */
INLINE lane_f powers_of_score(const struct call *a, lane_f difference)
{
    return difference * a->scale_log2;
}

INLINE lane_f score_and_log(const struct call *a, lane_f s, lane_f log)
{
    return fma(s, (lane_f)(fabs(a->scale)), log);
}

/* The origin of a row's scores for maximum m: m, or 0 before the first key, to avoid
 * -inf - (-inf). */
INLINE lane_f row_origin(lane_f m)
{
    return m == -INFINITY ? (lane_f)(0.0f) : m;
}

/* The factor that rescales sums from m to `origin`. */
INLINE lane_f rescaling(const struct call *a, lane_f m, lane_f origin)
{
    return lane_exp2(powers_of_score(a, m - origin));
}

/* The weight of a result with maximum m in a merge of results; `most`: their largest m. */
INLINE lane_f merge_weight(const struct call *a, lane_f m, lane_f most)
{
    return rescaling(a, m, row_origin(most));
}

#if LANES == 1
/* Merges m and l of `count` results of a row, `stride` apart. *m and *l hold one of these results
 * on entry, the merged one on return. Returns the merge weight of the entry result's O. */
INLINE float merge_row(float *m, float *l, const __local float *maxima, const __local float *sums, const int count,
                       const int stride, const struct call *a)
{
    float most = -INFINITY, sum = 0.0f;
    PRAGMA(unroll 8) for (int x = 0; x < count; ++x) most = fmax(most, maxima[x * stride]);
    PRAGMA(unroll 8)
    for (int x = 0; x < count; ++x)
        sum += sums[x * stride] * merge_weight(a, maxima[x * stride], most);
    const float weight = merge_weight(a, *m, most);
    *m = most;
    *l = sum;
    return weight;
}
#endif

/* The final factor of a row's O: 1 / l, or 0 for a row that sees no key. */
INLINE lane_f finish_output(lane_f l)
{
    return l == 0.0f ? (lane_f)(0.0f) : 1.0f / l;
}

/* L of a row. For a single key it is the score, rounded once. */
INLINE lane_f finish_lse(const struct call *a, lane_f m, lane_f l)
{
    return l == 0.0f ? (lane_f)(-INFINITY) : score_and_log(a, m, log2(l / a->headroom) * M_LN2_F);
}

#endif
