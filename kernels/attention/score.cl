/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that happens to a score x = (Q K^T)_ij on its way to the softmax, and to the gradient dP_ij on its way back to
 * that of x: ALiBi, scale and visibility. Code here sees a query row i and a key j of the tile `e`, never how an engine lays
 * elements out, nor which of the two runs along its rows. In absolute numbers they are
 *
 *   batch e->batch, query head e->head + head_of_row(e, i), query e->query + query_of_row(e, i), key e->key + j
 *
 * `full`: every query of the tile sees every key, as ranges tell.
 *
 *   forward    score, of which the softmax takes the maximum; score_weight of it, which is P but for the row's sum
 *   backward   gradient_score, then probability, which is P; score_gradient, which is dS; gradient_scale times a sum of
 *              dS K or dS^T Q is the gradient
 *
 * Scores are x, with ALiBi, times scale. Where LATE_SCALE an engine relies on that: it keeps what scale is a factor of, and
 * scale comes with the multiply-add that the exponential needs. */
#ifndef SCORE_CL
#define SCORE_CL

#include "attention/engine.cl"
#include "attention/job.cl"

/* s; -inf where j is hidden from i. */
INLINE lane_f unless_hidden(const struct edge *e, bool full, lane_f s, lane_i i, lane_i j)
{
    return full ? s : visible(e, i, j) ? s : (lane_f)(-INFINITY);
}

/* x and what ALiBi adds to it, in units of scale: S loses slope |i + offset - j|. All passes do so by the same multiply-add
 * of the same distance, which is exact, or from 2^24 on rounded once, wherever a tile begins. */
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

/* Scores are kept in units of |scale|: S = +-x by the sign of the scale, x with ALiBi; -inf where j is hidden from i. A
 * weight follows from S - m, which is exact where scores are close, whatever their size. LATE_SCALE: the engine's
 * problems have a positive scale. */
INLINE lane_f score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    x = with_alibi(a, e, x, i, j);
#if !LATE_SCALE
    x *= copysign(1.0f, a->scale);
#endif
    return unless_hidden(e, full, x, i, j);
}

/* The weight of a score relative to `origin`, by the `shift` that follows from that. With LATE_SCALE, one multiply-add
 * scales S and takes away origin, which is scaled and rounded itself: too coarsely where scores are large (a->large).
 * There origin is taken away before, and is 0. */
#if LATE_SCALE

INLINE lane_f weight_shift(const struct call *a, lane_f origin)
{
    return fma(origin, a->scale_log2, -a->headroom_log2);
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

/* P_ij follows from gradient_score and the row's log-sum-exp, `lse` as lse_for_gradient gives it; it is 1 at most, as
 * rounding of large scores would have it larger. */
#if LATE_SCALE

/* x with ALiBi; -inf where j is hidden from i. */
INLINE lane_f gradient_score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    return unless_hidden(e, full, with_alibi(a, e, x, i, j), i, j);
}

/* In one multiply-add. */
INLINE lane_f probability(const struct call *a, lane_f x, lane_f lse)
{
    return lane_exp2(at_most_zero(fma(x, a->scale_log2, -lse)));
}

#define LSE_UNIT M_LOG2E_F

#else

/* Rounded as the forward rounds the score that is the whole of a row's log-sum-exp: then P is 1, whatever the score. A
 * compiler that made one multiply-add of the product and what is taken from it would undo that. */
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

/* A score without P has no gradient, even where dP is NaN. */
INLINE lane_f unless_without(lane_f p, lane_f ds)
{
    return p == 0.0f ? (lane_f)(0.0f) : ds;
}

/* dS_ij, the derivative by the scaled score, of dP_ij = (dO V^T)_ij. */
INLINE lane_f score_gradient(bool full, lane_f p, lane_f dp, lane_f delta)
{
    const lane_f ds = p * (dp - delta);
    return full ? ds : p == 0.0f ? (lane_f)(0.0f) : ds;
}

/* From dS to the gradient of x: the sums of dS K and dS^T Q are multiplied by it. */
INLINE float gradient_scale(const struct call *a)
{
    return a->scale;
}

/* LSE as `probability` takes it: a row that sees nothing has -inf; with +inf it has no P, whatever the score. */
INLINE lane_f lse_for_gradient(lane_f lse)
{
    return lse == -INFINITY ? (lane_f)(INFINITY) : lse * LSE_UNIT;
}

/* What a row's sum of dS K is multiplied by in the end: nothing remains of a row that saw no key. */
INLINE lane_f gradient_factor(const struct call *a, lane_f lse)
{
    return lse == INFINITY ? (lane_f)(0.0f) : (lane_f)(gradient_scale(a));
}

#endif
