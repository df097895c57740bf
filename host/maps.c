/* Tensor maps, by which the copy engine of engine nvidia_wgmma finds tiles (kernels/tensor_map.cl): a kernel writes
 * them into the workspace, and the kernels of a stage find them there. */
#include "launch.h"

#include "engine.h"

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

/* Bytes of a stage's maps and counter, and what it takes to begin at a multiple of a map's size. */
static size_t bytes_of(const clattn_plan *plan, enum clattn__kernel kernel)
{
    enum { MAP_BYTES = 128 };
    const size_t maps = (size_t)plan->problem.batch * CLATTN__MAPS_A_BATCH;
    return has_maps(&plan->stages[kernel]) ? (maps + 2) * MAP_BYTES : 0;
}

size_t clattn__maps_bytes(const clattn_plan *plan, unsigned pass)
{
    return pass == CLATTN_FORWARD ? bytes_of(plan, KERNEL_FORWARD)
                                  : bytes_of(plan, KERNEL_DQ) + bytes_of(plan, KERNEL_DKDV);
}

void clattn__maps_place(const clattn_plan *plan, enum clattn__kernel kernel, struct call *call)
{
    const struct clattn__stage *stage = &plan->stages[kernel];
    const struct clattn__config *config = &stage->config;
    const bool keys_own = clattn__config_keys_own(kernel);
    if (!has_maps(stage))
        return;
    const size_t begin = clattn__workspace_sums(plan, kernel == KERNEL_FORWARD ? CLATTN_FORWARD : CLATTN_BACKWARD);
    call->maps = (arg_long)(begin + (kernel == KERNEL_DKDV ? bytes_of(plan, KERNEL_DQ) : 0));
    call->query_rows = keys_own ? config->walk : config->own;
    call->key_rows = keys_own ? config->own : config->walk;
}

clattn_status clattn__launch_maps(struct clattn__launch *launch, enum clattn__kernel kernel, struct call *call,
                                  cl_mem workspace)
{
    const cl_mem *mem = launch->mem;
    if (!has_maps(clattn__stage_for(launch->plan, kernel, call)))
        return CLATTN_SUCCESS;
    clattn__maps_place(launch->plan, kernel, call);
    const cl_mem buffers[] = {mem[ROLE_Q], mem[ROLE_K], mem[ROLE_V], mem[ROLE_DOUT], mem[ROLE_KV_LENGTHS], workspace};
    return clattn__launch_stage(launch, KERNEL_MAPS, call, buffers, ARRAY_SIZE(buffers), 0);
}
