/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors for the test of nn: a host copy, and a block at an odd offset between guard elements. */
#ifndef CLATTN_EXAMPLES_TEST_NN_H
#define CLATTN_EXAMPLES_TEST_NN_H

#include "nn.h"

struct tensor {
    clattn_block block;
    size_t count;
    float *values; /* the values written to the device */
};

/* `count` normal numbers. */
struct tensor tensor_new(struct nn *nn, size_t count, uint64_t seed);
void tensor_free(struct tensor *tensor);

/* A buffer of `count` ids from 0 to bound - 1, and their host copy (to be freed). */
int32_t *ids_new(struct nn *nn, size_t count, int64_t bound, uint64_t seed, clattn_block *block);

double *doubles_new(size_t count); /* zeroed */

/* Compares the device's elements with `expected`, and frees that. Prints and counts a failure if an
 * error exceeds `tolerance` times the largest expected element, or if a guard has changed. */
void tensor_check(struct nn *nn, const struct tensor *tensor, double *expected, double tolerance, const char *what);

/* Tests of some kernels each, on sizes that are no multiple of a work-group. */
void test_elements(struct nn *nn);
void test_linear(struct nn *nn);
void test_layer_norm(struct nn *nn);
void test_gather(struct nn *nn);
void test_cross_entropy(struct nn *nn);

#endif
