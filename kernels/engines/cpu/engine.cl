/* SPDX-License-Identifier: Apache-2.0 */
/* Engine `cpu`: one work-item a work-group, so one core computes a tile alone and nothing waits.
 * Vectors of LANES floats run along the stationary rows. Scores and outputs are transposed for
 * that:
 *
 *   scores [TILE_COLS][TILE_ROWS]         outputs [OUT_BLOCK][TILE_ROWS]
 *   stationary tile [depth][TILE_ROWS]    streamed tile [TILE_COLS][DEPTH_STEP]
 *
 * The first three are stored in panels of BLOCK_COLS vectors, so that a register block reads
 * contiguous memory: [TILE_ROWS / PANEL][TILE_COLS][PANEL], and so on. The streamed tile is read
 * element by element. Row operations on scores (maximum, sum, rescaling) process LANES rows at
 * once. Products are register blocks of BLOCK_ROWS x BLOCK_COLS vectors. Tiles and accumulators are
 * in local memory, which a CPU device keeps in its caches.
 *
 * Local memory in floats: a stationary tile TILE_ROWS STATIONARY_DEPTH, a streamed tile TILE_COLS
 * DEPTH_STEP, a score array TILE_ROWS TILE_COLS, an output TILE_ROWS OUT_BLOCK, and its total as
 * much, a value a row TILE_ROWS, a value a column LANES TILE_COLS. */
#ifndef ENGINE_CPU_CL
#define ENGINE_CPU_CL

#if !defined(LANES) || !defined(BLOCK_ROWS) || !defined(BLOCK_COLS)
#error "LANES, BLOCK_ROWS and BLOCK_COLS must be given with -D"
#endif
#define WG_SIZE 1
#if TILE_ROWS % (LANES * BLOCK_COLS) || TILE_COLS % BLOCK_ROWS || DEPTH_STEP % LANES || OUT_BLOCK % DEPTH_STEP
#error "LANES BLOCK_COLS must divide TILE_ROWS; BLOCK_ROWS TILE_COLS; LANES DEPTH_STEP; DEPTH_STEP OUT_BLOCK"
#endif

typedef JOIN(float, LANES) lane_f;
typedef JOIN(int, LANES) lane_i;
#define LANES_LOG2 (LANES == 16 ? 4 : LANES == 8 ? 3 : 2)
typedef lane_f out_f, stationary_f;
#define ACC __local
#define ROWS (TILE_ROWS / LANES)
#define COLS TILE_COLS
#define OUT_COLS OUT_BLOCK
#define PANEL (BLOCK_COLS * LANES)
/* Index of vector r of row x in an array with panels of `rows` rows. */
#define IN_PANEL(rows, r, x) (((r) / BLOCK_COLS * (rows) + (x)) * BLOCK_COLS + (r) % BLOCK_COLS)
#define SCORE(r, c) IN_PANEL(TILE_COLS, r, c)
#define OUT(r, x) IN_PANEL(OUT_BLOCK, r, x)
#define STATIONARY_DEPTH(depth) (STATIONARY_RESIDENT ? (depth) : DEPTH_STEP)

#define STATIONARY_TILE(name, depth, streamed_tile) __local lane_f name[ROWS * STATIONARY_DEPTH(depth)]
#define STREAMED_TILE(name) __local float __attribute__((aligned(64))) name[TILE_COLS * DEPTH_STEP]
#define SECOND_TILE(name, streamed_tile) STREAMED_TILE(name)
#define AHEAD_TILE(name, streamed_tile) __local float *const name = streamed_tile
#define ROWS_TILE(name, depth)                                                                                         \
    __local lane_f name[TILE_ROWS * (depth) / LANES] /* stationary rows, not transposed: [TILE_ROWS][depth] */
#define OPERAND_TILE(name, streamed_tile) __local float *const name = 0 /* scores are operands in place */
#define COL_TILE(name) __local float *const name = 0
#define REDUCE_TILE(name) __local float *const name = 0
#define ROW_VALUES(name) __local lane_f name[ROWS]
#define COL_VALUES(name) __local lane_f name[COLS]
#define SCORES(name) __local lane_f name[ROWS * COLS]
#define OUTPUT(name) __local lane_f name[ROWS * OUT_COLS]
#if KEEPS_TOTALS
#define TOTALS(name) OUTPUT(name)
#endif

/* Loops over an array that must be in registers, fully unrolled. With a mere hint to unroll, LLVM's
 * vectorizer may come first and leave a loop that cannot be unrolled. */
