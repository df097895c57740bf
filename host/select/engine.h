/* SPDX-License-Identifier: Apache-2.0 */
/* Engines: what the host must know of each, their solvers, and the order in which a context tries
 * them. */
#ifndef CLATTN_SELECT_ENGINE_H
#define CLATTN_SELECT_ENGINE_H

#include "opencl/context.h"
#include "select/solver.h"

struct clattn__engine {
    clattn_engine id;
    const struct clattn__solver *solvers; /* tried in this order for a kernel */
    /* A device may be unable to run it: each pass is tested once per context (api/trial.h). */
    bool tested;
    bool retarget; /* its programs are edited before loading (opencl/ptx.h) */
    /* Streamed rows after which it flushes float32 sums; 0: never
     * (kernels/attention/long_sums.cl). */
    int run;
    bool tile_sums; /* after `run` rows it first sums each tile, and flushes later */
};

extern const char *const clattn__engine_names[CLATTN__ENGINE_COUNT];

/* NULL if the library has no such engine. */
const struct clattn__engine *clattn__engine_find(clattn_engine id);
/* Engines to try for a plan's stages, best first; the last is correct everywhere. Returns their
 * number. */
size_t clattn__engine_order(const clattn_context *context, clattn_engine order[CLATTN__ENGINE_COUNT]);

/* The engine's first solver of the kernel, or the one common to all engines; then the next solver
 * of the same kernel. NULL: none. */
const struct clattn__solver *clattn__solver_first(clattn_engine id, enum clattn__kernel kernel);
const struct clattn__solver *clattn__solver_next(const struct clattn__solver *solver);
/* The solver of a configuration. */
const struct clattn__solver *clattn__solver_of(const struct clattn__config *config);
/* Whether the engine has a solver of the kernel for this problem. */
bool clattn__engine_supports(clattn_engine id, const struct clattn__device *device, const clattn_problem *problem,
                             enum clattn__kernel kernel);

#endif
