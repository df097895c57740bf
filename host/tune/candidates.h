/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations to try for one kernel. */
#ifndef CLATTN_TUNE_CANDIDATES_H
#define CLATTN_TUNE_CANDIDATES_H

#include "opencl/context.h"
#include "select/config.h"

struct clattn__candidate {
    struct clattn__config config;
    /* Seconds of the configuration that it is a neighbour of; 0: from the built-in table. */
    double promise;
    bool tried;
};

struct clattn__candidates {
    const clattn_context *context;
    clattn_engine engine;
    const clattn_problem *problem;
    struct clattn__candidate *list; /* the caller's, room for MOST_CANDIDATES */
    size_t count, tried;
};

enum { MOST_CANDIDATES = 1024 };

/* Starts with `first` (already tried, it took `seconds`), `second` (may be NULL), the rows of the
 * built-in table that fit, and the neighbours of `first`. */
void clattn__candidates_begin(struct clattn__candidates *candidates, const struct clattn__config *first, double seconds,
                              const struct clattn__config *second);
/* Adds the neighbours of a configuration that took `seconds`: those that differ in one tunable, or
 * in a pair. */
void clattn__candidates_add(struct clattn__candidates *candidates, const struct clattn__config *config, double seconds);
/* The most promising candidate not tried yet, now marked as tried; NULL: none. */
const struct clattn__config *clattn__candidates_next(struct clattn__candidates *candidates);

#endif
