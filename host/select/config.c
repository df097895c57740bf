/* SPDX-License-Identifier: Apache-2.0 */
/* What follows from a configuration and a problem: rows, depths, work-groups. */
#include "select/config.h"

const char *const clattn__kernel_names[KERNEL_COUNT] = {"forward",        "forward_combine", "backward_dq",
                                                        "backward_dkdv",  "backward_fused",  "backward_dbias",
                                                        "backward_dsink", "delta",           "tensor_map"};

const unsigned clattn__kernel_passes[KERNEL_COUNT] = {
    [KERNEL_FORWARD] = CLATTN_FORWARD,
    [KERNEL_COMBINE] = CLATTN_FORWARD,
    [KERNEL_DQ] = CLATTN_BACKWARD_DQ,
    [KERNEL_DKDV] = CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV,
    [KERNEL_BACKWARD_FUSED] = CLATTN_BACKWARD,
    [KERNEL_DBIAS] = CLATTN_BACKWARD_DBIAS,
    [KERNEL_DSINK] = CLATTN_BACKWARD_DSINK,
    [KERNEL_DELTA] = CLATTN_BACKWARD_DQ | CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DBIAS | CLATTN_BACKWARD_DSINK,
    [KERNEL_TENSOR_MAPS] = CLATTN_FORWARD | CLATTN_BACKWARD,
};

#define SCORES_COMPILED                                                                                                \
    (CLATTN__FEATURE(WINDOW) | CLATTN__FEATURE(ALIBI) | CLATTN__BIASES | CLATTN__FEATURE(SOFTCAP) |                     \
     CLATTN__FEATURE(SINKS))

const uint64_t clattn__kernel_features[KERNEL_COUNT] = {
    [KERNEL_FORWARD] = SCORES_COMPILED | CLATTN__FEATURE(MAX_LOGIT),
    [KERNEL_COMBINE] = CLATTN__FEATURE(SINKS) | CLATTN__FEATURE(MAX_LOGIT),
    [KERNEL_DQ] = SCORES_COMPILED | CLATTN__FEATURE(DLSE),
    [KERNEL_DKDV] = SCORES_COMPILED,
    [KERNEL_BACKWARD_FUSED] = SCORES_COMPILED,
    [KERNEL_DBIAS] = SCORES_COMPILED,
    [KERNEL_DSINK] = CLATTN__FEATURE(SINKS),
    [KERNEL_DELTA] = CLATTN__FEATURE(DLSE),
};

/* The other kernels have no scores: one program serves all problems. */
bool clattn__config_has_tiles(enum clattn__kernel kernel)
{
    return kernel != KERNEL_DELTA && kernel != KERNEL_COMBINE && kernel != KERNEL_TENSOR_MAPS && kernel != KERNEL_DSINK;
}

int clattn__config_pack(const clattn_problem *problem)
{
    const int64_t group = problem->q_heads / problem->kv_heads;
    /* Each head has its own padding mask: heads that share staged keys would blank each other's. */
    const bool own_padding = problem->score.mask_dim[1] > 1 && problem->score.mask_dim[2] == 1;
    return group > 1 && problem->q_len < 64 && !own_padding ? (int)group : 1;
}

bool clattn__config_keys_stationary(enum clattn__kernel kernel)
{
    return kernel == KERNEL_DKDV || kernel == KERNEL_BACKWARD_FUSED;
}

void clattn__tile_limits(const clattn_problem *problem, enum clattn__kernel kernel, int64_t *tile_rows,
                         int64_t *tile_cols)
{
    const int64_t queries = problem->q_len * clattn__config_pack(problem), keys = problem->kv_len;
    const int64_t q_most = problem->q_tile ? problem->q_tile : INT32_MAX,
                  k_most = problem->k_tile ? problem->k_tile : INT32_MAX;
    const int64_t q = queries < q_most ? queries : q_most, k = keys < k_most ? keys : k_most;
    *tile_rows = clattn__config_keys_stationary(kernel) ? k : q;
    *tile_cols = clattn__config_keys_stationary(kernel) ? q : k;
}

int clattn__output_depth(const struct clattn__config *config)
{
    if (config->kernel == KERNEL_FORWARD)
        return config->dv_pad;
    if (config->kernel == KERNEL_DQ)
        return config->d_pad;
    return clattn__max_int(config->d_pad, config->dv_pad);
}

