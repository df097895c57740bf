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

#define CLATTN__BIT(buffer) (1u << (buffer))

struct clattn__stage { /* one solver of the plan, at work */
    bool tuned;        /* the configuration is not from the built-in table */
    const struct clattn__solver *solver;
    struct clattn__config config;
    /* What it leaves in the workspace for others, and reads of theirs: a CLATTN__BIT for each BUFFER_.. that it is. */
    unsigned makes, reads;
    cl_kernel kernel;
    cl_program program; /* of the kernel, which keeps it */
    uint64_t groups;
    uint64_t groups_per_launch;
    size_t most_groups; /* in a launch, which take turns at the others; 0: all of it */
};

enum { CLATTN__MOST_STAGES = KERNEL_COUNT * CLATTN__ENGINE_COUNT };

/* Whether a plan may use the engine for the kernel, which the device may be unable to run; fails where that cannot be
 * found out, and where the context's options ask for this engine. */
typedef clattn_status clattn__may_use(clattn_context *context, clattn_engine engine, enum clattn__kernel kernel,
                                      bool *may);

struct clattn_plan {
    clattn_context *context;
    clattn_problem problem;
    unsigned passes;
    bool one_walk; /* KERNEL_BACKWARD_FUSED makes all gradients */
    int pack;
    float scale;
    int splits;                   /* parts of the keys in the forward; 0: there is none */
    clattn_engine only;           /* as in clattn__plan_build */
    clattn__may_use *may_use;     /* while it is built, and so is the next */
    struct clattn__misfit misfit; /* the last that was tried for a kernel */
    /* In order of launch. Where a kernel has several, a call has the first that takes its tensors. */
    struct clattn__stage stages[CLATTN__MOST_STAGES];
    size_t stage_count;
    pthread_mutex_t *lock; /* arguments of the kernels, from setting to enqueue */
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

/* ---- stages.c ---- */

/* What stages read and, in some call, none makes. */
unsigned clattn__plan_lacks(const clattn_plan *plan);

/* Adds a stage where it is to be launched. */
struct clattn__stage *clattn__stage_add(clattn_plan *plan, const struct clattn__stage *stage);
/* The kernel's first stage that takes the tensors of a call (NULL: whatever they are), or its last; NULL: it has none. */
const struct clattn__stage *clattn__stage_for(const clattn_plan *plan, enum clattn__kernel kernel,
                                              const struct call *call);
/* Whether the stage is of the forward, or of the gradients. */
bool clattn__stage_is_of(const struct clattn__stage *stage, unsigned pass);
/* The stages that a pass on such tensors needs, in order. Returns how many. */
size_t clattn__stages_for(const clattn_plan *plan, unsigned pass, const struct call *call,
                          const struct clattn__stage *stages[KERNEL_COUNT]);

/* ---- workspace.c ---- */

/* Bytes of the workspace of a pass. */
size_t clattn__workspace_bytes(const clattn_plan *plan, unsigned pass);
/* The stages of a pass that find tensors by maps, each with a set of its own. Returns how many. */
size_t clattn__maps_readers(const clattn_plan *plan, unsigned pass,
                            const struct clattn__stage *readers[CLATTN__MAP_SETS]);
/* Byte of the workspace at or behind which the set of such a stage begins. */
size_t clattn__maps_at(const clattn_plan *plan, unsigned pass, const struct clattn__stage *reader);

#endif
