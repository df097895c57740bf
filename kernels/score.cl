/* Everything that happens to a score between Q K^T and the softmax, and to its derivative: scale and visibility. Code
 * here sees a query row i and a key j of the tile, never how an engine lays elements out. */
#ifndef SCORE_CL
#define SCORE_CL

#include "engine.cl"
#include "place.cl"

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

/* The score of x = (Q K^T)_ij in units of log2; -inf where j is hidden from i. */
INLINE lane_f score(const struct call *a, const struct edge *e, bool full, lane_f x, lane_i i, lane_i j)
{
    return unless_hidden(e, full, x * a->scale_log2, i, j);
}

/* P_ij from its score and the row's log-sum-exp in units of log2: +inf there makes it 0, whatever the score. */
INLINE lane_f probability(lane_f score, lane_f lse)
{
    return lane_exp2(score - lse);
}

/* For kernels that go from x = (Q K^T)_ij to P_ij at once: x where j is visible to i, otherwise what becomes no P. */
INLINE lane_f visible_product(const struct call *a, const struct edge *e, lane_f x, lane_i i, lane_i j)
{
    return visible(e, i, j) ? x : (lane_f)(a->scale_log2 < 0.0f ? INFINITY : -INFINITY);
}

/* P_ij from x in one multiply-add. */
INLINE lane_f product_probability(const struct call *a, lane_f x, lane_f lse)
{
    return lane_exp2(fma(x, a->scale_log2, -lse));
}

/* dS_ij, the derivative by the scaled score, of dP_ij = (dO V^T)_ij. A hidden score has none, even where dP is NaN. */
INLINE lane_f score_gradient(bool full, lane_f p, lane_f dp, lane_f delta)
{
    const lane_f ds = p * (dp - delta);
    return full ? ds : p == 0.0f ? (lane_f)(0.0f) : ds;
}

/* LSE in units of log2 as `probability` takes it: a row that sees nothing has -inf, and no P. */
INLINE lane_f lse_for_gradient(lane_f lse)
{
    return lse == -INFINITY ? (lane_f)(INFINITY) : lse * M_LOG2E_F;
}

#endif
