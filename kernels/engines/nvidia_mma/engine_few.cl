/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_mma` where a tile has few owner rows, as decoding does: a schedule of its own (forward_few_mma.cl),
 * since each key is used little and all time goes into loading. The WARPS warps of a work-group share the one block of
 * 16 rows, of which OWN are in use. Of WALK keys a warp takes COLUMNS, and has its own m, l and O for what it took; the
 * warps' are added up at the end.
 *
 * Operands go from global memory to the registers where products want them, in pieces of 16 bytes. A product's sum may
 * be taken in any order that both operands share, of the depth or of keys, and columns of O may be any depth. Lane l
 * has, with a = l % 4 and g = l / 4,
 *
 *   Q, K    of rows g and g + 8, and of the g-th of each eight keys, pieces a + 4 i. The first two words of a piece are
 *           its part of one product over 16 of the depth, the others of the next
 *   V       of keys 2 a, 2 a + 1, 2 a + 8 and 2 a + 9 of each sixteen, pieces g + 8 i. Element x of a piece is column g
 *           of product 8 i + x: words of two neighbouring keys make a word of an operand each for an even and an odd x
 *   O       of rows g and g + 8, depth 64 i + 16 a + 0..15: of product 8 i + x the columns 2 a and 2 a + 1
 *
 * Local memory in bytes: 4 WARPS OWN (DV_PAD + 6), of each warp O, m and l. */
#ifndef ENGINE_FEW_MMA_CL
#define ENGINE_FEW_MMA_CL

#if !defined(WARPS)
#error "WARPS must be given with -D"
#endif
#if OWN > 16 || D_PAD % 32 || DV_PAD % 64 || SLICE != DV_PAD || WALK % (16 * WARPS) || !OWNER_RESIDENT
#error "at most 16 rows, which stay; 32 divides D_PAD, 64 DV_PAD, which is the SLICE, and 16 WARPS divides WALK"
#endif
#define WG_SIZE (32 * WARPS)
#define ROW_BLOCKS 1
#define OWNER_WARP 0
#define WARP ((int)get_local_id(0) / 32)
#define COLUMNS (WALK / WARPS)
#define FIRST_COLUMN (WARP * COLUMNS)
#define STORES_ROW(r) (WARP == 0 && tile_row(r) < OWN)

#include "engines/nvidia/nvidia_ptx.cl"

#include "engines/nvidia/fragments.cl"

#endif
