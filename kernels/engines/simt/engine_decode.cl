/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `simt` for tiles with few stationary rows, as in decoding. This is a separate schedule
 * (forward_decode.cl): each key is used little, so loading takes all the time. The WG_SIZE items
 * are TY groups of TX. A group has GROUP_KEYS of a tile's keys, with separate m, l and O, which are
 * merged at the end.
 *
 *   item (ty, tx): scores of keys ty GROUP_KEYS + tx + TX c with all TILE_ROWS rows; of the group's
 *                  O, all rows, depth 4 (tx + TX x) + 0..3
 *
 * Keys are staged in local memory as stored, a DEPTH_STEP at a time, in vec16, while the next depth
 * step is loaded into registers. An item reads the vectors of its keys; all items read the same
 * rows of Q at the same time. Values are loaded from global memory straight by the one item that
 * needs them, STRIP keys ahead.
 *
 * Local memory: Q, 4 TILE_ROWS D_PAD bytes; the pool, the larger of TILE_COLS KEY_LD vec16 and, at
 * the end, TY OUT_BLOCK floats; reductions, WG_SIZE TILE_ROWS floats; P, TILE_COLS TILE_ROWS
 * floats. */
#ifndef ENGINE_DECODE_CL
#define ENGINE_DECODE_CL

#if !defined(TX) || !defined(TY) || !defined(STRIP) || !defined(UNROLL)
#error "TX, TY, STRIP and UNROLL must be given with -D"
#endif
#define WG_SIZE (TX * TY)
#define GROUP_KEYS (TILE_COLS / TY)
#define ROWS TILE_ROWS
#define COLS (GROUP_KEYS > TX ? GROUP_KEYS / TX : 1)
#define OUT_COLS (OUT_BLOCK / (4 * TX))
#define STEP_VECTORS (DEPTH_STEP / VEC16)
#define KEY_LD (STEP_VECTORS | 1) /* odd: neighbouring keys are in different banks */
#if TILE_COLS % TY || (TILE_COLS / TY > TX && TILE_COLS / TY % TX) || TILE_COLS / TY < 2 || TILE_COLS / TY % STRIP ||  \
    OUT_BLOCK % (4 * TX) || DEPTH_STEP % 8
#error "TY must divide TILE_COLS; GROUP_KEYS >= 2; STRIP (and TX, if less) must divide it; 4 TX OUT_BLOCK, 8 DEPTH_STEP"
#endif
#if (TILE_ROWS & (TILE_ROWS - 1)) || TILE_ROWS > 16 || !STATIONARY_RESIDENT
#error "TILE_ROWS must be 1, 2, 4, 8 or 16, and STATIONARY_RESIDENT 1"
#endif

typedef float lane_f;
typedef int lane_i;
typedef float4 out_f;
#define LANES 1
#define ACC __private

#define STATIONARY_TILE(name) __local float4 name[TILE_ROWS * D_PAD / 4]
#define KEY_POOL (TILE_COLS * KEY_LD)
#define OUTPUT_POOL (TY * OUT_BLOCK / 4)
#define POOL(name) __local uint4 name[KEY_POOL > OUTPUT_POOL ? KEY_POOL : OUTPUT_POOL]
#define ITEMS_TILE(name) __local float __attribute__((aligned(16))) name[WG_SIZE * TILE_ROWS]
#define OPERAND_TILE(name) __local float __attribute__((aligned(16))) name[TILE_COLS * TILE_ROWS]
#define ROW_VALUES(name) float name[ROWS]
#define SCORES(name) float name[ROWS * COLS]
#define OUTPUT(name) float4 name[ROWS * OUT_COLS]
#define SCORE(r, c) ((r)*COLS + (c))
#define OUT(r, x) ((r)*OUT_COLS + (x))

