/* SPDX-License-Identifier: Apache-2.0 */
/* Random problems by seed. Compilation takes most of the time, so DRAW_PROBLEMS problems share a
 * configuration, which fixes the kernels; they differ in everything else. */
#ifndef CLATTN_TESTS_DRAW_H
#define CLATTN_TESTS_DRAW_H

#include "cases.h"

enum { DRAW_PROBLEMS = 60 }; /* per configuration: seeds 0 to 59 share the first, and so on */

enum draw_mask { DRAW_NO_MASK, DRAW_FULL, DRAW_PADDING };

struct draw_range {
    int64_t least, most;
};

struct draw_configuration {
    clattn_engine engine;
    clattn_dtype dtype;
    int64_t d, dv, group; /* group: query heads per key head */
    enum draw_mask mask;
    int window; /* each problem draws its own window */
    int alibi;
    int softcap;
    int bias;
    int sinks;
    int dlse;
    int max_logit;
    unsigned passes; /* planned */
    int64_t q_tile, k_tile, splits;
    struct draw_range queries, keys;
    uint64_t launch_flops; /* of the context's options */
    int tuned;             /* with rows of a tuned file */
    uint64_t seed;         /* for later draws: rows of the tuned file */
};

/* The configuration of the seed. */
struct draw_configuration draw_configuration(clattn_engine engine, uint64_t seed);

/* The problem of the seed. */
struct test_case draw_problem(const struct draw_configuration *configuration, uint64_t seed);

#endif
