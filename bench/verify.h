/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the results of a case are right, at a cost that does not grow with N x M: sampled rows against the reference
 * in double, sampled keys against the same formulas, and every element of every output seen to be a number.
 *
 *   out, lse, dQ   rows drawn from all of the tensor, and the last: check/reference.c, check/naive.c
 *   dK, dV         keys drawn from all of the tensor, and the last: verify_keys.c
 *
 * The tolerances are those of the tests (check/check.h), with the largest numbers and naive attention's errors of what
 * was sampled. */
#ifndef CLATTN_BENCH_VERIFY_H
#define CLATTN_BENCH_VERIFY_H

#include "check.h"
#include "data.h"
#include "rates.h"

enum { VERIFY_ROWS = 24, VERIFY_KEYS = 12 };

struct bench_verdict {
    double ratio[BENCH_PASSES];   /* worst error / tolerance: good up to 1; infinite where an output is no number */
    struct reference_sizes sizes; /* of the sampled rows: score and out are set */
};

/* `data` holds what the device wrote in the images of its outputs. Returns 0, or -1 when host memory is short. */
int bench_verify(const struct test_case *c, const struct data_set *data, struct bench_verdict *verdict);

/* ---- between verify.c and verify_keys.c ---- */

/* Rows of one tensor: what the device found, what is right, and what naive attention makes of it in 16 bits. */
struct verify_sample {
    size_t rows, depth;
    float *found, *naive;
    double *expected;
};

int verify_sample_make(struct verify_sample *sample, size_t rows, size_t depth);
void verify_sample_free(struct verify_sample *sample);

/* Row (b,h,r) of a tensor of the data, as floats. */
void verify_read_row(const struct data_set *data, enum data_slot slot, int64_t b, int64_t h, int64_t r, float *to);

/* Worst error / tolerance of the sample. */
double verify_ratio(enum check_tensor tensor, clattn_dtype dtype, const struct reference_sizes *sizes,
                    const struct verify_sample *sample);

/* Fills the samples of dk (VERIFY_KEYS, D) and dv (VERIFY_KEYS, Dv), and raises sizes->score, dk and dv. `arrays` are
 * those of the reference. */
int verify_keys(const struct test_case *c, const struct data_set *data, const clattn_arrays *arrays,
                struct verify_sample *dk, struct verify_sample *dv, struct reference_sizes *sizes);

#endif
