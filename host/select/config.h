/* SPDX-License-Identifier: Apache-2.0 */
/* What config.c shares with the engines' own choices, engines/simt.c and so on. */
#ifndef CLATTN_HOST_CONFIG_H
#define CLATTN_HOST_CONFIG_H

#include "internal.h"

static inline int clattn__min_int(int64_t a, int b)
{
    return a < b ? (int)a : b;
}

static inline int clattn__round_up(int value, int unit)
{
    return (value + unit - 1) / unit * unit;
}

static inline int clattn__max_int(int a, int b)
{
    return a > b ? a : b;
}

/* Rows of the owner and of the walked side that there are, or the tiles that were asked for them if those are less. */
void clattn__tile_limits(const clattn_problem *problem, enum clattn__kernel kernel, int64_t *own, int64_t *walk);
/* Depth of the output: Dv, D, or the larger where dK and dV are both made. */
int clattn__output_depth(const struct clattn__config *config);
/* Tensors of which a work-group keeps an owner tile and score arrays, and outputs. */
int clattn__owner_count(const struct clattn__config *config);
int clattn__output_count(const struct clattn__config *config);
/* A chunk that divides both padded depths, no longer than `most`, with the least padding. Multiples of `unit`. */
int clattn__choose_chunk(const clattn_problem *problem, int unit, int most);

/* Tiles larger than others that would do must not leave compute units without work. */
bool clattn__keeps_busy(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *config);
/* Halves a tile, in whole units, as long as it holds all rows. */
int clattn__shrink(int tile, int64_t rows, int unit);

struct call;

/* Of each engine, the functions of its row in engine.c. */
bool clattn__simt_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                         struct clattn__config *config);
bool clattn__simt_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);

bool clattn__mma_supports(const struct clattn__device *device, const clattn_problem *problem,
                          enum clattn__kernel kernel);
bool clattn__mma_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                        struct clattn__config *config);
bool clattn__mma_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);
bool clattn__mma_takes(const clattn_plan *plan, enum clattn__kernel kernel, const struct call *call);

/* The same of its schedule for few query rows, and whether it has one for the problem. */
bool clattn__few_mma_serves(const clattn_problem *problem, enum clattn__kernel kernel);
bool clattn__few_mma_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                            struct clattn__config *config);
bool clattn__few_mma_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);

/* The same of engine simt's schedule for few query rows; *attempt is counted down by every configuration there is. */
bool clattn__few_choose(const struct clattn__device *device, const clattn_problem *problem, int *attempt,
                        struct clattn__config *config);
bool clattn__few_complete(int64_t own, int64_t walk, struct clattn__config *config);
/* The longest strip that divides the walked tile, up to `most`. */
void clattn__simt_fit_strip(struct clattn__config *config, int most);

bool clattn__cpu_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                        struct clattn__config *config);
bool clattn__cpu_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);

bool clattn__wgmma_supports(const struct clattn__device *device, const clattn_problem *problem,
                            enum clattn__kernel kernel);
bool clattn__wgmma_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                          struct clattn__config *config);
bool clattn__wgmma_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);
bool clattn__wgmma_takes(const clattn_plan *plan, enum clattn__kernel kernel, const struct call *call);

#endif
