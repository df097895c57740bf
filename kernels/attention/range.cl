/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys a query sees by lengths, causality and window: for whole tiles, and for a tile's rows
 * and columns. No other file decides that; a limit on a batch's first key would belong here too. N
 * and M are those of the batch; query rows may be packed (rows.cl). */
#ifndef RANGE_CL
#define RANGE_CL

#include "attention/engine.cl"
#include "attention/parameters.cl"
#include "attention/position.cl"

/* Whether later queries see more keys. Their tiles are then scheduled first, so that no long tile
 * runs alone at the end. */
INLINE bool last_see_most(const struct call *a)
{
    return a->causal;
}

/* ---- whole tiles ---- */

/* Streamed rows begin .. end - 1 are visited, 0 <= begin <= end. A tile inside full_begin ..
 * full_end - 1 is full: it needs no predicate. These two may have any value; if full_begin >=
 * full_end, no tile is full. */
struct range {
    long begin, end, full_begin, full_end;
};

INLINE bool is_full(const struct range *range, long t)
{
    return MASK == 0 && t >= range->full_begin && t + TILE_COLS <= range->full_end;
}

/* begin .. end - 1: keys that any of the query rows first .. first + rows - 1 sees; full_begin ..
 * full_end - 1: keys that all of them see. */
INLINE void visible_keys(struct range *range, const struct call *a, long N, long M, long first, const int rows)
{
    range->begin = range->full_begin = 0;
    range->end = range->full_end = M;
    if (a->causal) {
        const int heads = packed_heads(a);
        const long offset = last_offset(a, N, M);
        const long last = min(first + rows, N * heads) - 1;
        range->end = clamp(last / heads + offset + 1, 0L, M);
        range->full_end = clamp(first / heads + offset + 1, 0L, M);
    }
#if WINDOW
    if (a->window_begins) {
        const int heads = packed_heads(a);
        const long offset = first_offset(a, N, M);
        const long last = min(first + rows, N * heads) - 1;
        range->begin = clamp(first / heads + offset, 0L, range->end);
        range->full_begin = clamp(last / heads + offset, 0L, M);
    }
#endif
#if HAS_IF_BIAS
    range->full_end = range->full_begin; /* its -inf may hide any pair */
#endif
}

/* begin .. end - 1: query rows that see any of the keys first .. first + TILE_ROWS - 1; full_begin
 * .. full_end - 1: query rows that see all of them. */
INLINE void seeing_queries(struct range *range, const struct call *a, long N, long M, long first)
{
    const int heads = packed_heads(a);
    const long rows = N * heads;
    range->begin = range->full_begin = 0;
    range->end = first < M ? rows : 0;
    range->full_end = first + TILE_ROWS > M ? 0 : rows;
    if (a->causal) {
        const long offset = last_offset(a, N, M);
        range->begin = clamp(first - offset, 0L, N) * heads;
        range->full_begin = clamp(first + TILE_ROWS - 1 - offset, 0L, N) * heads;
    }
#if WINDOW
    if (a->window_begins) {
        const long offset = first_offset(a, N, M);
        range->end = min(range->end, clamp(min(first + TILE_ROWS, M) - offset, 0L, N) * heads);
        range->full_end = min(range->full_end, clamp(first + 1 - offset, 0L, N) * heads);
    }
    range->begin = min(range->begin, range->end);
#endif
#if HAS_IF_BIAS
    range->full_end = range->full_begin;
#endif
}

/* Reduces the range to split `split` of `splits`, in whole tiles; the lengths of splits differ by
 * one tile at most. Only visible keys are split: if they are few, some splits are empty. */
INLINE void take_split(struct range *range, int split, int splits)
{
    const long tiles = (range->end - range->begin + TILE_COLS - 1) / TILE_COLS, each = tiles / splits,
               more = tiles % splits;
    const long before = split * each + min((long)split, more), count = each + (split < more ? 1 : 0);
    range->begin += before * TILE_COLS;
    range->end = min(range->end, range->begin + count * TILE_COLS);
}

/* A range in tiles, counted from streamed row `begin` of tiles_of. Tiles first .. end - 1 are
 * visited; of these, full_first .. full_end - 1 are full. */
struct tiles {
    int first, end, full_first, full_end;
};

