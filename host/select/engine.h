/* SPDX-License-Identifier: Apache-2.0 */
/* Engines: one row each of what the host has to know about them, and the order in which a context tries them. */
#ifndef CLATTN_SELECT_ENGINE_H
#define CLATTN_SELECT_ENGINE_H

#include "opencl/context.h"
#include "select/config.h"

struct call;

struct clattn__engine {
    clattn_engine id;
    bool tested; /* a device may be unable to run it: each pass is tried once a context (api/trial.h) */
    /* Whether it has the kernel for problems of this type, depth and packing; NULL: for all. */
    bool (*supports)(const struct clattn__device *device, const clattn_problem *problem, enum clattn__kernel kernel);
    /* The attempt-th best configuration that fits device and problem; false when there is none left. */
    bool (*choose)(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                   struct clattn__config *config);
    /* Fills in what follows from the tunable numbers, with tiles no taller than the rows there are; false where the
     * kernels' #error lines refuse them. */
    bool (*complete)(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);
    /* Names of its kernels and their files, where they are its own. */
    const char *names[KERNEL_COUNT];
    const char *few; /* of its forward for few query rows, if it has one */
    bool retarget;   /* its programs are edited before they are loaded (ptx.h) */
    int run; /* walked rows after which it settles its float32 sums, 0: it cannot: kernels/attention/long_sums.cl */
    bool tile_sums; /* it adds up tiles alone after as many rows, and settles later */
    bool deltas;    /* its kernel of dQ makes delta on its way: kernels/engines/nvidia/row_deltas.cl */
    bool maps;      /* its kernels find tensors by maps in the workspace (maps.c), and never share the keys out */
    /* Whether the kernel, as it was configured, can read and write the tensors of a call, whose offsets and strides are
     * in it; asked of configurations that say so (`aligned`). Their stages have another engine to fall back to. */
    bool (*takes)(const clattn_problem *problem, enum clattn__kernel kernel, const struct call *call);
};

extern const char *const clattn__engine_names[CLATTN__ENGINE_COUNT];

/* NULL where the library has no such engine. */
const struct clattn__engine *clattn__engine_find(clattn_engine id);
/* Whether the engine has a kernel for it. */
bool clattn__engine_supports(clattn_engine id, const struct clattn__device *device, const clattn_problem *problem,
                             enum clattn__kernel kernel);
/* Engines to try for the stages of a plan, the best first; the last is right everywhere. Returns how many. */
size_t clattn__engine_order(const clattn_context *context, clattn_engine order[CLATTN__ENGINE_COUNT]);
#endif
