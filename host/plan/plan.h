/* SPDX-License-Identifier: Apache-2.0 */
/* A plan: the kernels of a problem, chosen and built. */
#ifndef CLATTN_PLAN_H
#define CLATTN_PLAN_H

#include "opencl/context.h"
#include "select/solver.h"

struct clattn__misfit { /* of a kernel that was built and cannot run; group_size 0: there was none */
    size_t group_size, most_items;
    cl_ulong local_bytes;
};

struct clattn__stage { /* one solver of the plan, at work */
    bool used;
    bool tuned; /* the configuration is not from the built-in table */
    const struct clattn__solver *solver;
    struct clattn__config config;
    struct clattn__misfit misfit; /* the last that was tried */
    cl_kernel kernel;
    uint64_t groups;
    uint64_t groups_per_launch;
    size_t most_groups; /* in a launch, which take turns at the others; 0: all of it */
};

/* Whether a plan may use the engine for the kernel, which the device may be unable to run; fails where that cannot be
 * found out, and where the context's options ask for this engine. */
typedef clattn_status clattn__may_use(clattn_context *context, clattn_engine engine, enum clattn__kernel kernel,
                                      bool *may);

struct clattn_plan {
    clattn_context *context;
    clattn_problem problem;
    unsigned passes;
    bool one_walk; /* KERNEL_HEAD makes all gradients */
    int pack;
    float scale;
    clattn_engine only;       /* as in clattn__plan_build */
    clattn__may_use *may_use; /* while it is built */
    struct clattn__stage stages[KERNEL_COUNT];
    struct clattn__stage fallbacks[KERNEL_COUNT]; /* for calls whose tensors the stage's engine does not take */
    pthread_mutex_t *lock;                        /* arguments of the kernels, from setting to enqueue */
    char *description;
};

/* Chooses and builds. `only` is the one engine to use, whether or not the device is known to run it; AUTO: engines in
 * the context's order, as far as may_use says. */
clattn_status clattn__plan_build(clattn_context *context, clattn_engine only, clattn__may_use *may_use,
                                 const clattn_problem *problem, unsigned passes, clattn_plan **plan);
void clattn__plan_free(clattn_plan *plan);
/* Writes plan->description (describe.c). */
clattn_status clattn__plan_write_description(clattn_plan *plan);

/* ---- warm.c ---- */

/* Has a driver that compiles at the first launch compile the stage's kernel now, by a launch that does next to nothing,
 * unless it did so for another plan. */
clattn_status clattn__warm(const clattn_plan *plan, const struct clattn__stage *stage, cl_program program);

/* ---- delta.c ---- */

/* Whether the plan's gradients read delta. */
bool clattn__delta_wanted(const clattn_plan *plan);
/* Whether the stage is dQ's and leaves it in the workspace; and whether the plan's does in every call. */
bool clattn__stage_makes_delta(const struct clattn__stage *stage);
bool clattn__dq_makes_delta(const clattn_plan *plan);

/* ---- workspace.c ---- */

/* Bytes of the workspace of a pass. */
size_t clattn__workspace_bytes(const clattn_plan *plan, unsigned pass);
/* Whether the stage's kernel finds tensors by maps. */
bool clattn__stage_has_maps(const struct clattn__stage *stage);
/* Whose stages of the plan do; AUTO: none. */
clattn_engine clattn__maps_engine(const clattn_plan *plan);
/* The kernels of a pass that do, each with a set of its own. Returns how many. */
size_t clattn__maps_kernels(const clattn_plan *plan, unsigned pass, enum clattn__kernel kernels[CLATTN__MAP_SETS]);
/* Byte of the workspace at or behind which the kernel's set begins. */
size_t clattn__maps_at(const clattn_plan *plan, enum clattn__kernel kernel);

#endif
