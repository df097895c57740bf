/* SPDX-License-Identifier: Apache-2.0 */
/* Of each engine, what its rows in engine.c name. */
#ifndef CLATTN_SELECT_ENGINES_H
#define CLATTN_SELECT_ENGINES_H

#include "select/config.h"

struct call;

bool clattn__simt_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                         struct clattn__config *config);
bool clattn__simt_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);

bool clattn__mma_supports(const struct clattn__device *device, const clattn_problem *problem,
                          enum clattn__kernel kernel);
bool clattn__mma_choose(const struct clattn__device *device, const clattn_problem *problem, int attempt,
                        struct clattn__config *config);
bool clattn__mma_complete(const clattn_problem *problem, int64_t own, int64_t walk, struct clattn__config *config);
bool clattn__mma_takes(const clattn_problem *problem, enum clattn__kernel kernel, const struct call *call);

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
bool clattn__wgmma_takes(const clattn_problem *problem, enum clattn__kernel kernel, const struct call *call);

#endif