INLINE void tiles_of(struct tiles *tiles, const struct range *range, long begin)
{
    tiles->first = (int)((range->begin - begin) / TILE_COLS);
    tiles->end = (int)((range->end - begin + TILE_COLS - 1) / TILE_COLS);
    tiles->full_first = (int)((range->full_begin - begin + TILE_COLS - 1) / TILE_COLS);
    tiles->full_end = (int)((range->full_end - begin) / TILE_COLS);
}

INLINE bool is_full_tile(const struct tiles *tiles, int t)
{
    return t >= tiles->full_first && t < tiles->full_end;
}

/* ---- rows and columns of a tile ---- */

/* Whether scores depend on the tile's position even in full tiles. */
#define FULL_HAS_EDGE HAS_IF_ALIBI

/* The position of a score tile, and the edges of visibility inside it. Row i of the tile is query
 * (phase + i) / heads of packed head (phase + i) % heads, counted from the tile's first query. */
struct edge {
    int batch, head;            /* of the tile; head: the first of packed ones */
    long query, key;            /* first query and first key of the tile */
    int keys;                   /* number of existing keys from `key` on */
    int diagonal;               /* key j is visible to query i if j <= i + diagonal */
    int window;                 /* and if j >= i + window */
    int heads, phase;           /* of packed rows */
    int queries;                /* number of existing queries from `query` on */
    const __global uchar *mask; /* mask of element (0, 0) of the tile; strides of queries, packed heads and keys */
    long mask_row, mask_head, mask_column;
#if HAS_IF_ALIBI
    long ahead;                   /* key position of the first query, minus `key` */
    const __global float *slopes; /* slope of `head` */
    lane_f step;                  /* see alibi_step; unused with packed heads */
#endif
#if HAS_IF_BIAS
    const __global stored *bias;
    long bias_at; /* its element (0, 0) of the tile */
    long bias_row, bias_head, bias_column;
#endif
};

/* Change of x = Q K^T for each position between query and key. */
INLINE lane_f alibi_step(const struct call *a, lane_f slope)
{
    return clamp(-slope / a->scale, -FLT_MAX, FLT_MAX);
}

/* Sets the edge's ALiBi members; batch, head, query and key must be set. */
INLINE void find_alibi(struct edge *e, const struct call *a, long offset, const struct score_inputs *given)
{
#if HAS_IF_ALIBI
    e->ahead = e->query + offset - e->key;
    e->slopes = given->alibi + a->alibi.offset + e->batch * a->alibi.batch + e->head * a->alibi.head;
    e->step = PACKED ? (lane_f)(0.0f) : alibi_step(a, (lane_f)(*e->slopes));
#endif
}

#if HAS_IF_BIAS
/* Sets the edge's bias; batch, head, query and key must be set. */
INLINE void find_bias(struct edge *e, const struct call *a, const struct score_inputs *given)
{
    e->bias = given->bias;
    e->bias_row = a->bias.row;
    e->bias_head = a->bias.head;
    e->bias_column = a->bias_column;
    e->bias_at = a->bias.offset + e->batch * a->bias.batch + e->head * a->bias.head + e->query * a->bias.row +
                 e->key * a->bias_column;
}
#endif

/* The edge of the tile of query rows from i0 and keys from j0. `head`: the first query head. */
INLINE void find_edge(struct edge *e, const struct call *a, int b, int head, long N, long M, long i0, long j0,
                      const struct score_inputs *given)
{
    const int heads = packed_heads(a);
    const long query = i0 / heads;
    e->batch = b;
    e->head = head;
    e->query = query;
    e->key = j0;
    e->keys = (int)min(M - j0, (long)TILE_COLS + TILE_ROWS);
    e->diagonal = INT_MAX / 2;
    if (a->causal)
        e->diagonal = (int)clamp(query + last_offset(a, N, M) - j0, -(long)(INT_MAX / 2), (long)(INT_MAX / 2));
#if WINDOW
    e->window = -(INT_MAX / 2);
    if (a->window_begins)
        e->window = (int)clamp(query + first_offset(a, N, M) - j0, -(long)(INT_MAX / 2), (long)(INT_MAX / 2));
#endif
    e->heads = heads;
    e->phase = (int)(i0 % heads);
    e->queries = (int)min(N - query, (long)TILE_COLS + TILE_ROWS);
    e->mask_row = a->mask.row;
    e->mask_head = a->mask.head;
    e->mask_column = a->mask_column;
    e->mask = given->mask + a->mask.offset + b * a->mask.batch + head * a->mask.head + query * a->mask.row +
              j0 * a->mask_column;
    find_alibi(e, a, diagonal_offset(a, N, M), given);
#if HAS_IF_BIAS
    find_bias(e, a, given);
#endif
}

