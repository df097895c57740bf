/* SPDX-License-Identifier: Apache-2.0 */
/* Verifies the results of a case at a cost that does not grow with N x M: compares sampled rows and
 * keys with results in double, and checks that no element of any output is NaN or infinite.
 *
 *   out, lse, dQ   rows drawn from the whole tensor, and the last row: check/reference.c, check/naive.c
 *   dK, dV         keys drawn from the whole tensor, and the last key: verify_keys.c
 *
 * Tolerances are those of the tests (check/check.h), computed from the samples. */
#ifndef CLATTN_BENCH_VERIFY_H
#define CLATTN_BENCH_VERIFY_H

#include "check.h"
#include "data.h"
#include "rates.h"

enum { VERIFY_ROWS = 24, VERIFY_KEYS = 12 };

struct bench_verdict {
    double ratio[BENCH_PASSES];   /* largest error / tolerance: passes up to 1; infinite if an output has a NaN */
    struct reference_sizes sizes; /* of the sampled rows; only score and out are set */
};

/* Compares samples of out, lse, dq, dk and dv, and looks for NaN in all outputs, dbias and dsink
 * too. The images of outputs in `data` must hold the device's results. Returns 0, or -1 when host memory
 * is short. */
int bench_verify(const struct test_case *c, const struct data_set *data, struct bench_verdict *verdict);

/* ---- between verify.c and verify_keys.c ---- */

/* Sampled rows of a tensor: of the device, of the reference in double, and of naive attention in 16
 * bits. */
struct verify_sample {
    size_t rows, depth;
    float *found, *naive;
    double *expected;
};

int verify_sample_make(struct verify_sample *sample, size_t rows, size_t depth);
void verify_sample_free(struct verify_sample *sample);

/* Reads row (b,h,r) of a tensor as floats. */
void verify_read_row(const struct data_set *data, enum data_slot slot, int64_t b, int64_t h, int64_t r, float *to);

/* The largest error / tolerance of the sample. */
double verify_ratio(enum check_tensor tensor, clattn_dtype dtype, const struct reference_sizes *sizes,
                    const struct verify_sample *sample);

/* Fills the samples of dk (VERIFY_KEYS, D) and dv (VERIFY_KEYS, Dv), and raises score, dk and dv of
 * `sizes`. `arrays`: the reference's inputs. */
int verify_keys(const struct test_case *c, const struct data_set *data, const clattn_arrays *arrays,
                struct verify_sample *dk, struct verify_sample *dv, struct reference_sizes *sizes);

#endif
