/* SPDX-License-Identifier: Apache-2.0 */
/* How tiles lie on a machine, by engine; tile.cl has what is done with them. An owner tile has OWN rows, the other
 * side comes in tiles of WALK rows; which of queries and keys is which, the pass decides. Each engine file defines:
 *
 *   lane_f, lane_i     float and int, or vectors of LANES of them that run along the owner's rows
 *   out_f              the same along a few neighbouring depth elements, or as lane_f
 *   owner_f            element of an owner tile
 *   ACC                address space of accumulators
 *   ROWS, COLS         lanes of owner rows, and walked rows, of a score accumulator lane_f[ROWS * COLS]
 *   OUT_COLS           out_f of a row in an output accumulator out_f[ROWS * OUT_COLS], SLICE elements deep
 *   SCORE(r, c), OUT(r, x)     where they lie in the accumulator
 *   tile_row(r), tile_col(c)   and in the tile: lanes of owner rows, a walked row
 *   rows_in_use(&rows, left), cols_in_use(left)     what there is of a tile that has `left` rows, for the loops below
 *   narrow_rows(&rows, first, count)   leaves out what it can of the rows before `first` and past `count`
 *   FOR_ROWS(r, rows), FOR_COLS(c, cols), FOR_OUT(x)   visit an accumulator
 *   WALKED_TILE, REDUCE_TILE(name)   storage, declared at kernel scope, the walked tile first
 *   OWNER_TILE(name, depth, walked_tile), OPERAND_TILE(name, walked_tile)   more, or parts of the walked tile's
 *   SECOND_TILE(name, walked_tile)   a walked tile more, or the same again where local memory is dear
 *   AHEAD_TILE(name, walked_tile)    a walked tile more where tiles are fetched ahead, else the same
 *   COL_TILE(name)             for the stats of walked rows, if they are fetched ahead of a step: STATS_AHEAD
 *   SCORES, OUTPUT, ROW_VALUES, COL_VALUES(name)   accumulators, and a lane_f a row or column, in ACC
 *   reduce_max, reduce_sum     over the walked direction, of one value a row, what work-items hold of it
 *   fetch_stats(of, w)         of the walked rows from w on, before fetch_tiles of the step that begins there
 *   lane_max, lane_exp2, at_most_zero, row_stat, col_stat, lane_sum, gather_float, gather_mask   on lanes
 *   LATE_SCALE                 see softmax.cl; without it lane_weight(x, a), 2^x times a's room, and scaled(x, a), x times
 *                              its scale, rounded: no part of another multiply-add
 *   RESCALES_LATE, RESCALE_SLACK, NEEDS_RESCALE(factor)   whether the softmax's m may stay behind and how far; whether
 *                              to rescale
 *   store_output(out, factor, tile, data, at, first, d, rows)   data rows = factor[r] * out, 0 where the factor is,
 *                              for the depth slice from d; only elements that exist. `tile`: the operand's or the reductions', which no walk
 *                              needs any more
 *   store_stat                 to global memory, too
 *   MAKES_DELTA, row_deltas    see gradient.cl
 *   TENSOR_MAPS                if its kernels are given maps of their tensors
 *   SETTLED, settle_output, join_output    see long_sums.cl; where LONG_SUMS may be 1
 */
#ifndef ENGINE_CL
#define ENGINE_CL

#if !defined(ENGINE) || !defined(D_PAD) || !defined(DV_PAD) || !defined(OWN) || !defined(WALK)
#error "ENGINE, D_PAD, DV_PAD, OWN and WALK must be given with -D"
#endif
#if !defined(CHUNK) || !defined(SLICE) || !defined(OWNER_RESIDENT) || !defined(PACKED) || !defined(MASK)
#error "CHUNK, SLICE, OWNER_RESIDENT, PACKED and MASK must be given with -D"
#endif
#ifndef LONG_SUMS
#error "LONG_SUMS must be given with -D"
#endif
#define SETTLES (LONG_SUMS > 1) /* see long_sums.cl */
#if D_PAD % CHUNK || DV_PAD % CHUNK
#error "CHUNK must divide D_PAD and DV_PAD"
#endif

#define ENGINE_SIMT 1 /* as clattn_engine */
#define ENGINE_CPU 2
#define ENGINE_NVIDIA_MMA 3
#define ENGINE_NVIDIA_WGMMA 4
#if (ENGINE == ENGINE_SIMT || ENGINE == ENGINE_NVIDIA_MMA) && !defined(FEW)
#error "FEW must be given with -D"
#endif

/* Lanes of owner rows that are in use. */
struct span {
    int begin, end;
};

/* What x + y lost when it was rounded to `sum`. */
#define LOST_IN_SUM(x, y, sum) (((x) - ((sum) - ((sum) - (x)))) + ((y) - ((sum) - (x))))

#define MAX_PAD (D_PAD > DV_PAD ? D_PAD : DV_PAD)

#include "attention/rows.cl"

#if ENGINE == ENGINE_CPU
#include "engines/cpu/engine.cl"
#elif ENGINE == ENGINE_SIMT && FEW
#include "engines/simt/engine_few.cl"
#elif ENGINE == ENGINE_SIMT
#include "engines/simt/engine.cl"
#elif ENGINE == ENGINE_NVIDIA_WGMMA
#include "engines/nvidia_wgmma/engine.cl"
#elif ENGINE == ENGINE_NVIDIA_MMA && FEW
#include "engines/nvidia_mma/engine_few.cl"
#elif ENGINE == ENGINE_NVIDIA_MMA
#include "engines/nvidia_mma/engine.cl"
#else
#error "ENGINE is unknown"
#endif

#endif
