/* SPDX-License-Identifier: Apache-2.0 */
/* What the two gradient kernels of engine nvidia_wgmma share. A work-group is OWN / 64 consumers, warpgroups of 64 owner
 * rows each, and a producer, a warpgroup that brings tiles. Tiles of the walked side pass through rings of stages. */
#ifndef GRADIENT_WGMMA_CL
#define GRADIENT_WGMMA_CL

#include "attention/gradient.cl"

#define WARPGROUP 128

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

/* Edges are found once, for the first tile of a walk, in 64 bits; those of other tiles follow from it. Lengths are below
 * 2^29, so that no diagonal overflows. Here keys are not cut off at what a tile may need. */
INLINE void find_first_edge(struct edge *e, const struct call *a, long i, long j, long keys, const __global uchar *mask)
{
    find_edge(e, a, i, j, keys, mask, 0, 0);
    e->keys = (int)(keys - j);
}

/* Of a tile whose queries and keys are so much later. */
INLINE void later_edge(struct edge *e, const struct edge *first, int queries, int keys)
{
    e->keys = first->keys - keys;
    e->diagonal = first->diagonal + queries - keys;
}

/* Products of S that are hidden become what gives no P. */
INLINE void hide_products(float *S, const struct call *a, const struct edge *e, const bool rows_are_queries)
{
    FOR_UNROLLED (r, ROWS)
        FOR_UNROLLED (c, COLS) {
            const int i = rows_are_queries ? tile_row(r) : tile_col(c),
                      j = rows_are_queries ? tile_col(c) : tile_row(r);
            S[SCORE(r, c)] = gradient_score(a, e, false, S[SCORE(r, c)], i, j);
        }
}

/* And where there is no P, there is no gradient, whatever dP is. */
INLINE void hide_gradients(float *dP, const float *P)
{
    FOR_UNROLLED (n, WALK / 2)
        dP[n] = P[n] == 0.0f ? 0.0f : dP[n];
}

/* data rows = factor * out, of keys; only elements that exist are written. */
INLINE void store_gradient(const float *out, float factor, __global stored *data, const struct layout *at, long first)
{
    const struct span rows = {0, ROWS};
    float factors[ROWS];
    FOR_ROWS (r, &rows)
        factors[r] = factor;
    store_output(out, factors, 0, data, at, first, 0, &rows);
}

#endif
