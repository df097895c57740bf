/* SPDX-License-Identifier: Apache-2.0 */
/* Merges softmax results over different keys, and finishes rows. The result of a row over some keys
 * is m, the largest score; l, the sum of the weights relative to m; and O, the sum of weights times
 * values. Needs lane_f, LANES and lane_exp2 (engine.cl). */
#ifndef MERGE_CL
#define MERGE_CL

#include "attention/args.h"
#include "attention/args_list.h"

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

#if HAS_IF_MAX_LOGIT
/* The largest score of a row in natural units; -inf for a row that sees no key. */
INLINE lane_f finish_max_logit(const struct call *a, lane_f m)
{
    return score_and_log(a, m, (lane_f)(0.0f));
}
#endif

#if HAS_IF_SINKS
/* The sink of a row is one more score, without a key. Sums then are relative to the larger of m and
 * the sink, so that no weight exceeds 1; `lead`: the sink minus m, in natural units. The sink is
 * never converted to units of |scale|, where it could overflow. */
INLINE lane_f sink_lead(const struct call *a, lane_f m, lane_f sink)
{
    return score_and_log(a, -row_origin(m), sink);
}

INLINE lane_f weight_of_keys(lane_f lead)
{
    return lane_exp2(-fmax(lead, (lane_f)(0.0f)) * M_LOG2E_F);
}

INLINE lane_f sum_with_sink(const struct call *a, lane_f l, lane_f lead)
{
    return l * weight_of_keys(lead) + a->headroom * lane_exp2(fmin(lead, (lane_f)(0.0f)) * M_LOG2E_F);
}

/* finish_output and finish_lse of a row with a sink; without keys, L is the sink. The weight of m
 * in l is `headroom`. */
INLINE lane_f finish_output_with_sink(const struct call *a, lane_f m, lane_f l, lane_f sink)
{
    const lane_f lead = sink_lead(a, m, sink);
    return l == 0.0f ? (lane_f)(0.0f) : weight_of_keys(lead) / sum_with_sink(a, l, lead);
}

INLINE lane_f finish_lse_with_sink(const struct call *a, lane_f m, lane_f l, lane_f sink)
{
    const lane_f lead = sink_lead(a, m, sink), log = log2(sum_with_sink(a, l, lead) / a->headroom) * M_LN2_F;
    const lane_f lse = lead > 0.0f ? sink + log : score_and_log(a, m, log);
    return l == 0.0f ? sink : lse;
}
#endif

#endif
