/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_mma`: work-groups of WARPS warps, products by the matrix instructions of NVIDIA GPUs from sm_80 on, for
 * types of 16 bits. A warp has ROW_BLOCKS blocks of 16 stationary rows; accumulators are as fragments.cl says, and P is an
 * operand as it lies in registers.
 *
 * Tiles lie in local memory as rows of stored elements, in depth steps of 8, which ldmatrix reads. Chunks are permuted within
 * a row, so that the same chunk of 8 neighbouring rows lies in different banks. Both streamed tiles have two buffers: one
 * is multiplied while the other is filled.
 *
 * Local memory in bytes: 2 D TILE_ROWS a stationary tile, 4 TILE_COLS max(D, Dv) each of the two streamed ones, and 8 TILE_COLS each of LSE
 * and delta where keys are stationary rows. */
#ifndef ENGINE_NVIDIA_MMA_CL
#define ENGINE_NVIDIA_MMA_CL

#if !defined(WARPS)
#error "WARPS must be given with -D"
#endif
#if TILE_ROWS % (16 * WARPS) || !STATIONARY_RESIDENT
#error "16 WARPS must divide TILE_ROWS, whose tile stays"
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

/* Chunks are permuted in runs of 8, or of 4 or 2 where their number has no more such factors. */
#define RUN(chunks) ((chunks) % 8 == 0 ? 8 : (chunks) % 4 == 0 ? 4 : 2)

/* First element of chunk `chunk` of a row of `chunks`. */
INLINE int tile_element(const int chunks, int row, int chunk)
{
    const int run = RUN(chunks), permuted = chunk % run ^ row / (8 / run) % run;
    return (row * chunks + chunk - chunk % run + permuted) * 8;
}

/* The same of row first + row and chunk depth + chunk, in two parts: one that is the same for all lanes, and one of few
 * values, so that most of an address is a constant. `first` is a multiple of 16, `depth` of 2. */
INLINE int tile_corner(const int chunks, int first, int depth)
{
    return (first * chunks + depth - depth % RUN(chunks)) * 8;
}

INLINE int past_corner(const int chunks, int depth, int row, int chunk)
{
    return tile_element(chunks, row, depth % RUN(chunks) + chunk);
}

/* What lane names to read 16 rows, 16 elements deep: as the left operand, or transposed as the right one of two products
 * side by side. */
INLINE int rows_first(int lane, const int chunks, int depth)
{
    return past_corner(chunks, depth, lane % 16, lane / 16);
}

/* And as they are, as the right operand of two products side by side. */
INLINE int depth_first(int lane, const int chunks, int depth)
{
    return past_corner(chunks, depth, lane / 16 * 8 + lane % 8, lane / 8 % 2);
}

#endif
