/* SPDX-License-Identifier: Apache-2.0 */
/* The device buffers of a case, several times over, so that no run finds its inputs in a cache. */
#ifndef CLATTN_BENCH_SETS_H
#define CLATTN_BENCH_SETS_H

#include "data.h"
#include "device.h"

struct bench_sets {
    const struct bench_device *device;
    const struct data_set *data;
    const struct test_case *c;
    int count;
    cl_mem (
        *mem)[SLOT_COUNT]; /* of each set, for each buffer of the data; NULL where the case's passes do not use it */
    size_t bytes;          /* of one set */
};

/* Makes the first set, with what the images of the data hold. Returns 0, or -1 with a sentence in `message`; free the
 * sets either way. */
int bench_sets_begin(struct bench_sets *sets, const struct bench_device *device, const struct data_set *data,
                     const struct test_case *c, char *message);

/* Makes as many copies of the first set, outputs included, as are larger than the caches together; no more than
 * MOST_SETS in all, so that a case which is smaller than that part of the caches stays in them. */
enum { MOST_SETS = 512 };
int bench_sets_multiply(struct bench_sets *sets, char *message);

void bench_sets_free(struct bench_sets *sets);

/* The case's tensors in one of the sets. */
clattn_tensors bench_sets_tensors(const struct bench_sets *sets, int set);

/* Reads the outputs of the first set into their images. */
int bench_sets_read(const struct bench_sets *sets, char *message);

/* Whether the outputs of the set are those in the images, bit for bit. Returns 0 where they are; otherwise, or where
 * they cannot be read, -1 with a sentence in `message`. */
int bench_sets_compare(const struct bench_sets *sets, int set, char *message);

/* Bytes of the tensors that a pass reads, and that it writes. */
size_t bench_input_bytes(const struct bench_sets *sets, unsigned pass);
size_t bench_output_bytes(const struct bench_sets *sets, unsigned pass);

#endif