int clattn__stationary_count(const struct clattn__config *config)
{
    return config->kernel == KERNEL_DQ || config->kernel == KERNEL_DBIAS ||
                   (clattn__config_keys_stationary(config->kernel) && config->want_dk)
               ? 2
               : 1;
}

int clattn__output_count(const struct clattn__config *config)
{
    return clattn__config_keys_stationary(config->kernel) && config->want_dk && config->want_dv ? 2 : 1;
}

size_t clattn__shared_bytes(const struct clattn__config *c)
{
    if (c->kernel != KERNEL_DBIAS || (c->bias_rows && c->bias_cols))
        return 0;
    return sizeof(float) * (size_t)(c->bias_rows ? c->tile_rows : c->bias_cols ? c->tile_cols : 1);
}

int clattn__choose_depth_step(const clattn_problem *problem, int unit, int most)
{
    const int d = (int)problem->qk_dim, dv = (int)problem->v_dim;
    int best = unit, least = clattn__round_up(d, unit) + clattn__round_up(dv, unit);
    for (int depth_step = 2 * unit; depth_step <= most; depth_step += unit) {
        const int padded = clattn__round_up(d, depth_step) + clattn__round_up(dv, depth_step);
        if (padded <= least) {
            best = depth_step;
            least = padded;
        }
    }
    return best;
}

enum clattn__mask clattn__config_mask(const clattn_problem *problem)
{
    if (problem->score.mask_dim[0] == 0)
        return MASK_NONE;
    return problem->score.mask_dim[2] == 1 ? MASK_PADDING : MASK_FULL;
}

int clattn__shrink(int tile, int64_t rows, int unit)
{
    while (tile / 2 >= rows && tile % (2 * unit) == 0)
        tile /= 2;
    return tile;
}

/* One a tile of each (batch, head) of the bias. */
static uint64_t dbias_groups(const struct clattn__config *c, const clattn_problem *problem)
{
    const int64_t *dim = problem->score.bias_dim;
    const uint64_t rows = c->bias_rows ? (uint64_t)((problem->q_len - 1) / c->tile_rows + 1) : 1,
                   cols = c->bias_cols ? (uint64_t)((problem->kv_len - 1) / c->tile_cols + 1) : 1;
    return (uint64_t)dim[0] * (uint64_t)dim[1] * rows * cols;
}

uint64_t clattn__config_groups(const struct clattn__config *c, const clattn_problem *problem)
{
    const uint64_t batch = (uint64_t)problem->batch, heads = (uint64_t)problem->q_heads,
                   queries = (uint64_t)problem->q_len;
    if (c->kernel == KERNEL_COMBINE)
        return batch * heads * queries;
    if (c->kernel == KERNEL_DSINK)
        return heads;
    if (c->kernel == KERNEL_DELTA)
        return batch * heads * ((queries + (uint64_t)c->tile_rows - 1) / (uint64_t)c->tile_rows);
    if (c->kernel == KERNEL_BACKWARD_FUSED)
        return batch * (uint64_t)problem->kv_heads;
    if (c->kernel == KERNEL_TENSOR_MAPS)
        return batch * CLATTN__MAPS_A_BATCH * CLATTN__MAP_SETS;
    if (c->kernel == KERNEL_DBIAS)
        return dbias_groups(c, problem);
    const uint64_t tile_rows = (uint64_t)c->tile_rows, out_block = (uint64_t)c->out_block;
    const uint64_t out_blocks = ((uint64_t)clattn__output_depth(c) + out_block - 1) / out_block;
    if (c->kernel == KERNEL_DKDV)
        return out_blocks * (c->split_dk_dv ? 2 : 1) * (((uint64_t)problem->kv_len + tile_rows - 1) / tile_rows) *
               (uint64_t)problem->kv_heads * batch;
    const uint64_t pack = (uint64_t)clattn__config_pack(problem);
    return out_blocks * (uint64_t)c->splits * ((queries * pack + tile_rows - 1) / tile_rows) * (heads / pack) * batch;
}

bool clattn__keeps_busy(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *config)
{
    return config->tile_rows <= 64 || 4 * clattn__config_groups(config, problem) >= 3 * (uint64_t)device->compute_units;
}
