/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the two gradient kernels of engine nvidia_wgmma. A work-group is TILE_ROWS / 64
 * consumers, warpgroups with 64 stationary rows each, and a producer, a warpgroup that loads tiles.
 * Streamed tiles pass through rings of stages. */
#ifndef GRADIENT_WGMMA_CL
#define GRADIENT_WGMMA_CL

#include "attention/gradient.cl"

#define WARPGROUP 128

/* Issues acc (64, TILE_COLS) = A B^T over `depth`: the consumer's 64 rows of a stationary tile
 * times a streamed tile. */
#define SCORE_PRODUCT(acc, stationary_rows, streamed, depth)                                                           \
    do {                                                                                                               \
        const uint a_tile = opaque(stationary_rows), b_tile = streamed;                                                \
        FOR_UNROLLED (k, (depth) / 16)                                                                                 \
            WGMMA_LOCAL(TILE_COLS, B_ALONG_DEPTH, k > 0, acc, depth_descriptor(a_tile, TILE_ROWS, k),                  \
                        depth_descriptor(b_tile, TILE_COLS, k));                                                       \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* Issues acc (64, depth) += A B: operand (64, TILE_COLS) in registers times a streamed tile. */
#define OUTPUT_PRODUCT(acc, operand, streamed, depth)                                                                  \
    do {                                                                                                               \
        FOR_UNROLLED (k, TILE_COLS / 16)                                                                               \
            WGMMA_REGISTERS(depth, B_ALONG_COLUMNS, 1, acc, &(operand)[4 * k],                                         \
                            row_descriptor(streamed, TILE_COLS, k));                                                   \
        WGMMA_COMMIT();                                                                                                \
    } while (0)

/* With PINGPONG, one consumer has the tensor cores while the other computes probabilities. Barriers
 * 1 and 2 give consumers 0 and 1 their turns. */
INLINE void first_turn(int consumer)
{
    if (PINGPONG && consumer == 1)
        pass_turn(1);
}

/* The last turn, not yet awaited. */
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

/* Makes dS, or the dP that it is computed from, 0 where P is 0. */
INLINE void hide_gradients(float *x, const float *P)
{
    FOR_UNROLLED (n, TILE_COLS / 2)
        x[n] = unless_without(P[n], x[n]);
}

/* data rows = factor * out, for keys; only elements that exist are written. */
INLINE void store_gradient(const float *out, float factor, __global stored *data, const struct layout *at, long first)
{
    const struct span rows = {0, ROWS};
    float factors[ROWS];
    FOR_ROWS (r, &rows)
        factors[r] = factor;
    store_output(out, factors, 0, data, at, first, 0, &rows);
}

#endif
