/* SPDX-License-Identifier: Apache-2.0 */
/* Which part of the pass a work-group computes, and which tiles it must walk. */
#ifndef PLACE_CL
#define PLACE_CL

#include "attention/rows.cl"

struct place {
    int slice;  /* of the output's depth */
    int part;   /* of the keys */
    long first; /* first owner row of the tile */
    int head;   /* query passes: first query head of the tile; key passes: key head */
    int batch;
};

/* Work-groups are numbered slice of `depth` first, then part of the keys, tile, head block, batch. With causality the
 * last query tiles see most keys: they start first, so that no long tile is left over at the end. */
INLINE void find_place_of(struct place *p, const struct call *a, long group, const int depth, const int parts,
                          long rows, int heads, int heads_per_block, bool last_first)
{
    const int slices = (depth + SLICE - 1) / SLICE;
    const long tiles = (rows + OWN - 1) / OWN;
    const int blocks = heads / heads_per_block;
    p->slice = (int)(group % slices);
    group /= slices;
    p->part = (int)(group % parts);
    group /= parts;
    const long tile = group % tiles;
    p->first = (last_first ? tiles - 1 - tile : tile) * OWN;
    group /= tiles;
    p->head = (int)(group % blocks) * heads_per_block;
    p->batch = (int)(group / blocks);
}

INLINE void find_place(struct place *p, const struct call *a, const int depth, const int parts, long rows, int heads,
                       int heads_per_block, bool last_first)
{
    const long group = a->first_group + (long)get_group_id(0);
    find_place_of(p, a, group, depth, parts, rows, heads, heads_per_block, last_first);
}

/* Key position of query 0. */
INLINE long diagonal_offset(const struct call *a, long keys)
{
    return a->bottom_right ? keys - a->N : a->offset;
}

/* Walked rows begin .. end - 1 are visited; a tile inside full_begin .. full_end - 1 needs no predicate. */
struct range {
    long begin, end, full_begin, full_end;
};

INLINE bool is_full(const struct range *range, long t)
{
    return MASK == 0 && t >= range->full_begin && t + WALK <= range->full_end;
}

/* Keys that the query rows first .. first + OWN - 1 see, of `keys` that exist. */
INLINE void visible_keys(struct range *range, const struct call *a, long first, long keys)
{
    range->begin = range->full_begin = 0;
    range->end = range->full_end = keys;
    if (a->causal) {
        const int heads = packed_heads(a);
        const long offset = diagonal_offset(a, keys);
        const long last = min(first + OWN, a->N * heads) - 1;
        range->end = clamp(last / heads + offset + 1, 0L, keys);
        range->full_end = clamp(first / heads + offset + 1, 0L, keys);
    }
}

/* Cuts the range down to one of `parts` parts of whole tiles, none more than a tile longer than another. Parts are of
 * what is visible: where that is little, some are empty. */
INLINE void take_part(struct range *range, int part, int parts)
{
    const long tiles = (range->end - range->begin + WALK - 1) / WALK, each = tiles / parts, more = tiles % parts;
    const long before = part * each + min((long)part, more), count = each + (part < more ? 1 : 0);
    range->begin += before * WALK;
    range->end = min(range->end, range->begin + count * WALK);
}

/* Query rows that see any of the keys first .. first + OWN - 1, of `keys` that exist. */
INLINE void seeing_queries(struct range *range, const struct call *a, long first, long keys)
{
    const int heads = packed_heads(a);
    const long rows = a->N * heads;
    range->begin = range->full_begin = 0;
    range->end = first < keys ? rows : 0;
    range->full_end = first + OWN > keys ? 0 : rows;
    if (a->causal) {
        const long offset = diagonal_offset(a, keys);
        range->begin = clamp(first - offset, 0L, a->N) * heads;
        range->full_begin = clamp(first + OWN - 1 - offset, 0L, a->N) * heads;
    }
}

#endif
