/* SPDX-License-Identifier: Apache-2.0 */
/* The engines, the order in which a device tries them, and their solvers. */
#include "select/engine.h"

#include "select/engines/engines.h"

/* Fastest first, for a device that can run several. */
static const struct clattn__engine table[] = {
    {.id = CLATTN_ENGINE_NVIDIA_WGMMA, .solvers = clattn__wgmma_solvers, .tested = true, .retarget = true},
    {.id = CLATTN_ENGINE_NVIDIA_MMA, .solvers = clattn__mma_solvers, .tested = true},
    {.id = CLATTN_ENGINE_SIMT, .solvers = clattn__simt_solvers, .run = 8192, .tile_sums = true},
    {.id = CLATTN_ENGINE_CPU, .solvers = clattn__cpu_solvers, .run = 1024},
};

#define ENGINE_TEXT(name, value, text) [value] = text,
const char *const clattn__engine_names[CLATTN__ENGINE_COUNT] = {CLATTN_ENGINE_LIST(ENGINE_TEXT)};

const char *clattn_engine_name(clattn_engine engine)
{
    return (unsigned)engine < CLATTN__ENGINE_COUNT ? clattn__engine_names[engine] : NULL;
}

const struct clattn__engine *clattn__engine_find(clattn_engine id)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); ++i)
        if (table[i].id == id)
            return &table[i];
    return NULL;
}

size_t clattn__engine_order(const clattn_context *context, clattn_engine order[CLATTN__ENGINE_COUNT])
{
    const clattn_engine first = context->engine ? context->engine : clattn__device_engine(&context->device);
    size_t count = 0;
    if (!context->engine && first == CLATTN_ENGINE_SIMT)
        for (size_t i = 0; i < ARRAY_SIZE(table); ++i)
            if (table[i].tested)
                order[count++] = table[i].id;
    order[count++] = first;
    if (first != CLATTN_ENGINE_SIMT && first != CLATTN_ENGINE_CPU)
        order[count++] = CLATTN_ENGINE_SIMT;
    if (!context->engine && first == CLATTN_ENGINE_SIMT)
        order[count++] = CLATTN_ENGINE_CPU; /* slow on a GPU, but correct without groups of 64 */
    return count;
}

/* ---- solvers ---- */

/* The first solver of the kernel in a list. */
static const struct clattn__solver *first_of(const struct clattn__solver *list, enum clattn__kernel kernel)
{
    while (list->program && list->kernel != kernel)
        ++list;
    return list->program ? list : NULL;
}

const struct clattn__solver *clattn__solver_first(clattn_engine id, enum clattn__kernel kernel)
{
    const struct clattn__engine *engine = clattn__engine_find(id);
    const struct clattn__solver *own = engine ? first_of(engine->solvers, kernel) : NULL;
    return own ? own : first_of(clattn__common_solvers, kernel);
}

const struct clattn__solver *clattn__solver_next(const struct clattn__solver *solver)
{
    return first_of(solver + 1, solver->kernel);
}

const struct clattn__solver *clattn__solver_of(const struct clattn__config *config)
{
    const struct clattn__solver *solver = clattn__solver_first(config->engine, config->kernel);
    while (solver && config->decode != (solver->traits & SOLVER_DECODE ? 1 : 0))
        solver = clattn__solver_next(solver);
    return solver;
}

bool clattn__engine_supports(clattn_engine id, const struct clattn__device *device, const clattn_problem *problem,
                             enum clattn__kernel kernel)
{
    const struct clattn__solver *solver = clattn__solver_first(id, kernel);
    while (solver && !clattn__solver_supports(solver, device, problem))
        solver = clattn__solver_next(solver);
    return solver != NULL;
}
