/* Makes the maps by which the copy engine finds tiles of q, k, v and dout: one work-item for each of them.
 *
 * A map describes a tensor as (batch, head, row, depth) with its strides, and a tile as PANEL elements of depth and a
 * number of rows; the tile's layout in local memory is that of wgmma.cl. Tensors begin at multiples of 16 bytes, and
 * so do their rows, heads and batches. */
#include "args.h"
#include "tensor_copy.cl"

#define SET_32(field, place, value)                                                                                    \
    __asm__ volatile("//@ tensormap.replace.tile." field ".global.b1024.b32 [%0], " place "%1;" ::"l"(map),            \
                     "r"((uint)(value))                                                                                \
                     : "memory")
#define SET_64(field, place, value)                                                                                    \
    __asm__ volatile("//@ tensormap.replace.tile." field ".global.b1024.b64 [%0], " place "%1;" ::"l"(map),            \
                     "l"((ulong)(value))                                                                               \
                     : "memory")
#define SET_CONSTANT(field, value)                                                                                     \
    __asm__ volatile("//@ tensormap.replace.tile." field ".global.b1024.b32 [%0], " value ";" ::"l"(map) : "memory")

/* The element types and layouts as the instruction numbers them. */
#if STORAGE == STORAGE_FLOAT16
#define MAP_ELEMENT "6"
#else
#define MAP_ELEMENT "10"
#endif
#define MAP_SWIZZLE_128_BYTES "3"

INLINE void make_map(ulong map, const __global stored *data, const struct view *v, int batches, int heads, long rows,
                     int depth, int rows_of_tile)
{
    __global ulong *words = (__global ulong *)map;
    for (int i = 0; i < MAP_BYTES / 8; ++i)
        words[i] = 0;
    SET_64("global_address", "", (ulong)(data + v->offset));
    SET_32("rank", "", 3); /* less one */
    SET_32("box_dim", "0, ", PANEL);
    SET_32("box_dim", "1, ", rows_of_tile);
    SET_32("box_dim", "2, ", 1);
    SET_32("box_dim", "3, ", 1);
    SET_32("global_dim", "0, ", depth);
    SET_32("global_dim", "1, ", rows);
    SET_32("global_dim", "2, ", heads);
    SET_32("global_dim", "3, ", batches);
    SET_64("global_stride", "0, ", v->row * (long)sizeof(stored));
    SET_64("global_stride", "1, ", v->head * (long)sizeof(stored));
    SET_64("global_stride", "2, ", v->batch * (long)sizeof(stored));
    SET_32("element_stride", "0, ", 1);
    SET_32("element_stride", "1, ", 1);
    SET_32("element_stride", "2, ", 1);
    SET_32("element_stride", "3, ", 1);
    SET_CONSTANT("elemtype", MAP_ELEMENT);
    SET_CONSTANT("interleave_layout", "0");
    SET_CONSTANT("swizzle_mode", MAP_SWIZZLE_128_BYTES);
    SET_CONSTANT("fill_mode", "0");
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
tensor_map(const struct call a, const __global stored *q, const __global stored *k, const __global stored *v,
           const __global stored *dout, __global uchar *workspace)
{
    const int which = (int)get_group_id(0);
    const ulong map = map_address(workspace, a.maps, which);
    if (which == MAP_Q)
        make_map(map, q, &a.q, a.B, a.Hq, a.N, a.D, a.query_rows);
    else if (which == MAP_K)
        make_map(map, k, &a.k, a.B, a.Hk, a.M, a.D, a.key_rows);
    else if (which == MAP_V)
        make_map(map, v, &a.v, a.B, a.Hk, a.M, a.Dv, a.key_rows);
    else
        make_map(map, dout, &a.dout, a.B, a.Hq, a.N, a.Dv, a.query_rows);
}
