/* SPDX-License-Identifier: Apache-2.0 */
/* What the two gradient kernels of engine nvidia_wgmma share. A work-group is TILE_ROWS / 64 consumers, warpgroups of 64 stationary side
 * rows each, and a producer, a warpgroup that brings tiles. Tiles of the streamed side pass through rings of stages. */
#ifndef GRADIENT_WGMMA_CL
#define GRADIENT_WGMMA_CL

#include "attention/gradient.cl"

#define WARPGROUP 128

/* acc (64, TILE_COLS) = A B^T over `depth`: the consumer's 64 rows of a stationary tile times a streamed tile. */
#define SCORE_PRODUCT(acc, stationary_rows, streamed, depth)                                                           \
    do {                                                                                                               \
        const uint a_tile = opaque(stationary_rows), b_tile = streamed;                                                \
        FOR_UNROLLED (k, (depth) / 16)                                                                                 \
            WGMMA_LOCAL(TILE_COLS, B_ALONG_DEPTH, k > 0, acc, out_block_depth(a_tile, TILE_ROWS, k),                   \
                        out_block_depth(b_tile, TILE_COLS, k));                                                        \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* acc (64, depth) += A B: operand (64, TILE_COLS) in registers times a streamed tile. */
#define OUTPUT_PRODUCT(acc, operand, streamed, depth)                                                                  \
    do {                                                                                                               \
        FOR_UNROLLED (k, TILE_COLS / 16)                                                                               \
            WGMMA_REGISTERS(depth, B_ALONG_COLUMNS, 1, acc, &(operand)[4 * k], row_slice(streamed, TILE_COLS, k));     \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* With PINGPONG, a consumer has the tensor cores to itself for a while: the other computes probabilities. Barriers 1 and 2
 * tell consumers 0 and 1 that it is theirs. */
INLINE void first_turn(int consumer)
{
    if (PINGPONG && consumer == 1)
        pass_turn(1);
}

/* The turn that is left. */
INLINE void last_turn(int consumer)
{
    if (PINGPONG && consumer == 0)
        await_turn(1);
}

INLINE void my_turn(int consumer)
{
    if (PINGPONG)
        await_turn(1 + consumer);
}

INLINE void your_turn(int consumer)
{
    if (PINGPONG)
        pass_turn(2 - consumer);
}

/* Where there is no P there is no gradient: of dS, or of the dP that it is made of. */
INLINE void hide_gradients(float *x, const float *P)
{
    FOR_UNROLLED (n, TILE_COLS / 2)
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
