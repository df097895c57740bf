/* SPDX-License-Identifier: Apache-2.0 */
/* A plan: a problem's kernels, chosen and built. */
#ifndef CLATTN_PLAN_H
#define CLATTN_PLAN_H

#include "opencl/context.h"
#include "select/solver.h"

/* A kernel that was built but cannot run; group_size 0: none. */
struct clattn__misfit {
    size_t group_size, most_items;
    cl_ulong local_bytes;
};

#define CLATTN__BIT(buffer) (1u << (buffer))

/* A solver with its configuration and kernel, in a plan. */
struct clattn__stage {
    bool tuned; /* the configuration is from the tune file */
    const struct clattn__solver *solver;
    struct clattn__config config;
    /* What it writes to the workspace for other stages, and what it reads of theirs: bits
     * CLATTN__BIT(BUFFER_..). */
    unsigned makes, reads;
    cl_kernel kernel;
    cl_program program; /* of the kernel, which retains it */
    uint64_t groups;
    uint64_t groups_per_launch;
    size_t persistent_groups; /* persistent: most work-groups of a launch; 0: not persistent */
};

enum { CLATTN__MOST_STAGES = KERNEL_COUNT * CLATTN__ENGINE_COUNT };

/* Decides whether a plan may use the engine, which the device may be unable to run, for the kernel.
 * Fails if that cannot be determined, or if the engine is unavailable and the context's options
 * force it. */
typedef clattn_status clattn__may_use(clattn_context *context, clattn_engine engine, enum clattn__kernel kernel,
                                      bool *may);

struct clattn_plan {
    clattn_context *context;
    clattn_problem problem;
    unsigned passes;
    bool fused; /* KERNEL_BACKWARD_FUSED computes all gradients */
    int pack;
    float scale;
    int splits;                   /* splits of the keys in forward; 0: no forward */
    clattn_engine only;           /* as in clattn__plan_build */
    clattn__may_use *may_use;     /* used while building, as is misfit */
    struct clattn__misfit misfit; /* of the kernel being built */
    /* In launch order. A kernel may have several stages: a call uses the first that accepts its
     * tensors. */
    struct clattn__stage stages[CLATTN__MOST_STAGES];
    size_t stage_count;
    pthread_mutex_t *lock; /* held from setting kernel arguments to enqueue */
    char *description;
};

/* Chooses and builds. `only`: the one engine to use, even if the device may be unable to run it;
 * AUTO: engines in the context's order, if may_use allows them. */
clattn_status clattn__plan_build(clattn_context *context, clattn_engine only, clattn__may_use *may_use,
                                 const clattn_problem *problem, unsigned passes, clattn_plan **plan);
void clattn__plan_free(clattn_plan *plan);
/* Writes plan->description (describe.c). */
clattn_status clattn__plan_write_description(clattn_plan *plan);

/* ---- warm.c ---- */

/* On a driver that compiles at the first launch, compiles the stage's kernel now, by a launch with
 * almost no work, unless another plan did so. */
clattn_status clattn__warm(const clattn_plan *plan, const struct clattn__stage *stage, cl_program program);

/* ---- stages.c ---- */

/* What stages read of the workspace but, in some call, no stage writes. */
unsigned clattn__plan_missing_buffers(const clattn_plan *plan);

/* Adds a stage at its position in the launch order. */
struct clattn__stage *clattn__stage_add(clattn_plan *plan, const struct clattn__stage *stage);
/* The kernel's first stage that accepts the tensors of a call (NULL: any tensors), else its last
 * stage; NULL: the plan has none. */
const struct clattn__stage *clattn__stage_for(const clattn_plan *plan, enum clattn__kernel kernel,
                                              const struct call *call);
/* Whether the stage belongs to the pass: forward, or backward. */
bool clattn__stage_is_of(const struct clattn__stage *stage, unsigned pass);
/* The stages that a pass needs for these tensors, in launch order. Returns their number. */
size_t clattn__stages_for(const clattn_plan *plan, unsigned pass, const struct call *call,
                          const struct clattn__stage *stages[KERNEL_COUNT]);

/* ---- workspace.c ---- */

/* Bytes of a pass's workspace. */
size_t clattn__workspace_bytes(const clattn_plan *plan, unsigned pass);
/* The stages of a pass that use tensor maps, each with its own set. Returns their number. */
size_t clattn__stages_with_maps(const clattn_plan *plan, unsigned pass,
                                const struct clattn__stage *readers[CLATTN__MAP_SETS]);
/* The set of such a stage starts at the first multiple of a map's size at or after this byte of the
 * workspace. */
size_t clattn__maps_offset(const clattn_plan *plan, unsigned pass, const struct clattn__stage *reader);

#endif
