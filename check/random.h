/* SPDX-License-Identifier: Apache-2.0 */
/* A small seeded generator (splitmix64): the same numbers on every machine. Start from {seed}. */
#ifndef CLATTN_CHECK_RANDOM_H
#define CLATTN_CHECK_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct check_random {
    uint64_t state;
};

enum { CHECK_NORMAL_DRAWS = 3 }; /* draws per call of check_random_normal; the other functions draw once */

uint64_t check_random_bits(struct check_random *r);
void check_random_skip(struct check_random *r, uint64_t draws);    /* advances by `draws` draws */
int64_t check_random_below(struct check_random *r, int64_t bound); /* 0 to bound - 1; bound >= 1 */
float check_random_uniform(struct check_random *r);                /* -1 to 1 */
float check_random_normal(struct check_random *r);                 /* mean 0, variance 1, within +-6 */
void check_fill_uniform(float *data, size_t count, uint64_t seed);
void check_fill_normal(float *data, size_t count, uint64_t seed);

#endif
