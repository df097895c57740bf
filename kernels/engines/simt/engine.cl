/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `simt`: a work-group of WG_SIZE items as TY x TX. An item holds ROWS x COLS scores and
 * ROWS x OUT_BLOCK / TX outputs in registers, and multiplies by register blocks: for each step
 * along the sum it reads ROWS elements of one operand and COLS, or OUT_BLOCK / TX, of the other
 * from local memory, four at a time. The items of a row or column share these reads.
 *
 *   item (ty, tx): score rows 4 (ty + TY g) + 0..3 (runs of 2 or 1 if 4 does not divide ROWS),
 *                  score columns tx + TX c, output depth 4 (tx + TX x) + 0..3
 *
 * Operands of scores are staged transposed, depth by depth, and P is stored transposed, key by key.
 * Within a depth, streamed rows are permuted so that the columns of an item are neighbours. While
 * items multiply what is staged, they load the next piece from global memory into registers: for
 * scores a DEPTH_STEP of the depth, for the output a STRIP of streamed rows.
 *
 * Local memory in floats, LD = TILE_ROWS + PAD: a resident stationary tile D LD; REDUCE_TILE
 * TILE_ROWS TX; the pool, the larger of two uses: for scores DEPTH_STEP (TILE_COLS + PAD), and
 * DEPTH_STEP LD if the stationary tile is not resident; for the output TILE_COLS LD of P and STRIP
 * OUT_BLOCK. */
#ifndef ENGINE_SIMT_CL
#define ENGINE_SIMT_CL

#if !defined(TX) || !defined(TY) || !defined(STRIP) || !defined(UNROLL)
#error "TX, TY, STRIP and UNROLL must be given with -D"
#endif
#define WG_SIZE (TX * TY)
#define ROWS (TILE_ROWS / TY)
#define COLS (TILE_COLS / TX)
#if TILE_ROWS % TY || TILE_COLS % TX || TILE_COLS % STRIP || OUT_BLOCK % (4 * TX) || DEPTH_STEP % 4 || TX % 4 ||       \
    TILE_ROWS % 4 || TILE_COLS % 4
#error "TY and 4 must divide TILE_ROWS; TX, STRIP and 4 TILE_COLS; 4 TX OUT_BLOCK; 4 DEPTH_STEP and TX"
#endif

typedef float lane_f;
typedef int lane_i;
typedef float4 out_f;
typedef float stationary_f;
#define LANES 1
#define ACC __private
#define OUT_COLS (OUT_BLOCK / (4 * TX))
#define ROW_RUN                                                                                                        \
    (ROWS % 4 == 0 ? 4 : ROWS % 2 == 0 ? 2 : 1) /* neighbouring rows of an item; COL_RUN: columns, in the staged tile */
#define COL_RUN (COLS % 4 == 0 ? 4 : COLS % 2 == 0 ? 2 : 1)
#define PAD 4
#define STATIONARY_LD (TILE_ROWS + PAD)
#define SCORES_LD (TILE_COLS + PAD)
#define SCORES_POOL (DEPTH_STEP * SCORES_LD + (STATIONARY_RESIDENT ? 0 : DEPTH_STEP * STATIONARY_LD))
#define OUTPUT_POOL (TILE_COLS * STATIONARY_LD + STRIP * OUT_BLOCK)

#define STREAMED_TILE(name)                                                                                            \
    __local float __attribute__((aligned(16))) name[SCORES_POOL > OUTPUT_POOL ? SCORES_POOL : OUTPUT_POOL]
#define SECOND_TILE(name, streamed_tile) __local float *const name = streamed_tile
#define AHEAD_TILE(name, streamed_tile) __local float *const name = streamed_tile
#if STATIONARY_RESIDENT
#define STATIONARY_TILE(name, depth, streamed_tile)                                                                    \
    __local float __attribute__((aligned(16))) name[(depth)*STATIONARY_LD]
#else
#define STATIONARY_TILE(name, depth, streamed_tile) __local float *const name = streamed_tile + DEPTH_STEP * SCORES_LD
#endif
#define OPERAND_TILE(name, streamed_tile) __local float *const name = streamed_tile
#define COL_TILE(name) __local float *const name = 0
#define REDUCE_TILE(name) __local float __attribute__((aligned(16))) name[TILE_ROWS * TX]
#define ROW_VALUES(name) float name[ROWS]
#define COL_VALUES(name) float name[COLS]
#define SCORES(name) float name[ROWS * COLS]
#define OUTPUT(name) float4 name[ROWS * OUT_COLS]
#define SCORE(r, c) ((r)*COLS + (c))
#define OUT(r, x) ((r)*OUT_COLS + (x))

