/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that happens to a score between Q K^T and the softmax, and to its derivative: scale and visibility. Code
 * here sees a query row i and a key j of the tile, never how an engine lays elements out. */
#ifndef SCORE_CL
#define SCORE_CL

#include "attention/engine.cl"
#include "attention/place.cl"

/* A tile's position against the edges of what is visible. Row i of the tile is query (phase + i) / heads of packed head
 * (phase + i) % heads, counted from the tile's first query. */
struct edge {
    int keys;                   /* keys of the tile that exist */
    int diagonal;               /* key j is visible to query i while j <= i + diagonal */
    int heads, phase;           /* packed rows */
    int queries;                /* queries from the tile's first one to the last that exists */
    const __global uchar *mask; /* element (0, 0) of the tile, and elements between queries, packed heads and keys */
    long mask_row, mask_head, mask_column;
};

/* The tile of query rows from i0 and keys from j0, of `keys` that exist. `head` is the first query head. */
INLINE void find_edge(struct edge *e, const struct call *a, long i0, long j0, long keys, const __global uchar *mask,
                      int b, int head)
{
    const int heads = packed_heads(a);
    const long query = i0 / heads;
    e->keys = (int)min(keys - j0, (long)WALK + OWN);
    e->diagonal = INT_MAX / 2;
    if (a->causal)
        e->diagonal = (int)clamp(query + diagonal_offset(a, keys) - j0, -(long)(INT_MAX / 2), (long)(INT_MAX / 2));
    e->heads = heads;
    e->phase = (int)(i0 % heads);
    e->queries = (int)min(a->N - query, (long)WALK + OWN);
    e->mask_row = a->mask.row;
    e->mask_head = a->mask.head;
    e->mask_column = a->mask_column;
    e->mask =
        mask + a->mask.offset + b * a->mask.batch + head * a->mask.head + query * a->mask.row + j0 * a->mask_column;
}

/* The tile's first query row that sees its first key by the diagonal, as far as it has rows. */
INLINE int first_seeing(const struct edge *e)
{
    return max(clamp(-e->diagonal, 0, OWN + WALK) * e->heads - e->phase, 0);
}

/* Keys of the tile that its last query row sees by the diagonal. */
INLINE int keys_seen(const struct edge *e)
{
    return clamp(min(e->queries - 1, (e->phase + WALK - 1) / e->heads) + min(e->diagonal, OWN) + 1, 0, OWN);
}

INLINE lane_i query_of_row(const struct edge *e, lane_i row)
{
#if PACKED
    return (e->phase + row) / e->heads;
#else
    return row;
#endif
}

INLINE lane_i head_of_row(const struct edge *e, lane_i row)
{
#if PACKED
    return (e->phase + row) % e->heads;
#else
    return 0;
#endif
}

/* Nonzero where query row `row` of the tile may attend to key j of it. */
INLINE lane_i visible(const struct edge *e, lane_i row, lane_i j)
{
    const lane_i i = query_of_row(e, row);
#if !MASK && !PACKED
    return j < min(i + e->diagonal + 1, (lane_i)(e->keys));
#else
    lane_i seen = (j < e->keys) & (j <= i + e->diagonal); /* takes no register a row: here they are few */
#if MASK
    seen = seen & (gather_mask(e->mask, min(i, (lane_i)(e->queries - 1)), e->mask_row, head_of_row(e, row),
                               e->mask_head, min(j, (lane_i)(e->keys - 1)), e->mask_column) != 0);
#endif
    return seen;
#endif
}

/* s; -inf where j is hidden from i. */
INLINE lane_f unless_hidden(const struct edge *e, bool full, lane_f s, lane_i i, lane_i j)
{
    return full ? s : visible(e, i, j) ? s : (lane_f)(-INFINITY);
}

/* The forward keeps scores in units of |scale|: S = +-(Q K^T)_ij by the sign of the scale; -inf where j is hidden from i.
 * A weight follows from S - m, which is exact where scores are close, whatever their size. LATE_SCALE: the engine's
 * problems have a positive scale. */
INLINE lane_f score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
#if !LATE_SCALE
    x *= copysign(1.0f, a->scale);
#endif
    return unless_hidden(e, full, x, i, j);
}

/* P_ij of the backward follows from x = (Q K^T)_ij and the row's log-sum-exp, `lse` as lse_for_gradient gives it; it is
 * 1 at most, as rounding of large scores would have it larger. `gradient_score` is what `probability` takes. */
#if LATE_SCALE

/* x; -inf where j is hidden from i. */
INLINE lane_f gradient_score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    return unless_hidden(e, full, x, i, j);
}

/* In one multiply-add. */
INLINE lane_f probability(const struct call *a, lane_f x, lane_f lse)
{
    return lane_exp2(at_most_zero(fma(x, a->unit, -lse)));
}

#define LSE_UNIT M_LOG2E_F

#else

/* Rounded as the forward rounds the score that is the whole of a row's log-sum-exp: then P is 1, whatever the score. A
 * compiler that made one multiply-add of the product and what is taken from it would undo that. */
INLINE lane_f gradient_score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    return unless_hidden(e, full, scaled(x, a), i, j);
}

INLINE lane_f probability(const struct call *a, lane_f s, lane_f lse)
{
#pragma OPENCL FP_CONTRACT OFF
    return lane_exp2(at_most_zero((s - lse) * M_LOG2E_F));
}

#define LSE_UNIT 1.0f

#endif

/* dS_ij, the derivative by the scaled score, of dP_ij = (dO V^T)_ij. A hidden score has none, even where dP is NaN. */
INLINE lane_f score_gradient(bool full, lane_f p, lane_f dp, lane_f delta)
{
    const lane_f ds = p * (dp - delta);
    return full ? ds : p == 0.0f ? (lane_f)(0.0f) : ds;
}

/* LSE as `probability` takes it: a row that sees nothing has -inf; with +inf it has no P, whatever the score. */
INLINE lane_f lse_for_gradient(lane_f lse)
{
    return lse == -INFINITY ? (lane_f)(INFINITY) : lse * LSE_UNIT;
}

/* What a row's dQ is multiplied by in the end: nothing remains of a row that saw no key. */
INLINE lane_f gradient_factor(const struct call *a, lane_f lse)
{
    return lse == INFINITY ? (lane_f)(0.0f) : (lane_f)(a->scale);
}

#endif
