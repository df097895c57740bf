/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the tensor maps by which the copy engine finds tiles of q, k, v and dout: one work-item
 * for each tensor, batch and set of maps. A set without rows is skipped.
 *
 * A map describes a batch of a tensor as (head, row, depth) with its strides, and a tile as PANEL
 * elements of depth and a number of rows; wgmma.cl has the tile's layout in local memory. Maps of k
 * and v end at the last of the batch's keys that a query sees, those of q and dout at the last
 * query that sees a key. Rows past the end are copied as zeros, independent of memory. Tensors
 * begin at multiples of 16 bytes, and so do their rows, heads and batches. */
#include "attention/parameters.cl"
#include "attention/position.cl"
#include "engines/nvidia_wgmma/tensor_copy.cl"

#define SET_32(field, place, value)                                                                                    \
    __asm__ volatile("//@ tensormap.replace.tile." field ".shared::cta.b1024.b32 [%0], " place "%1;" ::"r"(map),       \
                     "r"((uint)(value))                                                                                \
                     : "memory")
#define SET_64(field, place, value)                                                                                    \
    __asm__ volatile("//@ tensormap.replace.tile." field ".shared::cta.b1024.b64 [%0], " place "%1;" ::"r"(map),       \
                     "l"((ulong)(value))                                                                               \
                     : "memory")
#define SET_CONSTANT(field, value)                                                                                     \
    __asm__ volatile("//@ tensormap.replace.tile." field ".shared::cta.b1024.b32 [%0], " value ";" ::"r"(map)          \
                     : "memory")

/* Numbers of element types and layouts in the instruction. */
#if STORAGE == STORAGE_FLOAT16
#define MAP_ELEMENT "6"
#else
#define MAP_ELEMENT "10"
#endif
#define MAP_SWIZZLE_128_BYTES "3"

#define MAP_WORDS (MAP_BYTES / 16)

/* `data`: the first element of the batch. The map is built in local memory, then copied to address
 * `to`. */
INLINE void make_map(__local uint4 *words, ulong to, const __global stored *data, const struct view *v, int heads,
                     long rows, int depth, int rows_of_tile)
{
    const uint map = ptx_local_address(words);
    for (int i = 0; i < MAP_WORDS; ++i)
        words[i] = 0;
    SET_64("global_address", "", (ulong)data);
    SET_32("rank", "", 2); /* rank - 1 */
    SET_32("box_dim", "0, ", PANEL);
    SET_32("box_dim", "1, ", rows_of_tile);
    SET_32("box_dim", "2, ", 1);
    SET_32("global_dim", "0, ", depth);
    SET_32("global_dim", "1, ", rows);
    SET_32("global_dim", "2, ", heads);
    SET_64("global_stride", "0, ", v->row * (long)sizeof(stored));
    SET_64("global_stride", "1, ", v->head * (long)sizeof(stored));
    SET_32("element_stride", "0, ", 1);
    SET_32("element_stride", "1, ", 1);
    SET_32("element_stride", "2, ", 1);
    SET_CONSTANT("elemtype", MAP_ELEMENT);
    SET_CONSTANT("interleave_layout", "0");
    SET_CONSTANT("swizzle_mode", MAP_SWIZZLE_128_BYTES);
    SET_CONSTANT("fill_mode", "0");
    for (int i = 0; i < MAP_WORDS; ++i)
        ((__global uint4 *)to)[i] = words[i];
}

__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void tensor_map(PARAMETERS(TENSOR_MAP_ARGS))
{
    __local uint4 __attribute__((aligned(MAP_BYTES))) words[MAP_WORDS];
    const long group = a.first_group + (long)get_group_id(0), each_set = (long)MAPS_A_BATCH * a.B;
    const int set = (int)(group / each_set), which = (int)(group % each_set / a.B), b = (int)(group % a.B);
    const int query_rows = a.query_rows[set], key_rows = a.key_rows[set];
    if (query_rows == 0)
        return;
    tensor_maps += set * set_bytes(&a);
    const ulong map = map_address(tensor_maps, &a, which, b);
    if (group % each_set == 0)
        *(__global uint *)counter_address(tensor_maps, &a) = 0;
    /* A map has at least one row. Without keys, or queries that see any, its rows are never
     * copied. */
    const long N = query_count(&a, b), M = key_count(&a, kv_lengths, b);
    const long keys = max(seen_end(&a, N, M), 1L), queries = max(seeing_end(&a, N, M), 1L);
    if (which == MAP_Q)
        make_map(words, map, q + a.q.offset + b * a.q.batch, &a.q, a.Hq, queries, a.D, query_rows);
    else if (which == MAP_K)
        make_map(words, map, k + a.k.offset + b * a.k.batch, &a.k, a.Hk, keys, a.D, key_rows);
    else if (which == MAP_V)
        make_map(words, map, v + a.v.offset + b * a.v.batch, &a.v, a.Hk, keys, a.Dv, key_rows);
    else if (dout) /* NULL in a forward */
        make_map(words, map, dout + a.dout.offset + b * a.dout.batch, &a.dout, a.Hq, queries, a.Dv, query_rows);
}
