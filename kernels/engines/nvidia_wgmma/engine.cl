/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `nvidia_wgmma`: warpgroups of 128 work-items on Hopper's tensor cores. OWN / 64 of them consume tiles, 64
 * owner rows each; one more, the producer, has the copy engine bring them. Its kernels are files of their own
 * (forward_wgmma.cl); what lies how in an accumulator is said in wgmma.cl.
 *
 * Tiles have OWN = 64, 128 or 192 rows, and WALK rows, a multiple of 16 up to 256; D_PAD and DV_PAD, multiples of 16,
 * are what products compute. STAGES tiles of each walked tensor are on their way or in use. */
#ifndef ENGINE_NVIDIA_WGMMA_CL
#define ENGINE_NVIDIA_WGMMA_CL

#include "engines/nvidia_wgmma/tensor_copy.cl"

#if !defined(STAGES) || !defined(TURNS) || !defined(OWNER_REGISTERS) || !defined(STAY)
#error "STAGES, TURNS, OWNER_REGISTERS and STAY must be given with -D"
#endif
#if OWN % 64 || OWN > 192 || WALK % 16 || WALK > 256 || D_PAD % 16 || DV_PAD % 16 || D_PAD > 256 || DV_PAD > 256
#error "engine nvidia_wgmma: sizes of tiles"
#endif
#if PACKED || MASK
#error "engine nvidia_wgmma: no packed heads, no mask"
#endif
#if TURNS && OWN != 128
#error "TURNS are of two warpgroups"
#endif

#define CONSUMERS (OWN / 64)
#define CONSUMER_ITEMS (CONSUMERS * 128)
#define WG_SIZE (CONSUMER_ITEMS + 128)

/* Registers of a work-item: 65536 of a compute unit, shared out. */
#if OWN == 192
#define CONSUMER_REGISTERS 160
#define PRODUCER_REGISTERS 32
#else
#define CONSUMER_REGISTERS 240
#define PRODUCER_REGISTERS 24
#endif

#define OWNER_WARP ((int)get_local_id(0) / 32)
#define COLUMNS WALK
#define FIRST_COLUMN 0
#define ROW_BLOCKS 1
#define MAKES_DELTA
#define TENSOR_MAPS

#include "engines/nvidia/fragments.cl"

#endif
