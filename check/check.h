/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a test case on a device and compares it with the reference. Uses the public header, OpenCL and the reference.
 * Never prints, never exits, keeps no global state.
 *
 * What check_case does: makes buffers as the case's layout says, inputs with NaN in every gap and around the view,
 * outputs with a guard pattern before, after and in the gaps and NaN in the view, workspace with NaN; runs forward,
 * then backward from clattn's own out and lse; reads all back; then
 *   - compares with the reference, see check_tolerance and check_tolerance_16;
 *   - sees that every byte of a guard and of an input is what it was;
 *   - with CHECK_REPEAT, runs all again into fresh NaN and sees that the results are the same bit for bit.
 * With CHECK_DIGEST nothing is compared: a digest of every bit of the outputs is all that comes of it. */
#ifndef CLATTN_CHECK_CHECK_H
#define CLATTN_CHECK_CHECK_H

#include "cases.h"
#include "random.h" /* check_random_*, check_fill_* */
#include "reference.h"

enum check_tensor { CHECK_OUT, CHECK_LSE, CHECK_DQ, CHECK_DK, CHECK_DV, CHECK_TENSORS };

/* or'ed into the passes of check_case */
#define CHECK_REPEAT 0x10000u
/* Where a result is off by the rule of 16 bits, naive's error is the largest of those with eight other sets of numbers
 * too: for cases that nobody chose, in which it may be exact by chance. */
#define CHECK_CHANCE 0x20000u

/* For whoever compares two libraries or drivers bit for bit. */
#define CHECK_DIGEST 0x40000u

struct check_result {
    int ok;
    uint64_t digest;             /* of the outputs that were written, with the guards around them, by FNV-1a */
    double ratio[CHECK_TENSORS]; /* worst error / tolerance of each tensor: good up to 1; -1: not run */
    char line[CASE_LINE_SIZE];   /* of the case, to paste back */
    char message[1024];          /* what failed first: tensor, index, found, expected; "" when ok */
};

/* "out", "lse", "dq", "dk", "dv" */
const char *check_tensor_name(enum check_tensor tensor);

/* Runs the passes of the case that are also in `passes` (CLATTN_FORWARD | CLATTN_BACKWARD: all) and fills *result;
 * returns result->ok. Where backward needs it, forward runs though it was not asked for, and is then not compared.
 * `queue` is a queue of `cl` and of the context's device, in order or out of order. */
int check_case(clattn_context *context, cl_context cl, cl_command_queue queue, const struct test_case *c,
               unsigned passes, struct check_result *result);

/* Memory that a test brings for the buffers of a case, because it watches what lies around them. */
struct check_memory {
    void *self;
    /* A buffer of exactly `bytes` that holds `content`, and is called `name` in what is said about it; the caller
     * releases it. NULL and *status on failure. */
    cl_mem (*make)(void *self, cl_mem_flags flags, const char *name, size_t bytes, const void *content, cl_int *status);
    /* The name of a buffer around which something was written, or NULL. */
    const char *(*trespassed)(void *self, cl_command_queue queue);
    /* Frees what lies under the buffers, which are released. */
    void (*release)(void *self);
};

/* check_case in such memory, forward and gradients each with a workspace of their own. */
int check_case_in(const struct check_memory *memory, clattn_context *context, cl_context cl, cl_command_queue queue,
                  const struct test_case *c, unsigned passes, struct check_result *result);

/* ---- parts, for tests that are not a case ---- */

/* The float32 rule. An element may be off by (absolute * size + relative * |expected|) * max(1, score / 16), where
 * size is the largest |expected| of its tensor, or a 16th of what reference_sizes says where that is more (a sum whose
 * terms cancel), and score is the largest |S|. For out and lse 1e-6 and 1e-5, for gradients 1e-5 and 1e-5. */
struct check_tolerance {
    double absolute, relative; /* with the sizes multiplied in */
};

/* `expected` holds `count` numbers, or NULL where *sizes is all there is to go by. */
struct check_tolerance check_tolerance(enum check_tensor tensor, const struct reference_sizes *sizes,
                                       const double *expected, size_t count);

/* The rule of float16 and bfloat16, for all but lse, which is float32 there too. An element may be off by twice as much
 * as the worst element of the same tensor from naive attention (naive.h), which stores in 16 bits what it computes on
 * the way (`naive_error`); three times for gradients; and by what the float32 rule allows on top. That term is small,
 * and enough where naive is exact by chance: rounding the truth gives the nearest number that 16 bits hold, and naive's
 * result is one of those too. */
struct check_tolerance check_tolerance_16(enum check_tensor tensor, struct check_tolerance float32, double naive_error);

/* The largest |found - expected| of a tensor; NaN or infinity where naive attention is not finite but the truth is. */
double check_worst_error(const float *found, const double *expected, size_t count);

/* Error / tolerance of one element; infinite where it must not be counted as good: NaN, or an infinity where none or
 * the other is expected, or a tolerance that is not finite. Good where ratio <= 1; ask !(ratio <= 1), so that NaN
 * fails. */
double check_ratio(struct check_tolerance tolerance, float found, double expected);

/* The worst ratio of a contiguous tensor, and the index of its element in *index (NULL: not wanted). */
double check_worst_ratio(struct check_tolerance tolerance, const float *found, const double *expected, size_t count,
                         size_t *index);

/* The same by the float32 rule. */
double check_compare(enum check_tensor tensor, const struct reference_sizes *sizes, const float *found,
                     const double *expected, size_t count, size_t *index);

#endif
