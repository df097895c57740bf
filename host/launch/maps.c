/* SPDX-License-Identifier: Apache-2.0 */
/* Tensor maps, by which the copy engine of engine nvidia_wgmma finds tiles (kernels/engines/nvidia_wgmma/tensor_map.cl): a kernel writes
 * them into the workspace, and the kernels of a stage find them there. */
#include "launch/launch.h"

#include "select/engine.h"

static const enum clattn__kernel with_maps[] = {KERNEL_FORWARD, KERNEL_DQ, KERNEL_DKDV};

static bool has_maps(const struct clattn__stage *stage)
{
    return stage->used && stage->config.kernel != KERNEL_MAPS && clattn__engine_find(stage->config.engine)->maps;
}

clattn_engine clattn__maps_engine(const clattn_plan *plan)
{
    for (size_t i = 0; i < ARRAY_SIZE(with_maps); ++i)
        if (has_maps(&plan->stages[with_maps[i]]))
            return plan->stages[with_maps[i]].config.engine;
    return CLATTN_ENGINE_AUTO;
}

/* The kernels of a pass that have maps, each a set of its own. Returns how many. */
static size_t kernels_of(const clattn_plan *plan, unsigned pass, enum clattn__kernel kernels[ARRAY_SIZE(with_maps)])
{
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_SIZE(with_maps); ++i)
        if ((with_maps[i] == KERNEL_FORWARD) == (pass == CLATTN_FORWARD) && has_maps(&plan->stages[with_maps[i]]))
            kernels[count++] = with_maps[i];
    return count;
}

/* Bytes of a set and its counter, and what it takes to begin at a multiple of a map's size. */
static size_t set_bytes(const clattn_plan *plan)
{
    return ((size_t)plan->problem.batch * CLATTN__MAPS_A_BATCH + 2) * CLATTN__MAP_BYTES;
}

size_t clattn__maps_bytes(const clattn_plan *plan, unsigned pass)
{
    enum clattn__kernel kernels[ARRAY_SIZE(with_maps)];
    return kernels_of(plan, pass, kernels) * set_bytes(plan);
}

void clattn__maps_place(const clattn_plan *plan, enum clattn__kernel kernel, struct call *call)
{
    const unsigned pass = kernel == KERNEL_FORWARD ? CLATTN_FORWARD : CLATTN_BACKWARD;
    enum clattn__kernel kernels[ARRAY_SIZE(with_maps)];
    const size_t count = kernels_of(plan, pass, kernels);
    for (size_t i = 0; i < count; ++i)
        if (kernels[i] == kernel)
            call->maps = (arg_long)(clattn__workspace_sums(plan, pass) + i * set_bytes(plan));
}

/* What the kernel that makes them has to know of each set; one that is not wanted has no rows. */
static void describe_sets(const clattn_plan *plan, const enum clattn__kernel *kernels, size_t count, struct call *call)
{
    for (size_t i = 0; i < ARRAY_SIZE(call->query_rows); ++i) {
        const struct clattn__config *config = i < count ? &plan->stages[kernels[i]].config : NULL;
        const bool keys_own = config && clattn__config_keys_own(config->kernel);
        call->query_rows[i] = !config ? 0 : keys_own ? config->walk : config->own;
        call->key_rows[i] = !config ? 0 : keys_own ? config->own : config->walk;
    }
}

clattn_status clattn__launch_maps(struct clattn__launch *launch, unsigned pass, struct call *call, cl_mem workspace)
{
    const clattn_plan *plan = launch->plan;
    const cl_mem *mem = launch->mem;
    enum clattn__kernel kernels[ARRAY_SIZE(with_maps)];
    const size_t count = kernels_of(plan, pass, kernels);
    if (!count || !has_maps(clattn__stage_for(plan, kernels[0], call))) /* they all take the same tensors */
        return CLATTN_SUCCESS;
    clattn__maps_place(plan, kernels[0], call);
    describe_sets(plan, kernels, count, call);
    const cl_mem buffers[] = {mem[ROLE_Q], mem[ROLE_K], mem[ROLE_V], mem[ROLE_DOUT], mem[ROLE_KV_LENGTHS], workspace};
    return clattn__launch_stage(launch, KERNEL_MAPS, call, buffers, ARRAY_SIZE(buffers), 0);
}
