/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses a kernel's tiles on a device: the engine's choice, or a given configuration after a
 * check. */
#include "select/choose.h"

#include "select/engine.h"
#include "select/split.h"
#include "select/tunables.h"

/* Terms that float32 sums one by one with enough precision. */
enum { DECODE_TERMS = 512 };

bool clattn__config_backward_fused(const struct clattn__device *device, clattn_engine engine,
                                   const clattn_problem *problem)
{
    struct clattn__config config = {.kernel = KERNEL_BACKWARD_FUSED, .want_dk = true, .want_dv = true};
    const uint64_t units = (uint64_t)device->compute_units, heads = (uint64_t)(problem->batch * problem->kv_heads);
    /* Fused: five products on one compute unit per head, some idle in the last round. Separate:
     * seven products on all units. */
    const bool faster = 5 * units * ((heads - 1) / units + 1) <= 7 * heads;
    return faster && clattn__config_choose(device, engine, problem, 0, &config) &&
           /* Every tile of keys adds to dQ. */
           problem->kv_len / config.tile_rows <= DECODE_TERMS;
}

/* ---- choosing ---- */

/* Most rows that a sum of the kernel goes over. */
static int64_t streamed_rows(const clattn_problem *problem, enum clattn__kernel kernel)
{
    return clattn__config_keys_stationary(kernel) ? problem->q_len * (problem->q_heads / problem->kv_heads)
                                                  : problem->kv_len;
}

/* Rows after which sums of whole tiles are flushed: as few terms as a run has. */
enum { TILE_SUMS_RUN = 131072 };

/* The configuration's long_sums. Sums are flushed to local memory, or else to the output if that is
 * float32. */
static int long_sums(const clattn_problem *problem, const struct clattn__config *c)
{
    const struct clattn__engine *engine = clattn__engine_find(c->engine);
    const int64_t rows = streamed_rows(problem, c->kernel);
    const int run = engine->tile_sums ? TILE_SUMS_RUN : engine->run;
    const bool has_totals = c->engine == CLATTN_ENGINE_CPU || c->dtype == CLATTN_FLOAT32 || c->splits > 1;
    if (c->decode || rows <= engine->run)
        return 0;
    return rows > run && has_totals ? run : engine->tile_sums;
}

static void set_problem(clattn_engine engine, const clattn_problem *problem, struct clattn__config *config)
{
    config->engine = engine;
    /* Set before the tiles are known, because their local memory depends on it. */
    const int run = clattn__engine_find(engine)->run;
    config->long_sums = streamed_rows(problem, config->kernel) > run ? run : 0;
    config->dtype = problem->dtype;
    config->compiled = clattn__features(problem) & CLATTN__COMPILED & clattn__kernel_features[config->kernel];
    config->packed = config->kernel != KERNEL_DBIAS && clattn__config_pack(problem) > 1;
    config->bias_rows = problem->score.bias_dim[2] > 1;
    config->bias_cols = problem->score.bias_dim[3] > 1;
    config->mask = clattn__config_mask(problem);
}

/* Sets what depends on the tiles: splits and long_sums. */
static void set_sums(const struct clattn__solver *solver, const struct clattn__device *device,
                     const clattn_problem *problem, struct clattn__config *config)
{
    if (solver->traits & SOLVER_SPLITS)
        config->splits = clattn__split_count(device, problem, config);
    config->long_sums = long_sums(problem, config);
}

bool clattn__config_choose(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                           int attempt, struct clattn__config *config)
{
    set_problem(engine, problem, config);
    config->splits = config->kernel == KERNEL_COMBINE ? config->splits : 1;
    config->persistent = 0;
    const struct clattn__solver *solver = clattn__solver_first(engine, config->kernel);
    for (; solver; solver = clattn__solver_next(solver)) {
        config->decode = solver->traits & SOLVER_DECODE ? 1 : 0;
        if (clattn__solver_supports(solver, device, problem) && solver->choose(device, problem, &attempt, config))
            break;
    }
    if (solver && clattn__config_has_tiles(config->kernel))
        set_sums(solver, device, problem, config);
    return solver != NULL;
}

/* ---- a configuration from elsewhere ---- */

static bool exceeds_request(const clattn_problem *problem, const struct clattn__config *c)
{
    const bool keys_stationary = clattn__config_keys_stationary(c->kernel);
    const int64_t tile_rows = keys_stationary ? problem->k_tile : problem->q_tile,
                  tile_cols = keys_stationary ? problem->q_tile : problem->k_tile;
    return (tile_rows && c->tile_rows > tile_rows) || (tile_cols && c->tile_cols > tile_cols);
}

bool clattn__config_complete(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                             struct clattn__config *c)
{
    set_problem(engine, problem, c);
    const struct clattn__solver *solver = clattn__solver_of(c);
    if (!solver || !solver->complete || !clattn__tunables_in_range(c) ||
        !clattn__solver_supports(solver, device, problem))
        return false;
    /* A requested tile rejects a larger one; it does not shrink it. */
    clattn_problem unbounded = *problem;
    unbounded.q_tile = unbounded.k_tile = 0;
    int64_t tile_rows, tile_cols;
    clattn__tile_limits(&unbounded, c->kernel, &tile_rows, &tile_cols);
    c->d_pad = clattn__round_up((int)problem->qk_dim, c->depth_step);
    c->dv_pad = clattn__round_up((int)problem->v_dim, c->depth_step);
    c->splits = 1;
    if (!solver->complete(problem, tile_rows, tile_cols, c) || exceeds_request(problem, c))
        return false;
    set_sums(solver, device, problem, c);
    return c->local_bytes <= device->local_bytes && c->group_size <= device->max_group;
}
