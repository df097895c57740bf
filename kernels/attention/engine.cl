/* SPDX-License-Identifier: Apache-2.0 */
/* How tiles lie on a machine, by engine; tile.cl has what is done with them. A stationary tile has TILE_ROWS rows, the other
 * side comes in tiles of TILE_COLS rows; which of queries and keys is which, the pass decides. Each engine file defines:
 *
 *   lane_f, lane_i     float and int, or vectors of LANES of them that run along the stationary rows
 *   out_f              the same along a few neighbouring depth elements, or as lane_f
 *   stationary_f            element of a stationary tile
 *   ACC                address space of accumulators
 *   ROWS, COLS         lanes of stationary rows, and streamed rows, of a score accumulator lane_f[ROWS * COLS]
 *   OUT_COLS           out_f of a row in an output accumulator out_f[ROWS * OUT_COLS], OUT_BLOCK elements deep
 *   SCORE(r, c), OUT(r, x)     where they lie in the accumulator
 *   tile_row(r), tile_col(c)   and in the tile: lanes of stationary rows, a streamed row
 *   rows_in_use(&rows, left), cols_in_use(left)     what there is of a tile that has `left` rows, for the loops below
 *   narrow_rows(&rows, first, count)   leaves out what it can of the rows before `first` and past `count`
 *   FOR_ROWS(r, rows), FOR_COLS(c, cols), FOR_OUT(x)   visit an accumulator
 *   STREAMED_TILE, REDUCE_TILE(name)   storage, declared at kernel scope, the streamed tile first
 *   STATIONARY_TILE(name, depth, streamed_tile), OPERAND_TILE(name, streamed_tile)   more, or parts of the streamed tile's
 *   SECOND_TILE(name, streamed_tile)   a streamed tile more, or the same again where local memory is dear
 *   AHEAD_TILE(name, streamed_tile)    a streamed tile more where tiles are fetched ahead, else the same
 *   COL_TILE(name)             for the stats of streamed rows, if they are fetched ahead of a step: STATS_AHEAD
 *   SCORES, OUTPUT, ROW_VALUES, COL_VALUES(name)   accumulators, and a lane_f a row or column, in ACC
 *   reduce_max, reduce_sum     over the streamed direction, of one value a row, what work-items hold of it
 *   fetch_stats(of, w)         of the streamed rows from w on, before fetch_tiles of the step that begins there
 *   lane_max, lane_exp2, at_most_zero, row_stat, col_stat, lane_sum, gather_float, gather_mask   on lanes
 *   LATE_SCALE                 see softmax.cl; without it lane_weight(x, a), 2^x times a's headroom, and scaled(x, a), x times
 *                              its scale, rounded: no part of another multiply-add
 *   RESCALES_LATE, RESCALE_SLACK, NEEDS_RESCALE(factor)   whether the softmax's m may stay behind and how far; whether
 *                              to rescale
 *   store_output(out, factor, tile, data, at, first, d, rows)   data rows = factor[r] * out, 0 where the factor is,
 *                              for the output block from d; only elements that exist. `tile`: the operand's or the reductions', which no visit
 *                              needs any more
 *   store_stat                 to global memory, too
 *   MAKES_DELTA, row_deltas    see gradient.cl
 *   TENSOR_MAPS                if its kernels are given maps of their tensors
 *   TOTALS, flush_output, finish_totals    see long_sums.cl; where LONG_SUMS may be 1
 */
#ifndef ENGINE_CL
#define ENGINE_CL

#if !defined(ENGINE) || !defined(D_PAD) || !defined(DV_PAD) || !defined(TILE_ROWS) || !defined(TILE_COLS)
#error "ENGINE, D_PAD, DV_PAD, TILE_ROWS and TILE_COLS must be given with -D"
#endif
#if !defined(DEPTH_STEP) || !defined(OUT_BLOCK) || !defined(STATIONARY_RESIDENT) || !defined(PACKED) || !defined(MASK)
#error "DEPTH_STEP, OUT_BLOCK, STATIONARY_RESIDENT, PACKED and MASK must be given with -D"
#endif
#ifndef LONG_SUMS
#error "LONG_SUMS must be given with -D"
#endif
#define KEEPS_TOTALS (LONG_SUMS > 1) /* see long_sums.cl */
#if D_PAD % DEPTH_STEP || DV_PAD % DEPTH_STEP
#error "DEPTH_STEP must divide D_PAD and DV_PAD"
#endif

#define ENGINE_SIMT 1 /* as clattn_engine */
#define ENGINE_CPU 2
#define ENGINE_NVIDIA_MMA 3
#define ENGINE_NVIDIA_WGMMA 4
#if (ENGINE == ENGINE_SIMT || ENGINE == ENGINE_NVIDIA_MMA) && !defined(DECODE)
#error "DECODE must be given with -D"
#endif

/* Lanes of stationary rows that are in use. */
struct span {
    int begin, end;
};

/* What x + y lost when it was rounded to `sum`. */
#define LOST_IN_SUM(x, y, sum) (((x) - ((sum) - ((sum) - (x)))) + ((y) - ((sum) - (x))))

#define MAX_PAD (D_PAD > DV_PAD ? D_PAD : DV_PAD)

#include "attention/rows.cl"

#if ENGINE == ENGINE_CPU
#include "engines/cpu/engine.cl"
#elif ENGINE == ENGINE_SIMT && DECODE
#include "engines/simt/engine_decode.cl"
#elif ENGINE == ENGINE_SIMT
#include "engines/simt/engine.cl"
#elif ENGINE == ENGINE_NVIDIA_WGMMA
#include "engines/nvidia_wgmma/engine.cl"
#elif ENGINE == ENGINE_NVIDIA_MMA && DECODE
#include "engines/nvidia_mma/engine_decode.cl"
#elif ENGINE == ENGINE_NVIDIA_MMA
#include "engines/nvidia_mma/engine.cl"
#else
#error "ENGINE is unknown"
#endif

#endif
