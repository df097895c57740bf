/* SPDX-License-Identifier: Apache-2.0 */
/* The two products of every pass, as the engine does them:
 *
 *   fetch_stationary(tile, stationary side, first, d, depth, rows)     stationary rows to a tile that stays; what does not exist becomes 0
 *   fetch_first(a_tile, a, a_depth, b_tile, b, b_depth, range), fetch_tiles(.., w, range)
 *                     before a pass over tiles through `range`, and before the products of each of its steps: an engine that fetches
 *                     ahead waits for the rows from w on, of both that are streamed, and starts to fetch those of the next
 *   tile_scores(S, stationary_tile, stationary side, o, streamed_tile, streamed, w, depth, rows, cols)
 *                     S = stationary x streamed^T over `depth`; stationary_tile holds the stationary rows already if STATIONARY_RESIDENT
 *   tile_output(out, P, p_tile, streamed_tile, streamed, w, d, staged, depth, rows, cols)
 *                     out += P x streamed, for the output block from d. `staged`: whether a tile_scores streamed the same
 *                     rows over `depth` with the same tile, so that an engine whose tiles serve both products may have
 *                     them still: STAGED_LAST, the last one did, STAGED_BEFORE, the one before, STAGED_NOT
 */
#ifndef TILE_CL
#define TILE_CL

#include "attention/engine.cl"
#include "attention/job.cl"

enum { STAGED_NOT, STAGED_BEFORE, STAGED_LAST };

#if ENGINE == ENGINE_CPU
#include "engines/cpu/tile.cl"
#elif ENGINE == ENGINE_SIMT
#include "engines/simt/tile.cl"
#elif ENGINE == ENGINE_NVIDIA_MMA
#include "engines/nvidia_mma/tile.cl"
#endif

#ifndef FETCHES_AHEAD
#define fetch_first(a_tile, a, a_depth, b_tile, b, b_depth, range) ((void)0)
#define fetch_tiles(a_tile, a, a_depth, b_tile, b, b_depth, w, range) ((void)0)
#endif

#endif
