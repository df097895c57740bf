/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers: one row per program, with what it supports. Plans are built from them. */
#ifndef CLATTN_SELECT_SOLVER_H
#define CLATTN_SELECT_SOLVER_H

#include "select/config.h"
#include "select/feature.h"

struct call;

enum clattn__solver_trait {
    SOLVER_DECODE = 1, /* schedule for few query rows: its configurations have `decode` */
    /* May split the keys among work-groups, with partial results in the workspace. */
    SOLVER_SPLITS = 2,
    SOLVER_TENSOR_MAPS = 4, /* uses tensor maps in the workspace (plan/workspace.c) */
    /* Writes delta to the workspace (kernels/engines/nvidia/row_deltas.cl). */
    SOLVER_MAKES_DELTA = 8,
};

struct clattn__solver {
    const char *program;        /* its file in kernels/ and its kernel function; NULL ends a list */
    enum clattn__kernel kernel; /* the kernel of a plan that it implements */
    uint64_t features;          /* supported; all others are refused */
    unsigned traits;
    /* Whether it supports the sizes; NULL: all. */
    bool (*serves)(const struct clattn__device *device, const clattn_problem *problem, enum clattn__kernel kernel);
    /* The best configuration that fits device and problem, after skipping *attempt better ones;
     * each skipped one decrements *attempt. False: none left. */
    bool (*choose)(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                   struct clattn__config *config);
    /* Fills in what follows from the tunables, and shrinks tiles to the rows that exist. False if
     * the kernel's #error lines would reject them. NULL: nothing to tune. */
    bool (*complete)(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols,
                     struct clattn__config *config);
    /* Whether it can use the tensors of a call, by their offsets and strides; NULL: any. A plan
     * that uses it also has another engine's solver as fallback. */
    bool (*accepts_layout)(const clattn_problem *problem, enum clattn__kernel kernel, const struct call *call);
};

/* The check before any use of a solver: it names each feature of the problem and supports its
 * sizes. */
bool clattn__solver_supports(const struct clattn__solver *solver, const struct clattn__device *device,
                             const clattn_problem *problem);
/* "causal, key lengths" */
void clattn__features_print(uint64_t features, struct clattn__text *text);

#endif
