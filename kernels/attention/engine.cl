/* SPDX-License-Identifier: Apache-2.0 */
/* How an engine lays tiles out; tile.cl has the products. A stationary tile has TILE_ROWS rows, a
 * streamed tile TILE_COLS rows; the pass decides which of queries and keys is stationary. Each
 * engine file defines:
 *
 *   lane_f, lane_i     float and int, or vectors of LANES of them along the stationary rows
 *   out_f              lane_f, or a vector of a few neighbouring depth elements
 *   stationary_f       element of a stationary tile
 *   ACC                address space of accumulators
 *   ROWS, COLS         of a score accumulator lane_f[ROWS * COLS]: lanes of stationary
 *                      rows, streamed rows
 *   OUT_COLS           out_f a row in an output accumulator out_f[ROWS * OUT_COLS], OUT_BLOCK deep
 *   SCORE(r, c), OUT(r, x)     index in the accumulator
 *   tile_row(r), tile_col(c)   in the tile: stationary rows (a lane_i), streamed row
 *   rows_in_use(&rows, left), cols_in_use(left)   rows and columns to loop over; `left` rows exist
 *   narrow_rows(&rows, first, count)   drops rows before `first` and from `count` on where it can
 *   FOR_ROWS(r, rows), FOR_COLS(c, cols), FOR_OUT(x)   loop over an accumulator
 *   STREAMED_TILE, REDUCE_TILE(name)   storage, declared at kernel scope, the streamed tile first
 *   STATIONARY_TILE(name, depth, streamed_tile), OPERAND_TILE(name, streamed_tile)   more storage,
 *                              or a share of the streamed tile
 *   SECOND_TILE(name, streamed_tile)   another streamed tile, or the same if local memory is scarce
 *   AHEAD_TILE(name, streamed_tile)    another streamed tile if fetching ahead, else the same
 *   COL_TILE(name)             for the stats of streamed rows, if fetched a step ahead: STATS_AHEAD
 *   SCORES, OUTPUT, ROW_VALUES, COL_VALUES(name)   accumulators; a lane_f a row or column; in ACC
 *   reduce_max, reduce_sum     of one value a row, over the work-items that share the row
 *   fetch_stats(of, w)         of streamed rows from w on; called before fetch_tiles of that step
 *   lane_max, lane_exp2, at_most_zero, row_stat, col_stat, lane_sum, gather_float,
 *   gather_mask, gather_bias   on lanes
 *   any_lane(x)                with a softcap: whether x is nonzero in any lane; on engines with votes,
 *                              in any of the warp
 *   lane_reciprocal            with a softcap
 *   LATE_SCALE                 1: one multiply-add scales a score and subtracts m, see score.cl.
 *                              0: the engine has lane_weight(x, a), 2^x times headroom, and
 *                              scaled(x, a), x times scale, rounded: never part of a multiply-add
 *   RESCALES_LATE              1: rescaling is skipped until the maximum grows by more than
 *                              RESCALE_SLACK powers of two
 *   NEEDS_RESCALE(factor)      whether O must be multiplied by the factor
 *   store_output(out, factor, tile, data, at, first, d, rows)   data rows = factor[r] * out for the
 *                              output block from d, 0 where the factor is 0; only elements that
 *                              exist. `tile`: of operands or reductions, no longer in use
 *   store_stat                 stores one float32 a row
 *   MAKES_DELTA, row_deltas    see gradient.cl
 *   TENSOR_MAPS                defined if kernels have tensor maps
 *   TOTALS, flush_output, finish_totals    if LONG_SUMS may exceed 1: see long_sums.cl */
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

#define ENGINE_SIMT 1 /* values of clattn_engine */
#define ENGINE_CPU 2
#define ENGINE_NVIDIA_MMA 3
#define ENGINE_NVIDIA_WGMMA 4
#if (ENGINE == ENGINE_SIMT || ENGINE == ENGINE_NVIDIA_MMA) && !defined(DECODE)
#error "DECODE must be given with -D"
#endif

/* A range of lanes of stationary rows: begin .. end - 1. */
struct span {
    int begin, end;
};

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
