/* SPDX-License-Identifier: Apache-2.0 */
/* Hopper's copy engine, by inline PTX: copies whole tiles from global to local memory while
 * work-items do something else.
 *
 * A tensor map of 128 bytes (tensor_map.cl) describes a tensor to the copy engine. Rows and depth
 * that the tensor does not have are copied as zeros. Arrival is reported by a barrier, 8 bytes of
 * local memory that count arrivals and bytes. A phase of the barrier ends when `count` arrivals and
 * all announced bytes have come. Phases are numbered 0 and 1 alternately, 0 first: their parity.
 * All addresses are of local memory, as ptx_local_address returns them. */
#ifndef TENSOR_COPY_CL
#define TENSOR_COPY_CL

#include "attention/args.h"
#include "engines/nvidia_wgmma/wgmma.cl"

/* ---- barriers ---- */

INLINE void barrier_init(uint at, uint count)
{
    __asm__ volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}

/* Makes initialised barriers visible to the copy engine. For the work-item that initialised them,
 * before the work-group's barrier(). */
INLINE void barriers_ready(void)
{
    __asm__ volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    __asm__ volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

INLINE void barrier_arrive(uint at)
{
    __asm__ volatile("{.reg .b64 t; mbarrier.arrive.shared::cta.b64 t, [%0];}" ::"r"(at) : "memory");
}

/* Arrives, and announces `bytes` of copies. */
INLINE void barrier_expect(uint at, uint bytes)
{
    __asm__ volatile("{.reg .b64 t; mbarrier.arrive.expect_tx.shared::cta.b64 t, [%0], %1;}" ::"r"(at), "r"(bytes)
                     : "memory");
}

/* Waits until the phase with this parity has ended. A new barrier counts as past a phase of parity
 * 1. */
INLINE void barrier_wait(uint at, uint parity)
{
    uint ended;
    do {
        __asm__ volatile("{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
                         : "=r"(ended)
                         : "r"(at), "r"(parity)
                         : "memory");
    } while (!ended);
}

/* ---- a ring of stages ----
 *
 * Each stage has two barriers: bytes of a tile arrive at `full`; warps that are done with the tile
 * arrive at `empty`. Stage n has the barriers full + 8 n and empty + 8 n. Everyone who uses the
 * ring keeps a position in it. */
struct ring {
    uint stage;
    uint parity; /* of the next wait at `full`; waits at `empty` have the other */
};

INLINE void ring_next(struct ring *r, const uint stages)
{
    if (++r->stage == stages) {
        r->stage = 0;
        r->parity ^= 1;
    }
}

/* A warp releases a stage. `barrier`: the stage's `empty`. */
INLINE void release_stage(uint barrier)
{
    if (get_local_id(0) % 32 == 0)
        barrier_arrive(barrier);
}

INLINE void init_ring(uint full, uint empty, const int stages, const int fullers, const int readers)
{
    for (int i = 0; i < stages; ++i) {
        barrier_init(full + 8 * i, fullers);
        barrier_init(empty + 8 * i, readers);
    }
}

/* ---- copies ---- */

/* Starts copying to `to`: 64 elements of depth from `depth` on, of rows from `row` on, as many as
 * the map says. Arrives at `barrier`. */
INLINE void copy_panel(uint to, ulong map, int depth, int row, int head, uint barrier)
{
    __asm__ volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], "
                     "[%1, {%2, %3, %4}], [%5];" ::"r"(to),
                     "l"(map), "r"(depth), "r"(row), "r"(head), "r"(barrier)
                     : "memory");
}

/* Starts copying a tile of `rows` rows, `deep` elements deep. Its bytes must have been
 * announced. */
INLINE void copy_tile(uint to, ulong map, const int rows, const int deep, int row, int head, uint barrier)
{
    FOR_UNROLLED (panel, PANELS(deep))
        copy_panel(to + panel * PANEL_BYTES(rows), map, panel * PANEL, row, head, barrier);
}

/* Starts copying contiguous bytes. `bytes` and both addresses are multiples of 16. */
INLINE void copy_bytes(uint to, const __global void *from, uint bytes, uint barrier)
{
    __asm__ volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "l"(from),
        "r"(bytes), "r"(barrier)
        : "memory");
}

/* Needed before the first copy by a map that another kernel wrote. */
INLINE void acquire_map(ulong map)
{
    __asm__ volatile("fence.proxy.tensormap::generic.acquire.gpu [%0], 128;" ::"l"(map) : "memory");
}

/* Needed after work-items wrote local memory that products or the copy engine will read. */
INLINE void local_to_async(void)
{
    __asm__ volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* ---- tensor maps in the workspace ----
 *
 * One set for each kernel of the pass that has maps. From the next multiple of 128 bytes on, a set
 * has a counter of the work tiles that have been taken, 0 at first, and the maps. */
enum { MAP_Q, MAP_K, MAP_V, MAP_DOUT, MAPS_A_BATCH };
#define MAP_BYTES 128

/* Bytes from one set to the next. */
INLINE long set_bytes(const struct call *a)
{
    return ((long)MAPS_A_BATCH * a->B + 2) * MAP_BYTES;
}

INLINE ulong counter_address(const __global uchar *tensor_maps, const struct call *a)
{
    return ((ulong)(tensor_maps + a->tensor_maps) + (MAP_BYTES - 1)) / MAP_BYTES * MAP_BYTES;
}

/* Address of the map of tensor `which`, batch b. */
INLINE ulong map_address(const __global uchar *tensor_maps, const struct call *a, int which, int b)
{
    return counter_address(tensor_maps, a) + ((ulong)which * (ulong)a->B + (ulong)b + 1) * MAP_BYTES;
}

/* Number of a persistent work-group's next work tile. The first is its group number, the others
 * come from the counter. Results do not depend on which work-group takes which. */
INLINE long next_group(__global uchar *tensor_maps, const struct call *a)
{
    volatile __global uint *counter = (volatile __global uint *)counter_address(tensor_maps, a);
    return a->first_group + (long)get_num_groups(0) + (long)atomic_inc(counter);
}

#endif