#define FOR_ROWS(r, rows) FOR_UNROLLED (r, ROWS)
#define FOR_COLS(c, cols) FOR_UNROLLED (c, COLS)
#define FOR_OUT(x) FOR_UNROLLED (x, OUT_COLS)
/* Steps of a product. UNROLL is limited, as some compilers run out of registers. */
#define FOR_STEPS(k, count) PRAGMA(unroll UNROLL) for (int k = 0; k < (count); ++k)
#define STATS_AHEAD false
#define fetch_stats(of, w) ((void)0)
#define LATE_SCALE 0
#define RESCALES_LATE 0
#define NEEDS_RESCALE(factor) true /* multiplying is cheaper than testing */

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

/* Items compute whole tiles. */
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

#if KEEPS_TOTALS
/* Totals are kept in the output itself, which is float32. */
#define TOTALS(name) float4 *const name = 0

/* Flush: *total = by *total + *x, and *x = the rounding error (Dekker's sum, as the total is mostly
 * the larger). With `join`: *x = by *total + *x. If `by` is 0 there is no total yet. */
#define ADD_TO_TOTAL(type, total, by, x, join)                                                                         \
    do {                                                                                                               \
        type before = 0.0f;                                                                                            \
        if (by != 0.0f)                                                                                                \
            before = *(total);                                                                                         \
        const type sum = fma(before, (type)(by), *(x));                                                                \
        *(x) = join ? sum : *(x)-fma(-before, (type)(by), sum);                                                        \
        if (!join)                                                                                                     \
            *(total) = sum;                                                                                            \
    } while (0)

INLINE void flush_float(__global result *total, float by, float *x, const bool join)
{
    ADD_TO_TOTAL(float, total, by, x, join);
}

/* For whole tiles of whole vectors, nearly all there are. Code that runs so seldom is fetched anew
 * each time, and fetching takes longer than running: the code is kept short. */
INLINE void flush_whole(float4 *out, const float *factor, __global result *data, const struct layout *at, long first,
                        int d, const bool join)
{
    FOR_UNROLLED (r, ROWS) {
        __global result *row = data + row_offset(at, first + tile_row(r)) + d;
        FOR_OUT (x)
            ADD_TO_TOTAL(float4, (__global float4 *)(row + out_depth(x)), factor[r], out + OUT(r, x), join);
    }
}

INLINE void flush_elements(float4 *out, const float *factor, __global result *data, const struct layout *at, long first,
                           int d, const bool join)
{
    if (((size_t)(data + at->origin) & 15) == 0 && rows_apart_by(at, 4) && first + TILE_ROWS <= at->count &&
        d + OUT_BLOCK <= at->depth && at->depth % 4 == 0) {
        flush_whole(out, factor, data, at, first, d, join);
        return;
    }
    FOR_UNROLLED (r, ROWS) {
        const long row = first + tile_row(r);
        __global result *to = data + row_offset(at, row) + d;
        FOR_OUT (x) {
            const int left = row < at->count ? at->depth - d - out_depth(x) : 0;
            float value[4] = {out[OUT(r, x)].x, out[OUT(r, x)].y, out[OUT(r, x)].z, out[OUT(r, x)].w};
            FOR_UNROLLED (i, 4)
                if (i < left)
                    flush_float(to + out_depth(x) + i, factor[r], value + i, join);
            out[OUT(r, x)] = (float4)(value[0], value[1], value[2], value[3]);
        }
    }
}

#define flush_output(out, total, factor, data, at, first, d, rows)                                                     \
    ((void)(total), flush_elements(out, factor, data, at, first, d, false))
#define finish_totals(out, total, factor, data, at, first, d, rows)                                                    \
    ((void)(total), flush_elements(out, factor, data, at, first, d, true))
#endif

/* Stores one float32 a row, by one of the items that share the row. */
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
    return exp2(x) * a->headroom;
}

#include "attention/scalar_lane.cl"

INLINE lane_f col_stat(const struct stats *of, long first, int c)
{
    return stat(of->data, &of->at, first + tile_col(c), of->otherwise);
}

/* Reductions over the TX items of a row. The caller must reach a barrier before `tile` is written
 * again. */
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
