/* How tiles lie on a machine, by engine; tile.cl has what is done with them. An owner tile has OWN rows, the walked side comes in tiles of WALK rows; which of queries
 * and keys is which, the pass decides. Each engine file defines:
 *
 *   lane_f, lane_i     float and int, or vectors of LANES of them that run along the walked rows
 *   out_f              a few neighbouring depth elements of an output row
 *   ACC                address space of accumulators
 *   ROWS, COLS         owner rows, and lanes of walked rows, of a score accumulator lane_f[ROWS * COLS]
 *   OUT_COLS           out_f in a row of an output accumulator out_f[ROWS * OUT_COLS], SLICE elements deep
 *   FOR_ROWS(r, rows)  visits the accumulator's rows; `rows` of the tile are in use
 *   tile_row(r), tile_col(c), out_depth(x)   where accumulator elements lie in the tile
 *   OWNER_TILE, WALKED_TILE, OPERAND_TILE, REDUCE_TILE(name)   storage, declared at kernel scope
 *   SCORES, OUTPUT, ROW_FLOATS, ROW_LANES(name)   accumulators, and a value a row, in ACC
 *   reduce_max, reduce_sum     over the walked direction, of one value a row
 *   lane_max, lane_sum, lane_exp2, gather_stat, gather_mask   on lanes
 */
#ifndef ENGINE_CL
#define ENGINE_CL

#if !defined(ENGINE) || !defined(D_PAD) || !defined(DV_PAD) || !defined(OWN) || !defined(WALK)
#error "ENGINE, D_PAD, DV_PAD, OWN and WALK must be given with -D"
#endif
#if !defined(CHUNK) || !defined(SLICE) || !defined(OWNER_RESIDENT) || !defined(PACKED) || !defined(MASK)
#error "CHUNK, SLICE, OWNER_RESIDENT, PACKED and MASK must be given with -D"
#endif
#if D_PAD % CHUNK || DV_PAD % CHUNK
#error "CHUNK must divide D_PAD and DV_PAD"
#endif

#define ENGINE_SIMT 1 /* as clattn_engine */
#define ENGINE_CPU 2

#define MAX_PAD (D_PAD > DV_PAD ? D_PAD : DV_PAD)

#include "rows.cl"

#if ENGINE == ENGINE_CPU
#include "engine_cpu.cl"
#elif ENGINE == ENGINE_SIMT
#include "engine_simt.cl"
#else
#error "ENGINE is unknown"
#endif

#endif
