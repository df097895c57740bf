/* What the two gradient kernels of engine nvidia_wgmma share. A work-group is OWN / 64 consumers, warpgroups of 64 owner
 * rows each, and a producer, a warpgroup that brings tiles. It takes one owner tile after the other, and the producer is
 * ahead of the consumers, also into the next one. Tiles of the walked side pass through rings of stages. */
#ifndef GRADIENT_WGMMA_CL
#define GRADIENT_WGMMA_CL

#include "gradient.cl"

#if OWN > 128
#error "a work-group has the registers of two consumers"
#endif

#define WARPGROUP 128
/* Of a work-item: the producer's warps find out what is to be done, which takes more than copies do. */
#define TAKEN_REGISTERS 232
#define LEFT_REGISTERS 40

/* acc (64, WALK) = A B^T over `depth`: the consumer's 64 rows of an owner tile times a walked tile. */
#define SCORE_PRODUCT(acc, owner_rows, walked, depth)                                                                  \
    do {                                                                                                               \
        const uint a_tile = fresh(owner_rows), b_tile = walked;                                                        \
        FOR_UNROLLED (k, (depth) / 16)                                                                                 \
            WGMMA_LOCAL(WALK, B_ALONG_DEPTH, k > 0, acc, depth_slice(a_tile, OWN, k), depth_slice(b_tile, WALK, k));   \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* acc (64, depth) += A B: operand (64, WALK) in registers times a walked tile. */
#define OUTPUT_PRODUCT(acc, operand, walked, depth)                                                                    \
    do {                                                                                                               \
        FOR_UNROLLED (k, WALK / 16)                                                                                    \
            WGMMA_REGISTERS(depth, B_ALONG_COLUMNS, 1, acc, &(operand)[4 * k], row_slice(walked, WALK, k));            \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* With TURNS, a consumer has the tensor cores to itself for a while: the other computes probabilities. Barriers 1 and 2
 * tell consumers 0 and 1 that it is theirs. */
INLINE void first_turn(int consumer)
{
    if (TURNS && consumer == 1)
        pass_turn(1);
}

/* The turn that is left. */
INLINE void last_turn(int consumer)
{
    if (TURNS && consumer == 0)
        await_turn(1);
}

INLINE void my_turn(int consumer)
{
    if (TURNS)
        await_turn(1 + consumer);
}

INLINE void your_turn(int consumer)
{
    if (TURNS)
        pass_turn(2 - consumer);
}

/* A consumer is done with a stage of which `barrier` is the empty one. */
INLINE void leave_stage(uint barrier)
{
    if (get_local_id(0) % 32 == 0)
        barrier_arrive(barrier);
}

/* ---- owner tiles, one after the other ---- */

/* What is done with an owner tile. Of the walk, tiles full_begin to full_end - 1 need no predicate. */
struct work {
    int more;                     /* 0: there is no more work, nor anything else here */
    int first, head, batch, part; /* see struct place */
    int begin, tiles;             /* the walk's first row, and how many tiles it has; of each head of a group */
    int full_begin, full_end;
    int edge_keys, edge_diagonal; /* of the first tile */
};

/* One work-item finds it out and leaves it in local memory, in one of two places by turns, for the warps that read it;
 * and has the owner tiles brought, which consumers leave when their last scores are made. */
struct desk {
    __local struct work *works;
    uint work_full, work_empty, owners_full, owners_empty;
};
#define DESK_BARRIERS 6

INLINE void init_ring(uint full, uint empty, const int stages, const int fullers, const int readers)
{
    for (int i = 0; i < stages; ++i) {
        barrier_init(full + 8 * i, fullers);
        barrier_init(empty + 8 * i, readers);
    }
}

INLINE void make_desk(struct desk *d, __local struct work *works, uint barriers)
{
    d->works = works;
    d->work_full = barriers;
    d->work_empty = barriers + 16;
    d->owners_full = barriers + 32;
    d->owners_empty = barriers + 40;
}

/* `readers`: warps that read work. */
INLINE void init_desk(const struct desk *d, const int readers)
{
    init_ring(d->work_full, d->work_empty, 2, 1, readers);
    init_ring(d->owners_full, d->owners_empty, 1, 1, CONSUMER_ITEMS / 32);
}

/* The work at place `at`, when it is there. */
INLINE const __local struct work *await_work(const struct desk *d, const struct ring *at)
{
    barrier_wait(d->work_full + 8 * at->stage, at->parity);
    return d->works + at->stage;
}

/* A warp has read it. */
INLINE void leave_work(const struct desk *d, struct ring *at)
{
    warp_barrier();
    leave_stage(d->work_empty + 8 * at->stage);
    ring_next(at, 2);
}

/* Work is put down piece by piece: a producer has few registers, and what lies in local memory needs none. */
INLINE void settle(void)
{
    __asm__ volatile("" ::: "memory");
}

INLINE void put_place(__local struct work *w, const struct place *at)
{
    w->more = 1;
    w->first = (int)at->first;
    w->head = at->head;
    w->batch = at->batch;
    w->part = at->part;
    settle();
}

INLINE void put_range(__local struct work *w, const struct range *range)
{
    w->begin = (int)range->begin;
    w->tiles = (int)((range->end - range->begin + WALK - 1) / WALK);
    w->full_begin = (int)((range->full_begin - range->begin + WALK - 1) / WALK);
    w->full_end = (int)((range->full_end - range->begin) / WALK);
    settle();
}

/* Of the first tile, query rows from i and keys from j of `keys`. Edges of other tiles follow from it; lengths are below
 * 2^29, so that no diagonal overflows. Keys are not cut off at what a tile may need. */
INLINE void put_first_edge(__local struct work *w, const struct call *a, long i, long j, long keys,
                           const __global uchar *mask)
{
    struct edge e;
    find_edge(&e, a, i, j, keys, mask, 0, 0);
    w->edge_keys = (int)(keys - j);
    w->edge_diagonal = e.diagonal;
    settle();
}

/* The value of score columns 8 n + 2 (lane % 4) + 0, 1. */
INLINE float2 column_pair(const __local float *values, int n)
{
    return *(const __local float2 *)(values + 8 * n + (int)get_local_id(0) % 4 * 2);
}

/* Of a tile whose queries and keys are so much later. */
INLINE void later_edge(struct edge *e, const __local struct work *w, int queries, int keys)
{
    e->keys = w->edge_keys - keys;
    e->diagonal = w->edge_diagonal + queries - keys;
}

/* The producer may leave an edge beside the tile, in EDGE ints: then consumers need no registers for what it follows
 * from. */
#define EDGE 4

INLINE void put_edge(__local int *to, const struct edge *e, bool full)
{
    to[0] = full;
    to[1] = e->keys;
    to[2] = e->diagonal;
}

INLINE bool is_full_tile(const __local int *from)
{
    return from[0];
}

INLINE void get_edge(struct edge *e, const __local int *from)
{
    e->keys = from[1];
    e->diagonal = from[2];
}

/* Products of S that are hidden become what gives no P. */
INLINE void hide_products(float *S, const struct call *a, const struct edge *e, const bool rows_are_queries)
{
    FOR_UNROLLED (r, ROWS)
        FOR_UNROLLED (c, COLS) {
            const int i = rows_are_queries ? tile_row(r) : tile_col(c),
                      j = rows_are_queries ? tile_col(c) : tile_row(r);
            S[SCORE(r, c)] = visible_product(a, e, S[SCORE(r, c)], i, j);
        }
}

/* And where there is no P, there is no gradient, whatever dP is. */
INLINE void hide_gradients(float *dP, const float *P)
{
    FOR_UNROLLED (n, WALK / 2)
        dP[n] = P[n] == 0.0f ? 0.0f : dP[n];
}

/* data rows = factor * out; only elements that exist are written. */
INLINE void store_gradient(const float *out, float factor, __global stored *data, const struct layout *at, long first)
{
    struct span rows;
    float factors[ROWS];
    rows_in_use(&rows, at->count - first);
    FOR_ROWS (r, &rows)
        factors[r] = factor;
    store_output(out, factors, data, at, first, 0, &rows);
}

#endif
