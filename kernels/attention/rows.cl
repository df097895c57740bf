/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a tensor for one (batch, head). Query rows may be packed: with few queries a head, the
 * `heads` query heads of a group share a tile, and row r is query r / heads of head r % heads. */
#ifndef ROWS_CL
#define ROWS_CL

#include "attention/args.h"
#include "attention/storage.cl"

enum { MASK_NONE = 0, MASK_FULL = 1, MASK_PADDING = 2 }; /* MASK_PADDING: one row for all queries, hides whole keys */

struct layout {
    long origin;    /* first element of row 0 */
    long row, head; /* elements between rows, and between packed heads */
    long count;     /* rows that exist */
    int heads;      /* packed heads */
    int depth;      /* elements in a row */
};

/* A tensor's rows. `real`, of keys: mask bytes, 0 for padding. `lse`, of queries: L, -inf or with
 * sinks the sink for those that see no key. NULL: all rows are real. */
struct rows {
    const __global stored *data;
    struct layout at;
    long begin; /* rows before this one do not exist */
    const __global uchar *real;
    long real_column;
    const __global float *lse;
    struct layout lse_at;
#ifdef SINKS
    const __global float *sinks; /* of the first head */
    long sink_head;
#endif
    bool quads; /* all rows are aligned to, and a multiple of, vectors of four elements */
};

/* One float32 a row, LSE or delta; `otherwise` for rows that do not exist. `tile`: see COL_TILE. */
struct stats {
    const __global float *data;
    struct layout at;
    float otherwise;
    __local float *tile;
};

INLINE bool has_quads(const __global stored *data, const struct layout *at)
{
    return ((size_t)(data + at->origin) & (4 * sizeof(stored) - 1)) == 0 && at->row % 4 == 0 && at->depth % 4 == 0;
}

INLINE long row_offset(const struct layout *at, long r)
{
#if PACKED
    return at->origin + (r / at->heads) * at->row + (r % at->heads) * at->head;
#else
    return at->origin + r * at->row;
#endif
}

/* Whether the strides of rows are multiples of `elements`. */
INLINE bool rows_apart_by(const struct layout *at, int elements)
{
#if PACKED
    return at->row % elements == 0 && at->head % elements == 0;
#else
    return at->row % elements == 0;
#endif
}

/* Whether all rows are aligned to 16 bytes, and a whole number of vec16 long. */
INLINE bool has_vec16(const __global stored *data, const struct layout *at)
{
    return ((size_t)(data + at->origin) & 15) == 0 && rows_apart_by(at, VEC16) && at->depth % VEC16 == 0;
}

/* Whether row r is r times the row stride from row 0. */
INLINE bool rows_in_line(const struct layout *at)
{
#if PACKED
    return at->heads == 1;
#else
    return true;
#endif
}

/* L of a query that sees no key: -inf, or its sink. With sinks a query that sees keys may have the same L, rounded:
 * the sum of its P is then below 2^-24 |L|, and taking it for one that sees none loses no more. */
#ifdef SINKS
INLINE float lse_unseeing(const struct rows *t, long r)
{
#if PACKED
    return t->sinks[r % t->lse_at.heads * t->sink_head];
#else
    return *t->sinks;
#endif
}
#else
#define lse_unseeing(t, r) -INFINITY
#endif

INLINE bool row_exists(const struct rows *t, long r)
{
    if ((ROWS_BEGIN_LATE && r < t->begin) || r >= t->at.count)
        return false;
#if MASK == 2
    if (t->real)
        return t->real[r * t->real_column] != 0;
#endif
#if MASK || defined(BIAS)
    if (t->lse)
        return t->lse[row_offset(&t->lse_at, r)] != lse_unseeing(t, r);
#endif
    return true;
}

/* Whether some of the `count` rows may not exist. */
INLINE bool has_padding(const struct rows *t)
{
    return t->begin || t->real || t->lse;
}

