/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of the test of nn: each a host copy and a block amid guard elements, at an odd offset. */
#ifndef CLATTN_EXAMPLES_TEST_NN_H
#define CLATTN_EXAMPLES_TEST_NN_H

#include "nn.h"

struct tensor {
    clattn_block block;
    size_t count;
    float *values; /* what went to the device */
};

/* `count` normal numbers. */
struct tensor tensor_new(struct nn *nn, size_t count, uint64_t seed);
void tensor_free(struct tensor *tensor);

/* A buffer of `count` ids from 0 to bound - 1, and their host copy (to be freed). */
int32_t *ids_new(struct nn *nn, size_t count, int64_t bound, uint64_t seed, clattn_block *block);

double *doubles_new(size_t count); /* zeroed */

/* Compares what the device holds with `expected`, which is freed: prints and counts a failure where an element is
 * further away than tolerance times the largest expected, or a guard has changed. */
void tensor_check(struct nn *nn, const struct tensor *tensor, double *expected, double tolerance, const char *what);

/* Each runs a few kernels on sizes that fit no work-group. */
void test_elements(struct nn *nn);
void test_linear(struct nn *nn);
void test_layer_norm(struct nn *nn);
void test_gather(struct nn *nn);
void test_cross_entropy(struct nn *nn);

#endif
