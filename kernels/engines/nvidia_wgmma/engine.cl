/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_wgmma`: warpgroups of 128 work-items on Hopper's tensor cores. TILE_ROWS / 64 of them consume tiles, 64
 * stationary rows each; one more, the producer, has the copy engine bring them. Its kernels are files of their own
 * (forward_wgmma.cl); what lies how in an accumulator is said in wgmma.cl.
 *
 * Tiles have TILE_ROWS = 64, 128 or 192 rows, and TILE_COLS rows, a multiple of 16 up to 256; D_PAD and DV_PAD, multiples of 16,
 * are what products compute. STAGES tiles of each streamed tensor are on their way or in use. */
#ifndef ENGINE_NVIDIA_WGMMA_CL
#define ENGINE_NVIDIA_WGMMA_CL

#include "engines/nvidia_wgmma/tensor_copy.cl"

#if !defined(STAGES) || !defined(PINGPONG) || !defined(STATIONARY_REGISTERS) || !defined(PERSISTENT)
#error "STAGES, PINGPONG, STATIONARY_REGISTERS and PERSISTENT must be given with -D"
#endif
#if TILE_ROWS % 64 || TILE_ROWS > 192 || TILE_COLS % 16 || TILE_COLS > 256 || D_PAD % 16 || DV_PAD % 16 ||             \
    D_PAD > 256 || DV_PAD > 256
#error "engine nvidia_wgmma: sizes of tiles"
#endif
#if PACKED || MASK
#error "engine nvidia_wgmma: no packed heads, no mask"
#endif
#if PINGPONG && TILE_ROWS != 128
#error "PINGPONG are of two warpgroups"
#endif

#define CONSUMERS (TILE_ROWS / 64)
#define CONSUMER_ITEMS (CONSUMERS * 128)
#define WG_SIZE (CONSUMER_ITEMS + 128)

/* Registers of a work-item: 65536 of a compute unit, shared out. */
#if TILE_ROWS == 192
#define CONSUMER_REGISTERS 160
#define PRODUCER_REGISTERS 32
#else
#define CONSUMER_REGISTERS 240
#define PRODUCER_REGISTERS 24
#endif

#define STATIONARY_WARP ((int)get_local_id(0) / 32)
#define COLUMNS TILE_COLS
#define FIRST_COLUMN 0
#define ROW_BLOCKS 1
#define MAKES_DELTA
#define TENSOR_MAPS

#include "engines/nvidia/fragments.cl"

#endif
