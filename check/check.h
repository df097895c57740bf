/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test case on a device and compares it with the reference. Uses the public header, OpenCL
 * and the reference. Never prints, never exits, keeps no global state.
 *
 * check_case makes buffers in the case's layout: inputs with NaN around the view and in its gaps,
 * outputs with NaN in the view and a guard pattern around it and in its gaps, workspace full of
 * NaN. It runs forward, then backward from clattn's own out and lse, and reads all buffers. Then it
 *   - compares the outputs with the reference (check_tolerance, check_tolerance_16);
 *   - with CHECK_REPEAT, runs both passes again into fresh NaN and checks that results are
 *     bit-identical;
 *   - checks that every byte of guards and inputs is unchanged.
 * With CHECK_DIGEST it only computes a digest of the output buffers and compares nothing. */
#ifndef CLATTN_CHECK_CHECK_H
#define CLATTN_CHECK_CHECK_H

#include "cases.h"
#include "random.h" /* check_random_*, check_fill_* */
#include "reference.h"

enum check_tensor {
    CHECK_OUT,
    CHECK_LSE,
    CHECK_DQ,
    CHECK_DK,
    CHECK_DV,
    CHECK_DBIAS,
    CHECK_DSINK,
    CHECK_MAX_LOGIT,
    CHECK_TENSORS
};

/* or'ed into the passes of check_case */
#define CHECK_REPEAT 0x10000u
/* For random problems of 16 bits, where naive attention may be exact by chance. A result that fails
 * the rule of 16 bits is compared again with the largest naive error among this input and eight
 * others. */
#define CHECK_CHANCE 0x20000u

/* To compare two libraries or drivers bit for bit. */
#define CHECK_DIGEST 0x40000u

struct check_result {
    int ok;
    uint64_t digest;             /* FNV-1a of the output buffers, guards included */
    double ratio[CHECK_TENSORS]; /* largest error / tolerance of each tensor: passes up to 1; -1: not run */
    char line[CASE_LINE_SIZE];   /* of the case, to paste back */
    char message[1024];          /* the first failure: tensor, index, found, expected; "" when ok */
};

/* "out", "lse", "dq", "dk", "dv", "dbias", "dsink", "max_logit" */
const char *check_tensor_name(enum check_tensor tensor);

/* Runs the passes that are both in the case and in `passes` (CLATTN_FORWARD | CLATTN_BACKWARD:
 * all), fills *result and returns result->ok. Forward always runs, as backward needs it, but is
 * compared only where requested. `queue` belongs to `cl` and the context's device, and may be in
 * order or out of order. */
int check_case(clattn_context *context, cl_context cl, cl_command_queue queue, const struct test_case *c,
               unsigned passes, struct check_result *result);

/* A test's own allocator for the buffers of a case, to detect writes outside them. */
struct check_memory {
    void *self;
    /* A buffer of exactly `bytes` with `content`. Messages call it `name`; the caller releases it.
     * NULL and *status on failure. */
    cl_mem (*make)(void *self, cl_mem_flags flags, const char *name, size_t bytes, const void *content, cl_int *status);
    /* The name of a buffer with a write outside its bytes, or NULL. */
    const char *(*trespassed)(void *self, cl_command_queue queue);
    /* Frees the memory of the buffers, after they are released. */
    void (*release)(void *self);
};

/* check_case in such memory. Forward and backward each get their own workspace. */
int check_case_in(const struct check_memory *memory, clattn_context *context, cl_context cl, cl_command_queue queue,
                  const struct test_case *c, unsigned passes, struct check_result *result);

/* ---- tolerances and comparisons, for tests that are not a case ---- */

/* The float32 rule. An element's error may be
 *
 *   (absolute * size + relative * |expected|) * max(1, score / 16)
 *
 * absolute: 1e-6 for out, lse and max_logit, 1e-5 for gradients; relative: 1e-5; score: the largest |S|;
 * size: the largest |expected| of the tensor, but at least 1/16 of the tensor's reference_sizes,
 * for sums whose terms cancel, and for lse at least 1. That of max_logit is that of lse. */
struct check_tolerance {
    double absolute, relative; /* absolute is multiplied by size, both by max(1, score / 16) */
};

/* `expected` holds `count` numbers; NULL: the tolerance comes from *sizes alone. */
struct check_tolerance check_tolerance(enum check_tensor tensor, const struct reference_sizes *sizes,
                                       const double *expected, size_t count);

/* The rule of float16 and bfloat16, for all tensors but lse and max_logit, which are always float32. `naive_error`
 * is the largest error in the tensor of naive attention (naive.h), which stores its intermediate
 * results in 16 bits. An element's error may be twice that, for gradients three times, plus the
 * float32 tolerance. That term is small, but enough where naive is exact by chance: the truth is
 * then a 16-bit number, to which a correct result rounds. */
struct check_tolerance check_tolerance_16(enum check_tensor tensor, struct check_tolerance float32, double naive_error);

/* The largest |found - expected| of a tensor; NaN or infinity where `found` is not finite but
 * `expected` is. */
double check_worst_error(const float *found, const double *expected, size_t count);

/* Error / tolerance of one element. Infinite for NaN, an unexpected infinity, or a tolerance that
 * is not finite. An element fails where !(ratio <= 1), so that NaN fails too. */
double check_ratio(struct check_tolerance tolerance, float found, double expected);

/* The largest ratio in a contiguous tensor; its element's index goes to *index (NULL: not
 * wanted). */
double check_worst_ratio(struct check_tolerance tolerance, const float *found, const double *expected, size_t count,
                         size_t *index);

/* The same with the float32 rule. */
double check_compare(enum check_tensor tensor, const struct reference_sizes *sizes, const float *found,
                     const double *expected, size_t count, size_t *index);

#endif
