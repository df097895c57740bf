/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `simt`: a work-group of WG_SIZE items as TY x TX. An item holds ROWS x COLS scores and ROWS x SLICE / TX
 * outputs in registers, and multiplies as a matrix product does: for each step along the sum it reads ROWS elements of
 * one operand and COLS, or SLICE / TX, of the other from local memory, four at a time, which the items of its row or
 * column share.
 *
 *   item (ty, tx): score rows 4 (ty + TY g) + 0..3 (in runs of 2 or 1 where 4 does not divide ROWS),
 *                  score columns tx + TX c, output depth 4 (tx + TX x) + 0..3
 *
 * So operands of scores are staged transposed, depth by depth, and P is put down transposed, key by key; the walked
 * rows of a depth are permuted so that the columns of an item are neighbours. What is staged is picked up from global
 * memory into registers while the items multiply what was put down before: for scores a CHUNK of the depth, for the
 * output a STRIP of walked rows.
 *
 * Local memory in floats, LD = OWN + PAD: D LD an owner tile that stays; REDUCE: OWN TX; the pool: for scores
 * CHUNK (WALK + PAD), and CHUNK LD where the owner does not stay, for the output WALK LD of P and STRIP SLICE. */
#ifndef ENGINE_SIMT_CL
#define ENGINE_SIMT_CL

#if !defined(TX) || !defined(TY) || !defined(STRIP) || !defined(UNROLL)
#error "TX, TY, STRIP and UNROLL must be given with -D"
#endif
#define WG_SIZE (TX * TY)
#define ROWS (OWN / TY)
#define COLS (WALK / TX)
#if OWN % TY || WALK % TX || WALK % STRIP || SLICE % (4 * TX) || CHUNK % 4 || TX % 4 || OWN % 4 || WALK % 4
#error "TY and 4 must divide OWN, TX, STRIP and 4 WALK, 4 TX SLICE, 4 CHUNK and TX"
#endif

typedef float lane_f;
typedef int lane_i;
typedef float4 out_f;
typedef float owner_f;
#define LANES 1
#define ACC __private
#define OUT_COLS (SLICE / (4 * TX))
#define ROW_RUN (ROWS % 4 == 0 ? 4 : ROWS % 2 == 0 ? 2 : 1) /* neighbouring rows, and columns in the tile, of an item */
#define COL_RUN (COLS % 4 == 0 ? 4 : COLS % 2 == 0 ? 2 : 1)
#define PAD 4
#define OWNER_LD (OWN + PAD)
#define SCORES_LD (WALK + PAD)
#define SCORES_POOL (CHUNK * SCORES_LD + (OWNER_RESIDENT ? 0 : CHUNK * OWNER_LD))
#define OUTPUT_POOL (WALK * OWNER_LD + STRIP * SLICE)

#define WALKED_TILE(name)                                                                                              \
    __local float __attribute__((aligned(16))) name[SCORES_POOL > OUTPUT_POOL ? SCORES_POOL : OUTPUT_POOL]
#define SECOND_TILE(name, walked_tile) __local float *const name = walked_tile
#define AHEAD_TILE(name, walked_tile) __local float *const name = walked_tile
#if OWNER_RESIDENT
#define OWNER_TILE(name, depth, walked_tile) __local float __attribute__((aligned(16))) name[(depth)*OWNER_LD]
#else
#define OWNER_TILE(name, depth, walked_tile) __local float *const name = walked_tile + CHUNK * SCORES_LD
#endif
#define OPERAND_TILE(name, walked_tile) __local float *const name = walked_tile
#define COL_TILE(name) __local float *const name = 0
#define REDUCE_TILE(name) __local float __attribute__((aligned(16))) name[OWN * TX]
#define ROW_VALUES(name) float name[ROWS]
#define COL_VALUES(name) float name[COLS]
#define SCORES(name) float name[ROWS * COLS]
#define OUTPUT(name) float4 name[ROWS * OUT_COLS]
#define SCORE(r, c) ((r)*COLS + (c))
#define OUT(r, x) ((r)*OUT_COLS + (x))

#define FOR_ROWS(r, rows) FOR_UNROLLED (r, ROWS)
#define FOR_COLS(c, cols) FOR_UNROLLED (c, COLS)
#define FOR_OUT(x) FOR_UNROLLED (x, OUT_COLS)
/* Steps of a product; unrolled too far, some compilers run out of registers. */
#define FOR_STEPS(k, count) PRAGMA(unroll UNROLL) for (int k = 0; k < (count); ++k)
#define STATS_AHEAD false
#define fetch_stats(of, w) ((void)0)
#define LATE_SCALE 0
#define RESCALE_SLACK 0.0f
#define NEEDS_RESCALE(factor) true /* cheaper than asking */

INLINE int item_x(void)
{
    return (int)get_local_id(0) % TX;
}

INLINE int item_y(void)
{
    return (int)get_local_id(0) / TX;
}

INLINE int tile_row(int r)
{
    return (item_y() + r / ROW_RUN * TY) * ROW_RUN + r % ROW_RUN;
}

INLINE lane_i tile_col(int c)
{
    return item_x() + c * TX;
}

