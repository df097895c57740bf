/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_mma` where a tile has few stationary rows, as decoding does: a schedule of its own (forward_decode_mma.cl),
 * since each key is used little and all time goes into loading. The WARPS warps of a work-group share the one block of
 * 16 rows, of which TILE_ROWS are in use. Of TILE_COLS keys a warp takes COLUMNS, and has its own m, l and O for what it took; the
 * warps' are added up at the end.
 *
 * Operands go from global memory to the registers where products want them, in vectors of 16 bytes. A product's sum may
 * be taken in any order that both operands share, of the depth or of keys, and columns of O may be any depth. Lane l
 * has, with a = l % 4 and g = l / 4,
 *
 *   Q, K    of rows g and g + 8, and of the g-th of each eight keys, vectors a + 4 i. The first two words of a vector are
 *           its part of one product over 16 of the depth, the others of the next
 *   V       of keys 2 a, 2 a + 1, 2 a + 8 and 2 a + 9 of each sixteen, vectors g + 8 i. Element x of a vector is column g
 *           of product 8 i + x: words of two neighbouring keys make a word of an operand each for an even and an odd x
 *   O       of rows g and g + 8, depth 64 i + 16 a + 0..15: of product 8 i + x the columns 2 a and 2 a + 1
 *
 * Local memory in bytes: 4 WARPS TILE_ROWS (DV_PAD + 6), of each warp O, m and l. */
#ifndef ENGINE_DECODE_MMA_CL
#define ENGINE_DECODE_MMA_CL

#if !defined(WARPS)
#error "WARPS must be given with -D"
#endif
#if TILE_ROWS > 16 || D_PAD % 32 || DV_PAD % 64 || OUT_BLOCK != DV_PAD || TILE_COLS % (16 * WARPS) ||                  \
    !STATIONARY_RESIDENT
#error                                                                                                                 \
    "at most 16 rows, which stay; 32 divides D_PAD, 64 DV_PAD, which is the OUT_BLOCK, and 16 WARPS divides TILE_COLS"
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
