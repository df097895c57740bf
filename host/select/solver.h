/* SPDX-License-Identifier: Apache-2.0 */
/* Solvers: a row for each program, with what it can do. A plan is made of them. */
#ifndef CLATTN_SELECT_SOLVER_H
#define CLATTN_SELECT_SOLVER_H

#include "select/config.h"
#include "select/feature.h"

struct call;

enum clattn__solver_trait {
    SOLVER_DECODE = 1,      /* its schedule is for few query rows: configurations have `few` */
    SOLVER_SPLITS = 2,      /* its work-groups may share the keys out, with parts of the result in the workspace */
    SOLVER_TENSOR_MAPS = 4, /* it finds tensors by maps in the workspace (plan/workspace.c) */
    SOLVER_MAKES_DELTA = 8, /* it leaves delta in the workspace: kernels/engines/nvidia/row_deltas.cl */
};

struct clattn__solver {
    const char *program;        /* its file in kernels/, and the function in it; NULL ends a list */
    enum clattn__kernel kernel; /* what of a plan it does */
    uint64_t features;          /* that it supports. What is not named here is refused. */
    unsigned traits;
    /* Whether it has the sizes; NULL: all. */
    bool (*serves)(const struct clattn__device *device, const clattn_problem *problem, enum clattn__kernel kernel);
    /* The next best configuration that fits device and problem after *attempt others, which is counted down by each
     * that there is; false when there is none left. */
    bool (*choose)(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                   struct clattn__config *config);
    /* Fills in what follows from the tunable numbers, with tiles no taller than the rows there are; false where the
     * kernel's #error lines refuse them. NULL: there is nothing to tune. */
    bool (*complete)(const clattn_problem *problem, int64_t tile_rows, int64_t tile_cols,
                     struct clattn__config *config);
    /* Whether it can read and write the tensors of a call, whose offsets and strides are in it; NULL: all. Else a plan
     * has another engine's solver to fall back to. */
    bool (*accepts_layout)(const clattn_problem *problem, enum clattn__kernel kernel, const struct call *call);
};

/* The check that every use of a solver passes: it names each feature of the problem, and has its sizes. */
bool clattn__solver_supports(const struct clattn__solver *solver, const struct clattn__device *device,
                             const clattn_problem *problem);
/* "causal, key lengths" */
void clattn__features_print(uint64_t features, struct clattn__text *text);

#endif
