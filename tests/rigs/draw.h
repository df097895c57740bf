/* SPDX-License-Identifier: Apache-2.0 */
/* Random problems by seed. A configuration is what kernels are compiled for, which takes most of the time; the problems
 * of a configuration differ in what they can without another compilation. */
#ifndef CLATTN_TESTS_DRAW_H
#define CLATTN_TESTS_DRAW_H

#include "cases.h"

enum { DRAW_PROBLEMS = 60 }; /* of a configuration: seeds 0 to 59 have the first, and so on */

enum draw_mask { DRAW_NO_MASK, DRAW_FULL, DRAW_PADDING };

struct draw_range {
    int64_t least, most;
};

struct draw_configuration {
    clattn_engine engine;
    clattn_dtype dtype;
    int64_t d, dv, group; /* group: query heads of a key head */
    enum draw_mask mask;
    int window; /* each problem has one of its own */
    int alibi;
    unsigned passes; /* planned */
    int64_t q_tile, k_tile, splits;
    struct draw_range queries, keys;
    uint64_t launch_flops; /* of the context's options */
    int tuned;             /* with rows of a tuned file */
    uint64_t seed;         /* for what is drawn later: the rows */
};

/* The configuration that the seed belongs to. */
struct draw_configuration draw_configuration(clattn_engine engine, uint64_t seed);

/* The seed's own problem. */
struct test_case draw_problem(const struct draw_configuration *configuration, uint64_t seed);

#endif
