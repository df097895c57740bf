/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_mma`: work-groups of WARPS warps, products by the matrix instructions of NVIDIA
 * GPUs from sm_80 on, for 16-bit types. A warp has ROW_BLOCKS blocks of 16 stationary rows.
 * fragments.cl has the layout of accumulators. P is an operand straight from the registers of the
 * accumulator.
 *
 * Tiles in local memory are rows of stored elements in chunks of 8; ldmatrix reads chunks. Chunks
 * are permuted within a row, so that the same chunk of 8 neighbouring rows is in different banks.
 * Each streamed tile has two buffers: one is multiplied while the other is filled.
 *
 * Local memory in bytes: 2 D TILE_ROWS for each stationary tile, 4 TILE_COLS max(D, Dv) for each of
 * the two streamed ones, and 8 TILE_COLS each for LSE and delta if keys are stationary. */
#ifndef ENGINE_NVIDIA_MMA_CL
#define ENGINE_NVIDIA_MMA_CL

#if !defined(WARPS)
#error "WARPS must be given with -D"
#endif
#if TILE_ROWS % (16 * WARPS) || !STATIONARY_RESIDENT
#error "16 WARPS must divide TILE_ROWS, and STATIONARY_RESIDENT must be 1"
#endif
#define WG_SIZE (32 * WARPS)
#define ROW_BLOCKS (TILE_ROWS / (16 * WARPS))
#define STATIONARY_WARP ((int)get_local_id(0) / 32)
#define COLUMNS TILE_COLS
#define FIRST_COLUMN 0
#define MAKES_DELTA

#include "engines/nvidia/nvidia_ptx.cl"

#include "engines/nvidia/fragments.cl"

typedef stored stationary_f;
#define BUFFER (TILE_COLS * MAX_PAD)
#define STREAMED_TILE(name) __local stored __attribute__((aligned(128))) name[2 * BUFFER]
#define SECOND_TILE(name, streamed_tile) STREAMED_TILE(name)
#define AHEAD_TILE(name, streamed_tile) STREAMED_TILE(name)
#define STATIONARY_TILE(name, depth, streamed_tile)                                                                    \
    __local stored __attribute__((aligned(128))) name[TILE_ROWS * (depth) + 2 * EXCHANGE_WORDS]
#define OPERAND_TILE(name, streamed_tile) EXCHANGE_TILE(name)
#define REDUCE_TILE(name) EXCHANGE_TILE(name)

/* Chunks are permuted in runs of 8, 4 or 2: the largest that divides their number. */
#define RUN(chunks) ((chunks) % 8 == 0 ? 8 : (chunks) % 4 == 0 ? 4 : 2)

/* Index of the first element of chunk `chunk` in row `row`, with `chunks` a row. */
INLINE int tile_element(const int chunks, int row, int chunk)
{
    const int run = RUN(chunks), permuted = chunk % run ^ row / (8 / run) % run;
    return (row * chunks + chunk - chunk % run + permuted) * 8;
}

/* tile_element of row first + row and chunk depth + chunk is the sum of these two. tile_corner is
 * the same for all lanes, and past_corner has few values, so most of an address is a constant.
 * `first` is a multiple of 16, `depth` of 2. */
INLINE int tile_corner(const int chunks, int first, int depth)
{
    return (first * chunks + depth - depth % RUN(chunks)) * 8;
}

INLINE int past_corner(const int chunks, int depth, int row, int chunk)
{
    return tile_element(chunks, row, depth % RUN(chunks) + chunk);
}

/* The offset that a lane gives ldmatrix for 16 rows, 16 elements deep: the left operand, or
 * transposed the right operands of two products side by side. */
INLINE int rows_first(int lane, const int chunks, int depth)
{
    return past_corner(chunks, depth, lane % 16, lane / 16);
}

/* The same for the right operands of two products side by side, not transposed. */
INLINE int depth_first(int lane, const int chunks, int depth)
{
    return past_corner(chunks, depth, lane / 16 * 8 + lane % 8, lane / 8 % 2);
}

#endif
