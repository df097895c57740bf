/* SPDX-License-Identifier: Apache-2.0 */
/* The solvers of each engine, one file each, and those common to all. */
#ifndef CLATTN_SELECT_ENGINES_H
#define CLATTN_SELECT_ENGINES_H

#include "select/solver.h"

extern const struct clattn__solver clattn__simt_solvers[], clattn__cpu_solvers[], clattn__mma_solvers[],
    clattn__wgmma_solvers[], clattn__common_solvers[];

/* ---- simt_decode.c: decode of engine simt ---- */

bool clattn__decode_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                           struct clattn__config *config);
bool clattn__decode_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols,
                             struct clattn__config *config);
/* The longest strip that divides the streamed tile, up to `most`. */
void clattn__simt_fit_strip(struct clattn__config *config, int most);

/* ---- nvidia_mma_decode.c: decode of engine nvidia_mma ---- */

bool clattn__decode_mma_serves(const struct clattn__device *device, const clattn_problem *problem,
                               enum clattn__kernel kernel);
bool clattn__decode_mma_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                               struct clattn__config *config);
bool clattn__decode_mma_complete(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols,
                                 struct clattn__config *config);
bool clattn__decode_mma_accepts_layout(const clattn_problem *problem, enum clattn__kernel kernel,
                                       const struct call *call);

#endif
