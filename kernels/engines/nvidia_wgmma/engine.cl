/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_wgmma`: warpgroups of 128 work-items on Hopper's tensor cores. TILE_ROWS / 64 of
 * them are consumers, with 64 stationary rows each; one more, the producer, issues copies to the
 * copy engine. Its kernels are separate files (forward_wgmma.cl, ..); wgmma.cl has the layout of
 * accumulators.
 *
 * TILE_ROWS is 64, 128 or 192, TILE_COLS a multiple of 16 up to 256. D_PAD and DV_PAD, multiples of
 * 16 up to 256, are the depths that products compute. Each streamed tensor has a ring of STAGES
 * tiles, loading or in use. */
#ifndef ENGINE_NVIDIA_WGMMA_CL
#define ENGINE_NVIDIA_WGMMA_CL

#include "engines/nvidia_wgmma/tensor_copy.cl"

#if !defined(STAGES) || !defined(PINGPONG) || !defined(STATIONARY_REGISTERS) || !defined(PERSISTENT)
#error "STAGES, PINGPONG, STATIONARY_REGISTERS and PERSISTENT must be given with -D"
#endif
#if TILE_ROWS % 64 || TILE_ROWS > 192 || TILE_COLS % 16 || TILE_COLS > 256 || D_PAD % 16 || DV_PAD % 16 ||             \
    D_PAD > 256 || DV_PAD > 256
#error "engine nvidia_wgmma: unsupported tile sizes"
#endif
#if PACKED || MASK
#error "engine nvidia_wgmma: packed heads and masks are not supported"
#endif
#if PINGPONG && TILE_ROWS != 128
#error "PINGPONG needs two consumers: TILE_ROWS 128"
#endif

#define CONSUMERS (TILE_ROWS / 64)
#define CONSUMER_ITEMS (CONSUMERS * 128)
#define WG_SIZE (CONSUMER_ITEMS + 128)

/* Registers of a work-item; a compute unit has 65536 for the work-group. */
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
#define any_lane any_in_warp

#include "engines/nvidia/fragments.cl"

#endif
