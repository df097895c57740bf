/* SPDX-License-Identifier: Apache-2.0 */
/* The two products of every pass, as the engine does them:
 *
 *   fetch_owner(tile, owner, first, d, depth, rows)     owner rows to a tile that stays; what does not exist becomes 0
 *   fetch_first(a_tile, a, a_depth, b_tile, b, b_depth, range), fetch_tiles(.., w, range)
 *                     before a walk through `range`, and before the products of each of its steps: an engine that fetches
 *                     ahead waits for the rows from w on, of both that are walked, and starts to fetch those of the next
 *   tile_scores(S, owner_tile, owner, o, walked_tile, walked, w, depth, rows, cols)
 *                     S = owner x walked^T over `depth`; owner_tile holds the owner's rows already if OWNER_RESIDENT
 *   tile_output(out, P, p_tile, walked_tile, walked, w, d, staged, depth, rows, cols)
 *                     out += P x walked, for the depth slice from d. `staged`: whether a tile_scores walked the same
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