/* Number of keys of batch b: its length, clamped to 0..M. */
INLINE long key_count(const struct call *a, const __global int *kv_lengths, int b)
{
    if (!a->has_kv_lengths)
        return a->M;
    return clamp((long)kv_lengths[a->kv_lengths + b * a->kv_lengths_stride], 0L, a->M);
}

/* Number of queries of batch b. Not a member of struct job, where it would hold two registers
 * throughout a visit. */
INLINE long query_count(const struct call *a, int b)
{
    return a->N;
}

/* Query heads that share a tile. */
INLINE int packed_heads(const struct call *a)
{
    return PACKED ? a->pack : 1;
}

/* Rows of query heads head .. head + pack - 1, with N queries each. */
INLINE void query_layout(struct layout *at, const struct call *a, const struct view *v, int b, int head, long N,
                         int depth)
{
    at->origin = v->offset + b * v->batch + head * v->head;
    at->row = v->row;
    at->head = v->head;
    at->count = N * a->pack; /* packed_heads(a) makes nvidia_mma's forward a tenth slower: bench/NOTES.md */
    at->heads = a->pack;
    at->depth = depth;
}

/* Rows of one key head; `count` of them exist. */
INLINE void key_layout(struct layout *at, const struct view *v, int b, int head, int depth, long count)
{
    at->origin = v->offset + b * v->batch + head * v->head;
    at->row = v->row;
    at->head = 0;
    at->count = count;
    at->heads = 1;
    at->depth = depth;
}

#ifdef DLSE
/* delta of row r, from its sum of dO O. L depends on a score by P, so that dS = P (dP - sum + dlse):
 * the row's gradient of L is a part of delta. */
INLINE float with_dlse(float sum, const __global float *dlse, const struct layout *at, long r)
{
    return sum - dlse[row_offset(at, r)];
}
#endif

INLINE void query_rows(struct rows *t, const __global stored *data, const struct call *a, const struct view *v, int b,
                       int head, long N, int depth)
{
    query_layout(&t->at, a, v, b, head, N, depth);
    t->data = data;
    t->begin = 0;
    t->quads = !PACKED && has_quads(data, &t->at);
    t->real = 0;
    t->real_column = 0;
    t->lse = 0;
}

INLINE void key_rows(struct rows *t, const __global stored *data, const struct view *v, int b, int head, int depth,
                     long count)
{
    key_layout(&t->at, v, b, head, depth, count);
    t->data = data;
    t->begin = 0;
    t->quads = has_quads(data, &t->at);
    t->real = 0;
    t->real_column = 0;
    t->lse = 0;
}

#ifdef SINKS
/* Where the sink of a query head is in the kernel's argument sink. */
INLINE long sink_place(const struct call *a, int head)
{
    return a->sink.offset + head * a->sink.head;
}
#define SINK_OF_ROWS , const __global float *sink
#define GIVE_SINK(sink) , sink
#else
#define SINK_OF_ROWS
#define GIVE_SINK(sink)
#endif

/* Makes t's queries that see no key read as 0, for passes that sum over queries. Of the visited
 * queries, only a mask or a bias can hide all keys. */
INLINE void blank_unseeing(struct rows *t, const struct call *a, const __global float *lse, int b, int head,
                           long N SINK_OF_ROWS)
{
#if MASK || defined(BIAS)
    t->lse = lse;
    query_layout(&t->lse_at, a, &a->lse, b, head, N, 1);
#ifdef SINKS
    t->sinks = sink + sink_place(a, head);
    t->sink_head = a->sink.head;
#endif
#endif
}

/* Makes the padding among t's keys read as 0: keys that the mask of query head `head` hides from
 * all queries. */
INLINE void blank_padding(struct rows *t, const struct call *a, const __global uchar *mask, int b, int head)
{
#if MASK == 2
    t->real = mask + a->mask.offset + b * a->mask.batch + head * a->mask.head;
    t->real_column = a->mask_column;
#endif
}

#endif
