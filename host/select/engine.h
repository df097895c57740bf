/* SPDX-License-Identifier: Apache-2.0 */
/* Engines: one row each of what the host has to know about them, and which of them a context may use. */
#ifndef CLATTN_HOST_ENGINE_H
#define CLATTN_HOST_ENGINE_H

#include "internal.h"

struct call;

struct clattn__engine {
    clattn_engine id;
    bool tested; /* a device may be unable to run it: each pass is tried once a context, by clattn__self_test */
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
    bool (*takes)(const clattn_plan *plan, enum clattn__kernel kernel, const struct call *call);
};

/* NULL where the library has no such engine. */
const struct clattn__engine *clattn__engine_find(clattn_engine id);
/* Whether the engine has a kernel for it. */
bool clattn__engine_supports(clattn_engine id, const struct clattn__device *device, const clattn_problem *problem,
                             enum clattn__kernel kernel);
/* Engines to try for the stages of a plan, the best first; the last is right everywhere. Returns how many. */
size_t clattn__engine_order(const clattn_context *context, clattn_engine order[CLATTN__ENGINE_COUNT]);
/* Whether the device is able to run the engine's kernel, which is found out at the first call: for the forward, and for
 * the gradients together. Fails where that cannot be found out: out of memory, the host's or the device's. */
clattn_status clattn__engine_try(clattn_context *context, clattn_engine id, enum clattn__kernel kernel,
                                 bool *available);
/* Why not. */
const char *clattn__engine_reason(const clattn_context *context, clattn_engine id, enum clattn__kernel kernel);
/* Tries what no plan has needed yet; fails as clattn__engine_try does. */
clattn_status clattn__engines_try_all(clattn_context *context);
/* A line on what plans will use, and one on each engine that had to be tried; under engines_lock. */
void clattn__engines_describe(const clattn_context *context, struct clattn__text *text);

/* ---- selftest.c ---- */

/* A small problem by that engine's kernels, CLATTN_FORWARD or CLATTN_BACKWARD, against the same in double: success, or
 * the sentence of why not. */
clattn_status clattn__self_test(clattn_context *context, clattn_engine id, unsigned pass);

#endif
