/* SPDX-License-Identifier: Apache-2.0 */
/* All steps from a product x = (Q K^T)_ij to the softmax, and from the gradient dP_ij back to that
 * of x: ALiBi, scale and visibility. This code sees a query row i and a key j of the tile `e`. It
 * depends neither on an engine's layout nor on which of i and j are the tile's rows. Their absolute
 * indices are
 *
 *   batch e->batch, query head e->head + head_of_row(e, i), query e->query + query_of_row(e, i),
 *   key e->key + j
 *
 * `full`: every query of the tile sees every key (struct range).
 *
 *   forward    score, for the row maximum; score_weight: P, before it is divided by the row's sum
 *   backward   gradient_score, then probability: P; score_gradient: dS; gradient_scale times a sum
 *              of dS K or dS^T Q is the gradient
 *
 * S is x, with ALiBi, times scale. With LATE_SCALE, an engine keeps x and applies the scale in the
 * multiply-add before the exponential. */
#ifndef SCORE_CL
#define SCORE_CL

#include "attention/engine.cl"
#include "attention/job.cl"

/* s, or -inf where j is hidden from i. */
INLINE lane_f unless_hidden(const struct edge *e, bool full, lane_f s, lane_i i, lane_i j)
{
    return full ? s : visible(e, i, j) ? s : (lane_f)(-INFINITY);
}

/* x plus its ALiBi term, in units of scale: S loses slope |i + offset - j|. All passes compute it
 * by the same multiply-add of the same distance. The distance is exact below 2^24 and rounded once
 * above, independent of where the tile begins. */
INLINE lane_f with_alibi(const struct call *a, const struct edge *e, lane_f x, lane_i i, lane_i j)
{
#if HAS_IF_ALIBI
    const long whole = (e->ahead + (1L << 21)) & -(1L << 22);
    const lane_i rest = (int)(e->ahead - whole) + query_of_row(e, i) - j;
    const lane_f step = PACKED ? alibi_step(a, gather_float(e->slopes, head_of_row(e, i), a->alibi.head)) : e->step;
    return fma(step, fabs(lane_sum(rest, (float)whole)), x);
#else
    return x;
#endif
}

/* ---- forward ---- */

/* Scores are in units of |scale|: S = x or -x, by the sign of the scale, x with ALiBi; -inf where j
 * is hidden from i. A weight is computed from S - m, which is exact for close scores, independent
 * of their size. With LATE_SCALE, the scale is positive. */
INLINE lane_f score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    x = with_alibi(a, e, x, i, j);
#if !LATE_SCALE
    x *= copysign(1.0f, a->scale);
#endif
    return unless_hidden(e, full, x, i, j);
}

/* score_weight: the weight of a score relative to `origin`, with shift = weight_shift(origin). With
 * LATE_SCALE, one multiply-add scales S and subtracts the scaled origin. That origin is rounded,
 * too coarsely for large scores (a->large): there origin is subtracted from S before, and
 * shift_from(origin) is the shift of what remains. The weight of `origin` itself is then the same
 * either way. */
#if LATE_SCALE

INLINE lane_f weight_shift(const struct call *a, lane_f origin)
{
    return fma(origin, a->scale_log2, -a->headroom_log2);
}

INLINE lane_f shift_from(const struct call *a, lane_f origin, lane_f shift)
{
    return fabs(origin) <= a->large ? -fma(origin, (lane_f)(a->scale_log2), -shift) : (lane_f)(-a->headroom_log2);
}

INLINE lane_f score_weight(const struct call *a, lane_f s, lane_f shift)
{
    return lane_exp2(fma(s, a->scale_log2, -shift));
}

#else

INLINE lane_f weight_shift(const struct call *a, lane_f origin)
{
    return origin;
}

INLINE lane_f score_weight(const struct call *a, lane_f s, lane_f shift)
{
    return lane_weight((s - shift) * a->scale_log2, a);
}

#endif

/* ---- backward ---- */

/* P_ij from gradient_score and the row's LSE, as lse_for_gradient returns it. P is limited to 1:
 * rounding of large scores could make it larger. */
#if LATE_SCALE

/* x with ALiBi, or -inf where j is hidden from i. */
INLINE lane_f gradient_score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    return unless_hidden(e, full, with_alibi(a, e, x, i, j), i, j);
}

/* One multiply-add scales x and subtracts lse. */
INLINE lane_f probability(const struct call *a, lane_f x, lane_f lse)
{
    return lane_exp2(at_most_zero(fma(x, a->scale_log2, -lse)));
}

#define LSE_UNIT M_LOG2E_F

#else

/* The score is scaled and rounded as in the forward's L (finish_lse): a row with a single key has
 * P = 1, independent of the score. A compiler that contracts the product and the subtraction of lse
 * into one multiply-add would break that. */
INLINE lane_f gradient_score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    return unless_hidden(e, full, scaled(with_alibi(a, e, x, i, j), a), i, j);
}

INLINE lane_f probability(const struct call *a, lane_f s, lane_f lse)
{
#pragma OPENCL FP_CONTRACT OFF
    return lane_exp2(at_most_zero((s - lse) * M_LOG2E_F));
}

#define LSE_UNIT 1.0f

#endif

/* Where P is 0 the gradient is 0, even if dP is NaN. */
INLINE lane_f unless_without(lane_f p, lane_f ds)
{
    return p == 0.0f ? (lane_f)(0.0f) : ds;
}

/* dS_ij, the gradient of the scaled score, from dP_ij = (dO V^T)_ij. */
INLINE lane_f score_gradient(bool full, lane_f p, lane_f dp, lane_f delta)
{
    const lane_f ds = p * (dp - delta);
    return full ? ds : p == 0.0f ? (lane_f)(0.0f) : ds;
}

/* The factor from the gradient of S to that of x, applied to the sums of dS K and dS^T Q. */
INLINE float gradient_scale(const struct call *a)
{
    return a->scale;
}

/* LSE in the units of `probability`. A row that sees no key has LSE -inf; it becomes +inf, so that
 * P is 0 for any score. */
INLINE lane_f lse_for_gradient(lane_f lse)
{
    return lse == -INFINITY ? (lane_f)(INFINITY) : lse * LSE_UNIT;
}

/* The final factor of a row's sum of dS K: 0 for a row that sees no key. */
INLINE lane_f gradient_factor(const struct call *a, lane_f lse)
{
    return lse == INFINITY ? (lane_f)(0.0f) : (lane_f)(gradient_scale(a));
}

#endif
