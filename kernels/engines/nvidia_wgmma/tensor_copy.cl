/* SPDX-License-Identifier: Apache-2.0 */
/* Hopper's copy engine, by inline PTX: whole tiles from global to local memory, while work-items do something else.
 *
 * What a copy needs to know of a tensor is in a map of 128 bytes (tensor_map.cl); rows and depth that the tensor does
 * not have come as zeros. Arrival is told by a barrier, 8 bytes of local memory that count arrivals and bytes: it
 * begins in phase 0, which ends when `count` have arrived and all bytes that were announced have come; then phase 1
 * begins, and so on alternately. All addresses are of local memory, as ptx_local_address gives them. */
#ifndef TENSOR_COPY_CL
#define TENSOR_COPY_CL

#include "attention/args.h"
#include "engines/nvidia_wgmma/wgmma.cl"

/* ---- barriers ---- */

INLINE void barrier_init(uint at, uint count)
{
    __asm__ volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(at), "r"(count) : "memory");
}

/* By the work-item that initialised barriers, before the work-group's barrier(): the copy engine may use them. */
INLINE void barriers_ready(void)
{
    __asm__ volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    __asm__ volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

INLINE void barrier_arrive(uint at)
{
    __asm__ volatile("{.reg .b64 t; mbarrier.arrive.shared::cta.b64 t, [%0];}" ::"r"(at) : "memory");
}

/* Arrives, and announces that so many bytes are on their way. */
INLINE void barrier_expect(uint at, uint bytes)
{
    __asm__ volatile("{.reg .b64 t; mbarrier.arrive.expect_tx.shared::cta.b64 t, [%0], %1;}" ::"r"(at), "r"(bytes)
                     : "memory");
}

/* Waits until the phase of that parity has ended. Of a new barrier, the phase before the first (parity 1) has. */
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
 * Each has a barrier `full`, on which the bytes of a tile arrive, and `empty`, on which those who are done with it
 * do. A stage of number n is barrier full + 8 n. Who visits the ring has a place in it. */
struct ring {
    uint stage;
    uint parity; /* of the phase that the next wait at `full` is for; `empty` has the other */
};

INLINE void ring_next(struct ring *r, const uint stages)
{
    if (++r->stage == stages) {
        r->stage = 0;
        r->parity ^= 1;
    }
}

/* A warp is done with a stage of which `barrier` is the empty one. */
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

/* To `to`, 64 elements of depth from `depth` on of as many rows from `row` on as the map says; arrives at `barrier`. */
INLINE void copy_panel(uint to, ulong map, int depth, int row, int head, uint barrier)
{
    __asm__ volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], "
                     "[%1, {%2, %3, %4}], [%5];" ::"r"(to),
                     "l"(map), "r"(depth), "r"(row), "r"(head), "r"(barrier)
                     : "memory");
}

/* A tile of `rows` rows, `deep` elements deep; its bytes must have been announced. */
INLINE void copy_tile(uint to, ulong map, const int rows, const int deep, int row, int head, uint barrier)
{
    FOR_UNROLLED (panel, PANELS(deep))
        copy_panel(to + panel * PANEL_BYTES(rows), map, panel * PANEL, row, head, barrier);
}

/* Contiguous bytes, a multiple of 16, both addresses too. */
INLINE void copy_bytes(uint to, const __global void *from, uint bytes, uint barrier)
{
    __asm__ volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(to), "l"(from),
        "r"(bytes), "r"(barrier)
        : "memory");
}

/* Before the first copy by a map that another kernel made. */
INLINE void acquire_map(ulong map)
{
    __asm__ volatile("fence.proxy.tensormap::generic.acquire.gpu [%0], 128;" ::"l"(map) : "memory");
}

/* After work-items wrote local memory that products or the copy engine will read. */
INLINE void local_to_async(void)
{
    __asm__ volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* ---- what is in the workspace ----
 *
 * A set for each kernel of the pass that has maps. From the next multiple of 128 bytes on: a counter of the work that has
 * been taken, which begins at 0, and maps. */
enum { MAP_Q, MAP_K, MAP_V, MAP_DOUT, MAPS_A_BATCH };
#define MAP_BYTES 128

/* From one set to the next. */
INLINE long set_bytes(const struct call *a)
{
    return ((long)MAPS_A_BATCH * a->B + 2) * MAP_BYTES;
}

INLINE ulong counter_address(const __global uchar *tensor_maps, const struct call *a)
{
    return ((ulong)(tensor_maps + a->tensor_maps) + (MAP_BYTES - 1)) / MAP_BYTES * MAP_BYTES;
}

/* Of the map of a tensor's batch b. */
INLINE ulong map_address(const __global uchar *tensor_maps, const struct call *a, int which, int b)
{
    return counter_address(tensor_maps, a) + ((ulong)which * (ulong)a->B + (ulong)b + 1) * MAP_BYTES;
}

/* Work-groups that stay take the work of others that there might be in turn: the first by their number, the next by the
 * counter. Which one does what changes nothing in the result. */
INLINE long next_group(__global uchar *tensor_maps, const struct call *a)
{
    volatile __global uint *counter = (volatile __global uint *)counter_address(tensor_maps, a);
    return a->first_group + (long)get_num_groups(0) + (long)atomic_inc(counter);
}

#endif
