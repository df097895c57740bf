/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations to try for one kernel. */
#ifndef CLATTN_TUNE_CANDIDATES_H
#define CLATTN_TUNE_CANDIDATES_H

#include "opencl/context.h"
#include "select/config.h"

struct clattn__candidate {
    struct clattn__config config;
    double promise; /* seconds of the configuration that it was made from; 0: one of the built-in table */
    bool tried;
};

struct clattn__candidates {
    const clattn_context *context;
    clattn_engine engine;
    const clattn_problem *problem;
    struct clattn__candidate *list; /* the caller's, of room for MOST_CANDIDATES */
    size_t count, tried;
};

enum { MOST_CANDIDATES = 1024 };

/* Starts with `first`, which is tried, `second` (may be NULL), the rows of the built-in table that fit, and neighbours
 * of the first, which took `seconds`. */
void clattn__candidates_begin(struct clattn__candidates *candidates, const struct clattn__config *first, double seconds,
                              const struct clattn__config *second);
/* Adds what differs in one number, or in two that belong together, from a configuration that took `seconds`. */
void clattn__candidates_add(struct clattn__candidates *candidates, const struct clattn__config *config, double seconds);
/* The most promising that is not tried yet, which it is from now on; NULL: none. */
const struct clattn__config *clattn__candidates_next(struct clattn__candidates *candidates);

#endif