#define FOR_ROWS(r, rows) FOR_UNROLLED (r, ROWS)
/* If a group has more items than keys, some items have no key. */
#define FOR_COLS(c, cols) FOR_UNROLLED (c, GROUP_KEYS < TX ? (cols) : COLS)
#define FOR_OUT(x) FOR_UNROLLED (x, OUT_COLS)
#define FOR_STEPS(k, count) PRAGMA(unroll UNROLL) for (int k = 0; k < (count); ++k)
/* Not unrolled: registers are for loads in flight, and some compilers unroll until none are
 * left. */
#define FOR_ROLLED(i, from, to, step) PRAGMA(unroll 1) for (int i = (from); i < (to); i += (step))
#define LATE_SCALE 0
#define RESCALES_LATE 0
#define NEEDS_RESCALE(factor) true

INLINE int item_x(void)
{
    return (int)get_local_id(0) % TX;
}

INLINE int item_y(void)
{
    return (int)get_local_id(0) / TX;
}

INLINE int cols_of_item(void)
{
    return item_x() < GROUP_KEYS ? COLS : 0;
}

INLINE int tile_row(int r)
{
    return r;
}

INLINE lane_i tile_col(int c)
{
    return item_y() * GROUP_KEYS + item_x() + c * TX;
}

INLINE int out_depth(int x)
{
    return 4 * (item_x() + x * TX);
}

INLINE lane_f lane_exp2(lane_f x)
{
    return exp2(x);
}

INLINE lane_f lane_weight(lane_f x, const struct call *a)
{
    return exp2(x) * a->headroom;
}

#include "attention/scalar_lane.cl"

/* One float of each row, four at a time if ROWS allows. */
INLINE void read_rows(float *values, const __local float *at)
{
    if (ROWS % 4 == 0) {
        FOR_UNROLLED (g, ROWS / 4) {
            const float4 four = *(const __local float4 *)(at + 4 * g);
            values[4 * g] = four.x;
            values[4 * g + 1] = four.y;
            values[4 * g + 2] = four.z;
            values[4 * g + 3] = four.w;
        }
    } else {
        FOR_UNROLLED (r, ROWS)
            values[r] = at[r];
    }
}

INLINE void write_rows(__local float *at, const float *values)
{
    if (ROWS % 4 == 0) {
        FOR_UNROLLED (g, ROWS / 4)
            *(__local float4 *)(at + 4 * g) =
                (float4)(values[4 * g], values[4 * g + 1], values[4 * g + 2], values[4 * g + 3]);
    } else {
        FOR_UNROLLED (r, ROWS)
            at[r] = values[r];
    }
}

/* Reductions over the items of a group. The caller must reach a barrier before `tile` is written
 * again. */
INLINE void reduce_max(float *value, __local float *tile)
{
    write_rows(tile + (int)get_local_id(0) * ROWS, value);
    barrier(CLK_LOCAL_MEM_FENCE);
    FOR_ROLLED(x, 0, GROUP_KEYS < TX ? GROUP_KEYS : TX, 1)
    {
        float other[ROWS];
        read_rows(other, tile + (item_y() * TX + x) * ROWS);
        FOR_UNROLLED (r, ROWS)
            value[r] = fmax(value[r], other[r]);
    }
}

INLINE void reduce_sum(float *value, __local float *tile)
{
    write_rows(tile + (int)get_local_id(0) * ROWS, value);
    barrier(CLK_LOCAL_MEM_FENCE);
    FOR_UNROLLED (r, ROWS)
        value[r] = 0.0f;
    FOR_ROLLED(x, 0, TX, 1)
    {
        float other[ROWS];
        read_rows(other, tile + (item_y() * TX + x) * ROWS);
        FOR_UNROLLED (r, ROWS)
            value[r] += other[r];
    }
}

/* Stores one float32 a row. */
INLINE void store_stat(const float *value, __global float *data, const struct layout *at, long first,
                       const struct span *rows)
{
    FOR_UNROLLED (r, ROWS)
        if ((int)get_local_id(0) == r && first + r < at->count)
            data[row_offset(at, first + r)] = value[r];
}

#endif
