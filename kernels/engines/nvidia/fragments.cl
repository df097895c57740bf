/* SPDX-License-Identifier: Apache-2.0 */
/* Accumulators in the layout of NVIDIA's matrix instructions, and what depends on it, for engines
 * nvidia_mma and nvidia_wgmma. A block is 16 rows of one warp. Of each 16 x 8 of a block, lane l
 * has
 *
 *   rows l / 4 and l / 4 + 8, columns 2 (l % 4) and 2 (l % 4) + 1: four floats, row by row
 *
 * Defined before: STATIONARY_WARP, the warp's number among those with stationary rows; ROW_BLOCKS,
 * consecutive blocks of a warp; COLUMNS, the columns of the score tile that a warp has, from
 * FIRST_COLUMN on; nvidia_ptx.cl. A row is in four neighbouring lanes; all four keep its m, l and
 * so on. */
#ifndef FRAGMENTS_CL
#define FRAGMENTS_CL

#if !defined(STATIONARY_WARP) || !defined(ROW_BLOCKS) || !defined(COLUMNS) || !defined(FIRST_COLUMN)
#error "STATIONARY_WARP, ROW_BLOCKS, COLUMNS and FIRST_COLUMN must be defined"
#endif
#if COLUMNS % 16 || OUT_BLOCK % 16 || D_PAD % 16 || DV_PAD % 16
#error "16 must divide COLUMNS, OUT_BLOCK, D_PAD and DV_PAD"
#endif

typedef float lane_f;
typedef int lane_i;
typedef float out_f;
#define LANES 1
#define ACC __private
#define ROWS (2 * ROW_BLOCKS)
#define COLS (COLUMNS / 4)
#define OUT_COLS (OUT_BLOCK / 4)
#define ROW_VALUES(name) float name[ROWS]
#define COL_VALUES(name) float name[COLS]
#define STATS_AHEAD true
#define COL_TILE(name) __local float name[2 * TILE_COLS]
#define SCORES(name) float name[ROWS * COLS]
#define OUTPUT(name) float name[ROWS * OUT_COLS]
/* Index in an accumulator of 16 x 8 blocks, `columns` of them side by side. */
#define FRAGMENT(r, c, columns) ((((r) / 2 * (columns) + (c) / 2) * 2 + (r) % 2) * 2 + (c) % 2)
#define SCORE(r, c) FRAGMENT(r, c, COLUMNS / 8)
#define OUT(r, x) FRAGMENT(r, x, OUT_BLOCK / 8)

#define FOR_ROWS(r, rows) FOR_UNROLLED (r, ROWS)
#define FOR_COLS(c, cols) FOR_UNROLLED (c, COLS)
#define FOR_OUT(x) FOR_UNROLLED (x, OUT_COLS)
#define LATE_SCALE 1
/* Rescaling at once keeps a row's largest P at 1, exact in 16 bits; skipping it costs out 4 percent
 * of its accuracy (bench/NOTES.md). */
#define RESCALES_LATE 0
#define NEEDS_RESCALE(factor) ((factor) != 1.0f)

#define LANE ((int)get_local_id(0) % 32)

INLINE int fragment_column(int c)
{
    return c / 2 * 8 + LANE % 4 * 2 + c % 2;
}

INLINE int tile_row(int r)
{
    return (STATIONARY_WARP * ROW_BLOCKS + r / 2) * 16 + LANE / 4 + r % 2 * 8;
}

INLINE lane_i tile_col(int c)
{
    return FIRST_COLUMN + fragment_column(c);
}

/* Warps compute whole tiles. */
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

INLINE lane_f lane_exp2(lane_f x)
{
    return ptx_exp2(x);
}

#define at_most_zero ptx_at_most_zero
#define lane_reciprocal ptx_reciprocal

#include "attention/scalar_lane.cl"

/* Columns 16 k .. 16 k + 15 of P as a left operand, of row block b. */
INLINE void pack_block(uint *a, const float *P, const int b, const int k)
{
    FOR_UNROLLED (i, 4) {
        const int at = SCORE(2 * b + i % 2, 4 * k + i / 2 * 2);
        a[i] = ptx_pack(P[at], P[at + 1]);
    }
}

/* Offset in the stats tile of the streamed rows from w on. The tile has room for this step and the
 * next. */
INLINE int stats_of(long w)
{
    return (int)((ulong)w / TILE_COLS % 2) * TILE_COLS;
}

/* Starts fetching the stats of the streamed rows from w on. They have arrived after ptx_copies_wait
 * and a barrier. */
INLINE void fetch_stats(const struct stats *of, long w)
{
    for (int i = (int)get_local_id(0); i < TILE_COLS; i += WG_SIZE)
        if (w + i < of->at.count)
            ptx_copy_word(of->tile + stats_of(w) + i, of->data + row_offset(&of->at, w + i));
        else
            of->tile[stats_of(w) + i] = of->otherwise;
}

