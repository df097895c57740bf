/* SPDX-License-Identifier: Apache-2.0 */
/* The two products of every pass, as the engine computes them:
 *
 *   fetch_stationary(tile, stationary, first, d, depth, rows)
 *            copies stationary rows to a tile; what does not exist becomes 0
 *   fetch_first(a_tile, a, a_depth, b_tile, b, b_depth, range)
 *            called before the loop over the tiles of `range`
 *   fetch_tiles(a_tile, a, a_depth, b_tile, b, b_depth, w, range)
 *            called before the products of each step. An engine that fetches ahead waits for the
 *            rows from w on of both streamed tensors, and starts fetching those of the next step
 *   tile_scores(S, stationary_tile, stationary, o, streamed_tile, streamed, w, depth, rows, cols)
 *            S = stationary x streamed^T over `depth`; with STATIONARY_RESIDENT, stationary_tile
 *            already holds the stationary rows
 *   tile_output(out, P, p_tile, streamed_tile, streamed, w, d, staged, depth, rows, cols)
 *            out += P x streamed, for the output block from d. `staged`: which tile_scores has
 *            staged the same rows over `depth` in the same tile, so that the engine may still hold
 *            them: the last one (STAGED_LAST), the last but one (STAGED_BEFORE), none
 *            (STAGED_NOT) */
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
