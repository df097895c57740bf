/* SPDX-License-Identifier: Apache-2.0 */
/* Several sets of the device buffers of a case: runs rotate through them, so that no inputs are in
 * a cache. */
#ifndef CLATTN_BENCH_SETS_H
#define CLATTN_BENCH_SETS_H

#include "data.h"
#include "device.h"

struct bench_sets {
    const struct bench_device *device;
    const struct data_set *data;
    const struct test_case *c;
    int count;
    cl_mem (*mem)[SLOT_COUNT]; /* the data's buffers in each set; NULL if the case's passes do not use it */
    size_t bytes;              /* of one set */
};

/* Makes the first set from the images of the data. Returns 0, or -1 with a sentence in `message`;
 * free the sets either way. */
int bench_sets_begin(struct bench_sets *sets, const struct bench_device *device, const struct data_set *data,
                     const struct test_case *c, char *message);

/* Copies the first set, outputs included, until all sets together exceed the caches; at most
 * MOST_SETS sets, so that a very small case stays in the caches. */
enum { MOST_SETS = 512 };
int bench_sets_multiply(struct bench_sets *sets, char *message);

void bench_sets_free(struct bench_sets *sets);

/* The case's tensors in one of the sets. */
clattn_tensors bench_sets_tensors(const struct bench_sets *sets, int set);

/* Reads the outputs of the first set into their images. */
int bench_sets_read(const struct bench_sets *sets, char *message);

/* Compares the set's outputs with the images. Returns 0 if they are bit-identical; else, or if they
 * cannot be read, -1 with a sentence in `message`. */
int bench_sets_compare(const struct bench_sets *sets, int set, char *message);

/* Bytes of the tensors that a pass reads, and of those that it writes. */
size_t bench_input_bytes(const struct bench_sets *sets, unsigned pass);
size_t bench_output_bytes(const struct bench_sets *sets, unsigned pass);

#endif
