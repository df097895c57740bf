/* SPDX-License-Identifier: Apache-2.0 */
/* Engines: one row each of what the host has to know about them, their solvers, and the order in which a context tries
 * them. */
#ifndef CLATTN_SELECT_ENGINE_H
#define CLATTN_SELECT_ENGINE_H

#include "opencl/context.h"
#include "select/solver.h"

struct clattn__engine {
    clattn_engine id;
    const struct clattn__solver *solvers; /* of a kernel the first are tried first */
    bool tested;   /* a device may be unable to run it: each pass is tried once a context (api/trial.h) */
    bool retarget; /* its programs are edited before they are loaded (opencl/ptx.h) */
    int run; /* streamed rows after which it flushes its float32 sums, 0: it cannot: kernels/attention/long_sums.cl */
    bool tile_sums; /* it adds up tiles alone after as many rows, and flushes later */
};

extern const char *const clattn__engine_names[CLATTN__ENGINE_COUNT];

/* NULL where the library has no such engine. */
const struct clattn__engine *clattn__engine_find(clattn_engine id);
/* Engines to try for the stages of a plan, the best first; the last is right everywhere. Returns how many. */
size_t clattn__engine_order(const clattn_context *context, clattn_engine order[CLATTN__ENGINE_COUNT]);

/* The engine's first solver of the kernel, or that of all engines; and the one after a solver. NULL: none. */
const struct clattn__solver *clattn__solver_first(clattn_engine id, enum clattn__kernel kernel);
const struct clattn__solver *clattn__solver_next(const struct clattn__solver *solver);
/* That of a configuration. */
const struct clattn__solver *clattn__solver_of(const struct clattn__config *config);
/* Whether the engine has one that supports the problem. */
bool clattn__engine_supports(clattn_engine id, const struct clattn__device *device, const clattn_problem *problem,
                             enum clattn__kernel kernel);

#endif
