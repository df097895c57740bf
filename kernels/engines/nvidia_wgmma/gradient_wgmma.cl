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

/* Where there is no P there is no gradient: of dS, or of the dP that it is made of. */
INLINE void hide_gradients(float *x, const float *P)
{
    FOR_UNROLLED (n, WALK / 2)
        x[n] = unless_without(P[n], x[n]);
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
