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
 * multiply-add before the exponential.
 *
 * A softcap and a bias are applied to x first (natural_score). The unit of what follows, a->scale,
 * is then the softcap, or 1 with a bias, and no code below differs. */
#ifndef SCORE_CL
#define SCORE_CL

#include "attention/engine.cl"
#include "attention/job.cl"

#if HAS_IF_SOFTCAP
/* tanh as a polynomial below this, where its relative error stays small; as an exponential above. */
#define TANH_BEND 0.375f

/* Whether a tile has a product at which tanh is not its polynomial. */
INLINE bool any_bent(const ACC lane_f *S, const struct call *a, const struct span *rows, int cols)
{
    lane_f most = 0.0f;
    FOR_ROWS (r, rows)
        FOR_COLS (c, cols)
            most = lane_max(most, fabs(S[SCORE(r, c)]));
    return any_lane(most * fabs(a->softcap_step) >= TANH_BEND);
}

/* Before a loop over a tile's products S: runs it with a constant `bent`. Few tiles are bent, and
 * the others need no exponential for tanh. An element gets the same bits either way. */
#define BY_BEND(bent, S, a, rows, cols)                                                                                \
    for (bool bends = any_bent(S, a, rows, cols), once = true; once; once = false)                                     \
        FOR_UNROLLED (bent, 2)                                                                                         \
            if (bends == (bent != 0))

/* (1 - tanh(size)) / 2, of full relative accuracy from TANH_BEND on. Any size is good: tanh is 1 in
 * float32 from 10 on. */
INLINE lane_f tanh_rest(lane_f size)
{
    const lane_f limited = size > 16.0f ? (lane_f)(16.0f) : size;
    return lane_reciprocal(1.0f + lane_exp2(limited * (2.0f * M_LOG2E_F)));
}

/* tanh of x in units of the softcap. Every sum is a multiply-add, or has no product to contract: all
 * passes get the same bits. */
INLINE lane_f capped(const struct call *a, lane_f x, const bool bent)
{
    const lane_f y = x * a->softcap_step, square = y * y;
    lane_f p = fma(square, (lane_f)(-0x1.8d3534p-5f), (lane_f)(0x1.102c70p-3f));
    p = fma(square, p, (lane_f)(-0x1.5552b6p-2f));
    p = fma(square * p, y, y);
    if (!bent)
        return p;
    const lane_f size = fabs(y), far = copysign(fma(tanh_rest(size), (lane_f)(-2.0f), (lane_f)(1.0f)), y);
    return size < TANH_BEND ? p : far;
}

/* The derivative of tanh there, which keeps its relative accuracy where it is small. */
INLINE lane_f capped_slope(const struct call *a, lane_f x, const bool bent)
{
    const lane_f t = capped(a, x, bent), slope = fma(-t, t, (lane_f)(1.0f));
    if (!bent)
        return slope;
    const lane_f size = fabs(x * a->softcap_step), rest = tanh_rest(size), far = 4.0f * rest * (1.0f - rest);
    return size < TANH_BEND ? slope : far;
}
#else
#define BY_BEND(bent, S, a, rows, cols)
#define capped(a, x, bent) x
#endif

#if HAS_IF_BIAS
/* The bias of a pair. That of a query that does not exist is 0: it may see keys that no query sees,
 * and an existing element there may be NaN. A key that does not exist is hidden later. */
INLINE lane_f bias_of(const struct call *a, const struct edge *e, lane_i i, lane_i j)
{
    const lane_i query = query_of_row(e, i);
    const lane_f bias = gather_bias(e->bias, e->bias_at, min(query, (lane_i)(e->queries - 1)), e->bias_row,
                                    head_of_row(e, i), e->bias_head, min(j, (lane_i)(e->keys - 1)), e->bias_column);
    return query < e->queries ? bias : (lane_f)(0.0f);
}
#endif

/* x, or with a softcap `capped`, in the unit of a->scale, with the bias. A bias of -inf hides the pair
 * even if x is NaN. */
#if HAS_IF_BIAS
INLINE lane_f natural_score(const struct call *a, const struct edge *e, lane_f x, lane_i i, lane_i j)
{
    const lane_f factor = HAS_IF_SOFTCAP ? a->softcap : a->product_scale, bias = bias_of(a, e, i, j);
    return bias == -INFINITY ? (lane_f)(-INFINITY) : fma(x, factor, bias);
}
#else
#define natural_score(a, e, x, i, j) x
#endif

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
    x = with_alibi(a, e, natural_score(a, e, x, i, j), i, j);
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

/* The score, or -inf where j is hidden from i. */
INLINE lane_f gradient_score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    return unless_hidden(e, full, with_alibi(a, e, natural_score(a, e, x, i, j), i, j), i, j);
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
    return unless_hidden(e, full, scaled(with_alibi(a, e, natural_score(a, e, x, i, j), i, j), a), i, j);
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

/* dS, or P, with the slope of the softcap at x, which a sum of dS K or dS^T Q needs. */
#if HAS_IF_SOFTCAP
INLINE lane_f product_gradient(const struct call *a, bool full, lane_f p, lane_f ds, lane_f x, const bool bent)
{
    const lane_f dx = ds * capped_slope(a, x, bent);
    return full ? dx : unless_without(p, dx);
}
#else
#define product_gradient(a, full, p, ds, x, bent) ds
#endif

/* The rest of the factor from the gradient of S to that of x, applied to these sums. */
INLINE float gradient_scale(const struct call *a)
{
#if HAS_IF_SOFTCAP || HAS_IF_BIAS
    return a->product_scale;
#else
    return a->scale;
#endif
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