#define FOR_REGISTERS(i, count) PRAGMA(clang loop unroll(full)) for (int i = 0; i < (count); ++i)
#define FOR_ROWS(r, rows) for (int r = (rows)->begin; r < (rows)->end; ++r)
#define FOR_COLS(c, cols) for (int c = 0; c < (cols); ++c)
#define FOR_OUT(x) for (int x = 0; x < OUT_COLS; ++x)
#define STATS_AHEAD false
#define fetch_stats(of, w) ((void)0)
#define LATE_SCALE 0
/* Rescaling is skipped until the maximum grows by more than RESCALE_SLACK powers of two: rescaling
 * costs more than large P. */
#define RESCALES_LATE 1
#define RESCALE_SLACK 8.0f
#define NEEDS_RESCALE(factor) any((factor) != 1.0f)
/* Whether tile_output reuses the streamed tile of tile_scores: only if that holds the whole
 * depth. */
#define KEEPS_STAGED(depth) ((depth) == DEPTH_STEP && (depth) == OUT_BLOCK)

INLINE lane_i lane_numbers(void)
{
#if LANES == 16
    return (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif LANES == 8
    return (int8)(0, 1, 2, 3, 4, 5, 6, 7);
#else
    return (int4)(0, 1, 2, 3);
#endif
}

INLINE lane_i tile_row(int r)
{
    return r * LANES + lane_numbers();
}

INLINE int tile_col(int c)
{
    return c;
}

/* Whole register blocks; lanes past the last row that exists hold zeros. */
INLINE void rows_in_use(struct span *rows, long left)
{
    rows->begin = 0;
    rows->end = (int)(min(left, (long)TILE_ROWS) + LANES * BLOCK_COLS - 1) / (LANES * BLOCK_COLS) * BLOCK_COLS;
}

INLINE void narrow_rows(struct span *rows, int first, int count)
{
    rows->begin = max(rows->begin, first / (LANES * BLOCK_COLS) * BLOCK_COLS);
    rows->end = min(rows->end, (count + LANES * BLOCK_COLS - 1) / (LANES * BLOCK_COLS) * BLOCK_COLS);
}

INLINE int cols_in_use(long left)
{
    return (int)((min(left, (long)TILE_COLS) + BLOCK_ROWS - 1) / BLOCK_ROWS * BLOCK_ROWS);
}

#include "engines/cpu/transpose.cl"

/* Stores elements from x on of a row with `there` elements. */
INLINE void store_lanes(__global result *row, int x, int there, lane_f value)
{
    if (x + LANES <= there) {
        STORE_RESULT_LANES(LANES, row + x, value);
        return;
    }
    float values[LANES];
    JOIN(vstore, LANES)(value, 0, values);
    for (int i = 0; x + i < there; ++i)
        STORE_RESULT(row, x + i, values[i]);
}

INLINE void store_output(const __local lane_f *out, const ACC lane_f *factor, __local float *tile,
                         __global result *data, const struct layout *at, long first, int d, const struct span *rows)
{
    const int depth = min(at->depth - d, OUT_BLOCK);
    FOR_ROWS (r, rows) {
        const int existing = (int)clamp(at->count - first - r * LANES, 0L, (long)LANES);
        for (int x = 0; x < depth; x += LANES) {
            lane_f v[LANES];
            FOR_UNROLLED (i, LANES)
                v[i] = factor[r] == 0.0f ? (lane_f)(0.0f) : out[OUT(r, x + i)] * factor[r];
            transpose(v);
            for (int i = 0; i < existing; ++i)
                store_lanes(data + row_offset(at, first + r * LANES + i) + d, x, depth, v[i]);
        }
    }
}

#if KEEPS_TOTALS
INLINE void flush_output(__local lane_f *out, __local lane_f *total, const ACC lane_f *factor, __global result *data,
                         const struct layout *at, long first, int d, const struct span *rows)
{
    FOR_ROWS (r, rows)
        FOR_OUT (x) {
            const int n = OUT(r, x);
            const lane_f before = factor[r] == 0.0f ? (lane_f)(0.0f) : total[n] * factor[r], sum = before + out[n];
            out[n] = LOST_IN_SUM(before, out[n], sum);
            total[n] = sum;
        }
}

INLINE void finish_totals(__local lane_f *out, const __local lane_f *total, const ACC lane_f *factor,
                          __global result *data, const struct layout *at, long first, int d, const struct span *rows)
{
    FOR_ROWS (r, rows)
        FOR_OUT (x)
            out[OUT(r, x)] += factor[r] == 0.0f ? (lane_f)(0.0f) : total[OUT(r, x)] * factor[r];
}
#endif

/* SPREAD copies lanes to an array, COLLECT copies them back. */
#define SPREAD(type, name, lanes)                                                                                      \
    type name[LANES];                                                                                                  \
    JOIN(vstore, LANES)(lanes, 0, name)
#define COLLECT(name) JOIN(vload, LANES)(0, name)

INLINE void store_stat(const ACC lane_f *value, __global float *data, const struct layout *at, long first,
                       const struct span *rows)
{
    FOR_ROWS (r, rows) {
        SPREAD(float, v, value[r]);
        for (int i = 0; i < LANES && first + r * LANES + i < at->count; ++i)
            data[row_offset(at, first + r * LANES + i)] = v[i];
    }
}

/* One float32 a row; `otherwise` for rows that do not exist. */
INLINE lane_f row_stat(const __global float *data, const struct layout *at, long first, int r, float otherwise)
{
    float v[LANES];
    for (int i = 0; i < LANES; ++i) {
        const long row = first + r * LANES + i;
        v[i] = row < at->count ? data[row_offset(at, row)] : otherwise;
    }
    return COLLECT(v);
}

INLINE lane_f col_stat(const struct stats *of, long first, int c)
{
    return first + c < of->at.count ? of->data[row_offset(&of->at, first + c)] : of->otherwise;
}

/* 2^x 2^headroom to 2 ulp for x + headroom <= 127, headroom an integer. Exactly 0 for x + headroom
 * < -126, where float32 has no normal numbers. 2^x = 2^n 2^f, n the nearest integer, 2^f by a
 * polynomial on [-1/2, 1/2]. Adding `round_bias` puts n + headroom + 127, the biased exponent, into
 * the lowest bits of the sum. */
INLINE lane_f exp2_with_headroom(lane_f x, float headroom)
{
    const float round_bias = 0x1.8p23f + (127.0f + headroom);
    const lane_f sum = x + round_bias, f = x - (sum - round_bias);
    lane_f p = 1.535336188319500e-4f * f + 1.339887440266574e-3f;
    p = p * f + 9.618437357674640e-3f;
    p = p * f + 5.550332471162809e-2f;
    p = p * f + 2.402264791363012e-1f;
    p = p * f + 6.931472028550421e-1f;
    p = p * f + 1.0f;
    return x < -126.0f - headroom ? (lane_f)(0.0f) : JOIN(as_float, LANES)(JOIN(as_int, LANES)(sum) << 23) * p;
}

INLINE lane_f lane_exp2(lane_f x)
{
    return exp2_with_headroom(x, 0.0f);
}

INLINE lane_f scaled(lane_f x, const struct call *a)
{
#pragma OPENCL FP_CONTRACT OFF
    return x * a->scale;
}

INLINE lane_f lane_weight(lane_f x, const struct call *a)
{
    return exp2_with_headroom(x, a->headroom_log2);
}

INLINE lane_f at_most_zero(lane_f x)
{
    return x > 0.0f ? (lane_f)(0.0f) : x;
}

/* Ignores NaN in x like fmax, but is cheaper. */
INLINE lane_f lane_max(lane_f most, lane_f x)
{
    return x > most ? x : most;
}

#if defined(SOFTCAP)
INLINE bool any_lane(lane_i x)
{
    return any(x);
}

INLINE lane_f lane_reciprocal(lane_f x)
{
    return 1.0f / x;
}
#endif

INLINE lane_f lane_sum(lane_i n, float more)
{
    return JOIN(convert_float, LANES)(n) + more;
}

INLINE lane_f gather_float(const __global float *data, lane_i n, long stride)
{
    float value[LANES];
    SPREAD(int, nn, n);
    for (int x = 0; x < LANES; ++x)
        value[x] = data[nn[x] * stride];
    return COLLECT(value);
}

INLINE lane_i gather_mask(const __global uchar *mask, lane_i i, long row, lane_i head, long per_head, lane_i j,
                          long column)
{
    int value[LANES];
    SPREAD(int, ii, i);
    SPREAD(int, hh, head);
    SPREAD(int, jj, j);
    for (int x = 0; x < LANES; ++x)
        value[x] = mask[ii[x] * row + hh[x] * per_head + jj[x] * column];
    return COLLECT(value);
}

#if defined(BIAS)
INLINE lane_f gather_bias(const __global stored *bias, long at, lane_i i, long row, lane_i head, long per_head,
                          lane_i j, long column)
{
    float value[LANES];
    SPREAD(int, ii, i);
    SPREAD(int, hh, head);
    SPREAD(int, jj, j);
    for (int x = 0; x < LANES; ++x)
        value[x] = load_bias(bias, at + ii[x] * row + hh[x] * per_head + jj[x] * column);
    return COLLECT(value);
}
#endif

/* One work-item holds whole rows. */
INLINE void reduce_max(ACC lane_f *value, __local float *tile, const struct span *rows)
{
}

INLINE void reduce_sum(ACC lane_f *value, __local float *tile, const struct span *rows)
{
}

#endif