INLINE int out_depth(int x)
{
    return 4 * (item_x() + x * TX);
}

/* Items work on whole tiles. */
INLINE void rows_in_use(struct span *rows, long left)
{
    rows->begin = 0;
    rows->end = ROWS;
}

INLINE void narrow_rows(struct span *rows, int first, int count)
{
}

INLINE int cols_in_use(long left)
{
    return COLS;
}

INLINE float4 read4(const __local float *at)
{
    return *(const __local float4 *)at;
}

INLINE void store_output(const float4 *out, const ACC float *factor, __local float *tile, __global result *data,
                         const struct layout *at, long first, int d, const struct span *rows)
{
    FOR_ROWS (r, rows) {
        const long row = first + tile_row(r);
        if (row < at->count) {
            const long to = row_offset(at, row);
            FOR_OUT (x) {
                const float4 value = factor[r] == 0.0f ? (float4)(0.0f) : out[OUT(r, x)] * factor[r];
                const int depth = d + out_depth(x);
                if (depth < at->depth)
                    STORE_RESULT(data, to + depth, value.x);
                if (depth + 1 < at->depth)
                    STORE_RESULT(data, to + depth + 1, value.y);
                if (depth + 2 < at->depth)
                    STORE_RESULT(data, to + depth + 2, value.z);
                if (depth + 3 < at->depth)
                    STORE_RESULT(data, to + depth + 3, value.w);
            }
        }
    }
}

#if LONG_SUMS
/* Where elements are float32, their settled sums are kept. */
#define SETTLED(name) float4 *const name = 0

/* *settled becomes factor *settled + x, and what that lost is returned; or the sum is, if it is to join. */
INLINE float settle_element(__global result *settled, float factor, float x, const bool join)
{
    const float before = factor == 0.0f ? 0.0f : *settled * factor, sum = before + x;
    if (join)
        return sum;
    *settled = sum;
    return LOST_IN_SUM(before, x, sum);
}

INLINE void settle_elements(float4 *out, const float *factor, __global result *data, const struct layout *at,
                            long first, int d, const bool join)
{
    FOR_UNROLLED (r, ROWS) {
        const long row = first + tile_row(r);
        if (row < at->count) {
            __global result *to = data + row_offset(at, row);
            FOR_OUT (x) {
                const int depth = d + out_depth(x);
                float4 value = out[OUT(r, x)];
                if (depth < at->depth)
                    value.x = settle_element(to + depth, factor[r], value.x, join);
                if (depth + 1 < at->depth)
                    value.y = settle_element(to + depth + 1, factor[r], value.y, join);
                if (depth + 2 < at->depth)
                    value.z = settle_element(to + depth + 2, factor[r], value.z, join);
                if (depth + 3 < at->depth)
                    value.w = settle_element(to + depth + 3, factor[r], value.w, join);
                out[OUT(r, x)] = value;
            }
        }
    }
}

#define settle_output(out, settled, factor, data, at, first, d, rows)                                                  \
    ((void)(settled), settle_elements(out, factor, data, at, first, d, false))
#define join_output(out, settled, factor, data, at, first, d, rows)                                                    \
    ((void)(settled), settle_elements(out, factor, data, at, first, d, true))
#endif

/* One float32 a row, written by one item of those that share the row. */
INLINE void store_stat(const ACC float *value, __global float *data, const struct layout *at, long first,
                       const struct span *rows)
{
    FOR_ROWS (r, rows)
        if (item_x() == 0 && first + tile_row(r) < at->count)
            data[row_offset(at, first + tile_row(r))] = value[r];
}

INLINE lane_f lane_exp2(lane_f x)
{
    return exp2(x);
}

INLINE lane_f lane_weight(lane_f x, const struct call *a)
{
    return exp2(x) * a->room;
}

#include "one_lane.cl"

INLINE lane_f col_stat(const struct stats *of, long first, int c)
{
    return stat(of->data, &of->at, first + tile_col(c), of->otherwise);
}

/* Combine what the TX items of a row hold; the caller must reach a barrier before the tile is written again. */
INLINE void share_rows(const float *value, __local float *tile, const struct span *rows)
{
    FOR_ROWS (r, rows)
        tile[tile_row(r) * TX + item_x()] = value[r];
    barrier(CLK_LOCAL_MEM_FENCE);
}

INLINE void reduce_max(ACC float *value, __local float *tile, const struct span *rows)
{
    share_rows(value, tile, rows);
    FOR_ROWS (r, rows) {
        float4 most = read4(tile + tile_row(r) * TX);
        for (int x = 4; x < TX; x += 4)
            most = fmax(most, read4(tile + tile_row(r) * TX + x));
        value[r] = fmax(fmax(most.x, most.y), fmax(most.z, most.w));
    }
}

INLINE void reduce_sum(ACC float *value, __local float *tile, const struct span *rows)
{
    share_rows(value, tile, rows);
    FOR_ROWS (r, rows) {
        float4 sum = read4(tile + tile_row(r) * TX);
        for (int x = 4; x < TX; x += 4)
            sum += read4(tile + tile_row(r) * TX + x);
        value[r] = (sum.x + sum.y) + (sum.z + sum.w);
    }
}

#endif