/* The tile's first query row that sees its first key by the diagonal; it may be past the tile's
 * rows. */
INLINE int first_seeing(const struct edge *e)
{
    return max(clamp(-e->diagonal, 0, TILE_ROWS + TILE_COLS) * e->heads - e->phase, 0);
}

/* How many of the tile's TILE_ROWS keys its last query row sees by the diagonal. */
INLINE int keys_seen(const struct edge *e)
{
    return clamp(min(e->queries - 1, (e->phase + TILE_COLS - 1) / e->heads) + min(e->diagonal, TILE_ROWS) + 1, 0,
                 TILE_ROWS);
}

/* The edge of a visit's first tile, computed once in 64 bits; later_edge derives the others. For
 * schedules without packed heads and masks. Lengths are below 2^29, so no diagonal overflows.
 * `keys` is not limited to what one tile needs. */
INLINE void find_first_edge(struct edge *e, const struct call *a, int b, int head, long N, long M, long i, long j,
                            const struct score_inputs *given)
{
    find_edge(e, a, b, head, N, M, i, j, given);
    e->keys = (int)(M - j);
#if HAS_IF_BIAS
    e->queries = (int)(N - i);
#endif
}

/* The edge of a tile `queries` and `keys` after the first one. */
INLINE void later_edge(struct edge *e, const struct edge *first, int queries, int keys)
{
    e->batch = first->batch;
    e->head = first->head;
    e->query = first->query + queries;
    e->key = first->key + keys;
    e->keys = first->keys - keys;
    e->diagonal = first->diagonal + queries - keys;
#if WINDOW
    e->window = first->window + queries - keys;
#endif
#if HAS_IF_ALIBI
    e->ahead = first->ahead + queries - keys;
    e->slopes = first->slopes;
    e->step = first->step;
#endif
#if HAS_IF_BIAS
    e->queries = first->queries - queries;
    e->bias = first->bias;
    e->bias_row = first->bias_row;
    e->bias_column = first->bias_column;
    e->bias_head = first->bias_head;
    e->bias_at = first->bias_at + queries * first->bias_row + keys * first->bias_column;
#endif
}

/* An edge passed from warp to warp in local memory, in KEPT_EDGE ints: the edges of visibility in
 * the tile. Other members follow from the tile's absolute indices. For schedules without packed
 * heads and masks. */
#define KEPT_EDGE 3

INLINE void keep_edge(__local int *to, const struct edge *e)
{
    to[0] = e->keys;
    to[1] = e->diagonal;
#if WINDOW
    to[2] = e->window;
#endif
}

INLINE void kept_edge(struct edge *e, const __local int *from, const struct call *a, int b, int head, long query,
                      long key, const struct score_inputs *given)
{
    e->batch = b;
    e->head = head;
    e->query = query;
    e->key = key;
    e->keys = from[0];
    e->diagonal = from[1];
#if WINDOW
    e->window = from[2];
#endif
    find_alibi(e, a, diagonal_offset(a, query_count(a, b), key + e->keys), given);
#if HAS_IF_BIAS
    e->queries = (int)(query_count(a, b) - query);
    find_bias(e, a, given);
#endif
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

/* Nonzero where query row `row` of the tile sees its key j. */
INLINE lane_i visible(const struct edge *e, lane_i row, lane_i j)
{
    const lane_i i = query_of_row(e, row);
#if !MASK && !PACKED && !WINDOW
    return j < min(i + e->diagonal + 1, (lane_i)(e->keys));
#else
    lane_i seen = (j < e->keys) & (j <= i + e->diagonal); /* takes no register a row: they are scarce here */
#if WINDOW
    seen = seen & (j >= i + e->window);
#endif
#if MASK
    seen = seen & (gather_mask(e->mask, min(i, (lane_i)(e->queries - 1)), e->mask_row, head_of_row(e, row),
                               e->mask_head, min(j, (lane_i)(e->keys - 1)), e->mask_column) != 0);
#endif
    return seen;
#endif
}

#endif
