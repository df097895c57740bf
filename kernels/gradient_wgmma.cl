/* What the two gradient kernels of engine nvidia_wgmma share. A work-group is OWN / 64 consumers, warpgroups of 64 owner
 * rows each, and a producer, a warpgroup that brings tiles. Tiles of the walked side pass through rings of stages. */
#ifndef GRADIENT_WGMMA_CL
#define GRADIENT_WGMMA_CL

#include "gradient.cl"

#if OWN % 64 || WALK % 16 || D_PAD % 16 || DV_PAD % 16
#error "64 must divide OWN, 16 WALK, D_PAD and DV_PAD"
#endif
#if !defined(TAKE) || !defined(LEAVE)
#error "TAKE and LEAVE, registers of a consumer and of the producer, must be given with -D"
#endif

#define WARPGROUP 128
#define CONSUMERS (OWN / 64)
#define WG_SIZE (WARPGROUP * (CONSUMERS + 1))
#define CONSUMER_WARPS (4 * CONSUMERS)
#define BARRIER(barriers, n) (local_address(barriers) + 8 * (n))

/* acc (64, WALK) = A B^T over `depth`: the consumer's 64 rows of an owner tile times a walked tile. */
#define SCORE_PRODUCT(acc, owner_rows, walked, depth)                                                                  \
    do {                                                                                                               \
        FOR_UNROLLED (k, (depth) / 16)                                                                                 \
            WGMMA_LOCAL(WALK, B_ALONG_DEPTH, k > 0, acc, depth_slice(owner_rows, OWN, k), depth_slice(walked, WALK, k)); \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* acc (64, depth) += A B: operand (64, WALK) in registers times a walked tile. */
#define OUTPUT_PRODUCT(acc, operand, walked, depth)                                                                    \
    do {                                                                                                               \
        FOR_UNROLLED (k, WALK / 16)                                                                                    \
            WGMMA_REGISTERS(depth, B_ALONG_COLUMNS, 1, acc, &(operand)[4 * k], row_slice(walked, WALK, k));            \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* Two consumers take turns on the tensor cores: one computes probabilities while the other's products are made. */
INLINE void first_turn(int consumer)
{
    if (CONSUMERS == 2 && consumer == 1)
        pass_turn(1);
}

INLINE void last_turn(int consumer)
{
    if (CONSUMERS == 2 && consumer == 0)
        pass_turn(2);
}

INLINE void my_turn(int consumer)
{
    if (CONSUMERS == 2)
        await_turn(1 + consumer);
}

INLINE void your_turn(int consumer)
{
    if (CONSUMERS == 2)
        pass_turn(2 - consumer);
}

/* A consumer is done with a stage of which `barrier` is the empty one. */
INLINE void leave_stage(uint barrier)
{
    if (get_local_id(0) % 32 == 0)
        barrier_arrive(barrier);
}

/* What work-items of a warp wrote to local memory, all of them see. */
INLINE void meet_warp(void)
{
    __asm__ volatile("bar.warp.sync 0xffffffff;" ::: "memory");
}

/* The value of score columns 8 n + 2 (lane % 4) + 0, 1. */
INLINE float2 column_pair(const __local float *values, int n)
{
    return *(const __local float2 *)(values + 8 * n + (int)get_local_id(0) % 4 * 2);
}

INLINE void init_ring(uint full, uint empty, const int stages, const int full_count)
{
    for (int i = 0; i < stages; ++i) {
        barrier_init(full + 8 * i, full_count);
        barrier_init(empty + 8 * i, CONSUMER_WARPS);
    }
}

/* Where a tile stands against the edges of what is visible. The producer leaves it in EDGE ints beside the tile, so
 * that consumers need no registers for what it follows from. `first` is the edge of the walk's first tile, and this
 * one's queries are `later`; lengths are below 2^30, so that no diagonal overflows. */
#define EDGE 4

INLINE void put_edge(__local int *to, const struct edge *first, int later, bool full)
{
    to[0] = full;
    to[1] = first->keys;
    to[2] = first->diagonal + later;
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
            const int i = rows_are_queries ? tile_row(r) : tile_col(c), j = rows_are_queries ? tile_col(c) : tile_row(r);
            S[SCORE(r, c)] = visible_product(a, e, S[SCORE(r, c)], i, j);
        }
}

/* And where there is no P, there is no gradient, whatever dP is. */
INLINE void hide_gradients(float *dP, const float *P)
{
    FOR_UNROLLED (n, WALK / 2)
        dP[n] = P[n] == 0.0f ? 0.0f : dP[n];
}

/* data rows = factor * acc (64, depth) of each consumer; only elements that exist are written. */
INLINE void store_rows(const float *acc, const int depth, float factor, __global stored *data,
                       const struct layout *at, long first)
{
    const bool pairs = ((size_t)(data + at->origin) & 3) == 0 && at->row % 2 == 0 && at->depth % 2 == 0;
    FOR_UNROLLED (r, 2) {
        const long row = first + tile_row(r);
        if (row < at->count) {
            __global stored *const to = data + row_offset(at, row);
            FOR_UNROLLED (n, depth / 8) {
                const int d = 8 * n + (int)get_local_id(0) % 4 * 2;
                const float x = acc[4 * n + 2 * r] * factor, y = acc[4 * n + 2 * r + 1] * factor;
                if (pairs && d < at->depth)
                    *(__global uint *)(to + d) = pack_pair(x, y);
                if (!pairs && d < at->depth)
                    STORE(to, d, x);
                if (!pairs && d + 1 < at->depth)
                    STORE(to, d + 1, y);
            }
        }
    }
}

#endif