INLINE lane_f col_stat(const struct stats *of, long first, int c)
{
    return of->tile[stats_of(first) + tile_col(c)];
}

/* Reductions over the four lanes of a row. `tile`: see EXCHANGE_TILE. */
INLINE void reduce_max(ACC float *value, __local uint *tile, const struct span *rows)
{
    FOR_ROWS (r, rows) {
        value[r] = fmax(value[r], ptx_from_lane(value[r], 1, tile));
        value[r] = fmax(value[r], ptx_from_lane(value[r], 2, tile));
    }
}

INLINE void reduce_sum(ACC float *value, __local uint *tile, const struct span *rows)
{
    FOR_ROWS (r, rows) {
        value[r] += ptx_from_lane(value[r], 1, tile);
        value[r] += ptx_from_lane(value[r], 2, tile);
    }
}

/* Stores two neighbours of an output row. `pairs`: the alignment allows one store. */
INLINE void store_pair(__global result *data, long to, float x, float y, int left, bool pairs)
{
#if !(defined(SPLIT) && SPLIT)
    if (pairs && left > 1) {
        *(__global uint *)(data + to) = ptx_pack(x, y);
        return;
    }
#endif
    if (left > 0)
        STORE_RESULT(data, to, x);
    if (left > 1)
        STORE_RESULT(data, to + 1, y);
}

/* Swaps y of the lane with the mask's bit clear in its number and x of the lane with that bit
 * set. */
INLINE void swap_between(uint *x, uint *y, int mask, __local uint *tile)
{
    const bool upper = LANE & mask;
    const uint other = as_uint(ptx_from_lane(as_float(upper ? *x : *y), mask, tile));
    if (upper)
        *x = other;
    else
        *y = other;
}

/* Transposes words between four neighbouring lanes: word i of lane a becomes word a of lane i. */
INLINE void transpose_words(uint *w, __local uint *tile)
{
    swap_between(w, w + 1, 1, tile);
    swap_between(w + 2, w + 3, 1, tile);
    swap_between(w, w + 2, 2, tile);
    swap_between(w + 1, w + 3, 2, tile);
}

/* Whether rows are stored in vec16: of 32 columns, each lane then has 8 neighbours. */
#if OUT_BLOCK % 32 == 0 && !(defined(SPLIT) && SPLIT)
#define STORES_VEC16(data, at) has_vec16(data, at)
#else
#define STORES_VEC16(data, at) false
#endif

/* Stores whole rows, 32 columns at a time; lane i of four stores 8 of them. */
INLINE void store_vec16(const float *out, const ACC float *factor, __local uint *tile, __global result *data,
                        const struct layout *at, long first, int d, const struct span *rows)
{
    FOR_ROWS (r, rows) {
        const long row = first + tile_row(r), to = row_offset(at, row);
        FOR_UNROLLED (x, OUT_COLS / 8) {
            const int depth = d + 32 * x + LANE % 4 * 8;
            uint w[4];
            FOR_UNROLLED (i, 4)
                w[i] = ptx_pack(times_factor(out[OUT(r, 8 * x + 2 * i)], factor[r]),
                                times_factor(out[OUT(r, 8 * x + 2 * i + 1)], factor[r]));
            transpose_words(w, tile);
            if (row < at->count && depth < at->depth)
                *(__global uint4 *)(data + to + depth) = (uint4)(w[0], w[1], w[2], w[3]);
        }
    }
}

INLINE void store_output(const float *out, const ACC float *factor, __local uint *tile, __global result *data,
                         const struct layout *at, long first, int d, const struct span *rows)
{
    if (STORES_VEC16(data, at)) {
        store_vec16(out, factor, tile, data, at, first, d, rows);
        return;
    }
    const bool pairs = ((size_t)(data + at->origin) & 3) == 0 && rows_apart_by(at, 2);
    FOR_ROWS (r, rows) {
        const long row = first + tile_row(r);
        if (row < at->count) {
            const long to = row_offset(at, row);
            FOR_UNROLLED (x, OUT_COLS / 2) {
                const int depth = d + fragment_column(2 * x);
                store_pair(data, to + depth, times_factor(out[OUT(r, 2 * x)], factor[r]),
                           times_factor(out[OUT(r, 2 * x + 1)], factor[r]), at->depth - depth, pairs);
            }
        }
    }
}

/* Whether this warp stores row r, if several warps have it. */
#ifndef STORES_ROW
#define STORES_ROW(r) true
#endif

/* Stores one float32 a row, by one of its four lanes. */
INLINE void store_stat(const ACC float *value, __global float *data, const struct layout *at, long first,
                       const struct span *rows)
{
    FOR_ROWS (r, rows)
        if (LANE % 4 == 0 && STORES_ROW(r) && first + tile_row(r) < at->count)
            data[row_offset(at, first + tile_row(r))] = value[r];
}

#endif
