/* SPDX-License-Identifier: Apache-2.0 */
/* Tensor maps, by which the copy engine of engine nvidia_wgmma finds tiles (its tensor_map.cl): a kernel writes them
 * into the workspace, and the kernels of a stage find them there. */
#include "launch/launch.h"

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

clattn_status clattn__launch_maps(struct clattn__launch *launch, unsigned pass, struct call *call)
{
    const clattn_plan *plan = launch->plan;
    enum clattn__kernel kernels[CLATTN__MAP_SETS];
    const size_t count = clattn__maps_kernels(plan, pass, kernels);
    if (!count || !clattn__stage_has_maps(launch->stages[kernels[0]])) /* they all take the same tensors */
        return CLATTN_SUCCESS;
    call->maps = (arg_long)clattn__maps_at(plan, kernels[0]);
    describe_sets(plan, kernels, count, call);
    return clattn__launch_stage(launch, KERNEL_MAPS, call, 0);
}
