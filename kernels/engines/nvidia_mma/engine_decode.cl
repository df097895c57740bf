/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_mma` for tiles with few stationary rows, as in decoding. This is a separate
 * schedule (forward_decode_mma.cl): each key is used little, so loading takes all the time. The
 * WARPS warps of a work-group share one block of 16 rows, TILE_ROWS of them in use. A warp has
 * COLUMNS of the TILE_COLS keys, with separate m, l and O, which are merged at the end.
 *
 * Operands are loaded from global memory straight into the registers where products read them, in
 * vec16. A product's sum may run over the depth, or over keys, in any order that both operands
 * share, and columns of O may be any depth. Lane l has, with a = l % 4 and g = l / 4,
 *
 *   Q, K    of rows g and g + 8, and of the g-th of each eight keys, vectors a + 4 i. The first two
 *           words of a vector are the lane's share of one product over 16 of the depth, the other
 *           two of the next
 *   V       of keys 2 a, 2 a + 1, 2 a + 8 and 2 a + 9 of each sixteen, vectors g + 8 i. Element x
 *           of a vector is column g of product 8 i + x: words of two neighbouring keys give one
 *           operand word for an even x and one for an odd x
 *   O       of rows g and g + 8, depth 64 i + 16 a + 0..15: columns 2 a and 2 a + 1 of product
 *           8 i + x
 *
 * Local memory in bytes: 4 WARPS TILE_ROWS (DV_PAD + 6), for O, m and l of each warp. */
#ifndef ENGINE_DECODE_MMA_CL
#define ENGINE_DECODE_MMA_CL

#if !defined(WARPS)
#error "WARPS must be given with -D"
#endif
#if TILE_ROWS > 16 || D_PAD % 32 || DV_PAD % 64 || OUT_BLOCK != DV_PAD || TILE_COLS % (16 * WARPS) ||                  \
    !STATIONARY_RESIDENT
#error "TILE_ROWS <= 16, resident; OUT_BLOCK is DV_PAD; 32 must divide D_PAD, 64 DV_PAD, 16 WARPS TILE_COLS"
#endif
#define WG_SIZE (32 * WARPS)
#define ROW_BLOCKS 1
#define STATIONARY_WARP 0
#define WARP ((int)get_local_id(0) / 32)
#define COLUMNS (TILE_COLS / WARPS)
#define FIRST_COLUMN (WARP * COLUMNS)
#define STORES_ROW(r) (WARP == 0 && tile_row(r) < TILE_ROWS)

#include "engines/nvidia/nvidia_ptx.cl"

#include "engines/nvidia/fragments.cl"

#endif
