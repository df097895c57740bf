/* SPDX-License-Identifier: Apache-2.0 */
#include "compare.h"

#include "half.h"
#include "naive.h"
#include "visible.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OTHER_NUMBERS = 8 };

/* The reference's results, and the errors of naive attention against them. */
struct truth {
    double *tensor[CHECK_TENSORS];
    struct reference_sizes sizes[CHECK_TENSORS];
    double naive_error[CHECK_TENSORS]; /* for 16-bit tensors */
};

const char *check_tensor_name(enum check_tensor tensor)
{
    static const char *const names[CHECK_TENSORS] = {"out", "lse", "dq", "dk", "dv", "dbias", "dsink", "max_logit"};

    return names[tensor];
}

int compare_fail(struct check_result *result, const char *format, ...)
{
    va_list arguments;

    if (result->ok) {
        result->ok = 0;
        va_start(arguments, format);
        vsnprintf(result->message, sizeof result->message, format, arguments);
        va_end(arguments);
    }
    return 0;
}

static int is_of_forward(enum check_tensor tensor)
{
    return tensor == CHECK_OUT || tensor == CHECK_LSE || tensor == CHECK_MAX_LOGIT;
}

struct check_tolerance check_tolerance(enum check_tensor tensor, const struct reference_sizes *sizes,
                                       const double *expected, size_t count)
{
    const double terms[CHECK_TENSORS] = {sizes->out, sizes->lse,   sizes->dq,    sizes->dk,
                                         sizes->dv,  sizes->dbias, sizes->dsink, sizes->lse};
    double most = terms[tensor] / 16.0;
    double factor = sizes->score > 16.0 ? sizes->score / 16.0 : 1.0;
    struct check_tolerance tolerance;

    for (size_t n = 0; expected != NULL && n < count; n++) {
        if (isfinite(expected[n]) && fabs(expected[n]) > most) {
            most = fabs(expected[n]);
        }
    }
    tolerance.absolute = (is_of_forward(tensor) ? 1e-6 : 1e-5) * most * factor;
    tolerance.relative = 1e-5 * factor;
    return tolerance;
}

double check_ratio(struct check_tolerance tolerance, float found, double expected)
{
    double error = fabs((double)found - expected);

    if ((double)found == expected) { /* also -inf, and 0 where no pair is visible and the tolerance is 0 */
        return 0.0;
    }
    if (!isfinite(found) || !isfinite(expected) || !isfinite(tolerance.absolute)) {
        return INFINITY;
    }
    error /= tolerance.absolute + tolerance.relative * fabs(expected);
    return isfinite(error) ? error : INFINITY;
}

struct check_tolerance check_tolerance_16(enum check_tensor tensor, struct check_tolerance float32, double naive_error)
{
    struct check_tolerance tolerance = float32;

    tolerance.absolute += (tensor == CHECK_OUT ? 2.0 : 3.0) * naive_error;
    return tolerance;
}

double check_worst_error(const float *found, const double *expected, size_t count)
{
    double worst = 0.0;

    for (size_t n = 0; n < count && isfinite(worst); n++) {
        double error = fabs((double)found[n] - expected[n]);

        worst = error <= worst ? worst : error;
    }
    return worst;
}

double check_worst_ratio(struct check_tolerance tolerance, const float *found, const double *expected, size_t count,
                         size_t *index)
{
    double worst = -1.0;
    size_t at = 0;

    for (size_t n = 0; n < count; n++) {
        double ratio = check_ratio(tolerance, found[n], expected[n]);

        if (ratio > worst) {
            worst = ratio;
            at = n;
        }
    }
    if (index != NULL) {
        *index = at;
    }
    return worst;
}

double check_compare(enum check_tensor tensor, const struct reference_sizes *sizes, const float *found,
                     const double *expected, size_t count, size_t *index)
{
    return check_worst_ratio(check_tolerance(tensor, sizes, expected, count), found, expected, count, index);
}

/* The rows that were found in an output, contiguous. NULL when memory is short. */
static float *gather(const struct comparison *x, enum data_slot slot)
{
    const struct data_view *view = &x->set.view[slot];
    size_t depth = view->dim[3];
    float *values = malloc(data_count(view) * sizeof *values);

    for (size_t row = 0; values != NULL && row < data_count(view) / depth; row++) {
        elements_read(view->dtype, x->found[view->buffer] + data_row_offset(view, row), depth, values + row * depth);
    }
    return values;
}

int compare_is_written(const struct comparison *x, enum check_tensor tensor)
{
    static const unsigned gradient[CHECK_TENSORS] = {[CHECK_DQ] = CLATTN_BACKWARD_DQ,
                                                     [CHECK_DK] = CLATTN_BACKWARD_DK,
                                                     [CHECK_DV] = CLATTN_BACKWARD_DV,
                                                     [CHECK_DBIAS] = CLATTN_BACKWARD_DBIAS,
                                                     [CHECK_DSINK] = CLATTN_BACKWARD_DSINK};

    if (tensor == CHECK_LSE) {
        return x->c->want_lse || (x->passes & CASE_GRADIENTS) != 0;
    }
    if (tensor == CHECK_MAX_LOGIT) {
        return x->c->problem.score.max_logit;
    }
    return tensor == CHECK_OUT || (x->passes & gradient[tensor]) != 0;
}

static int is_compared(const struct comparison *x, enum check_tensor tensor)
{
    return compare_is_written(x, tensor) && (!is_of_forward(tensor) || (x->passes & CLATTN_FORWARD) != 0);
}

/* The error of naive attention in dsink. Errors of its terms are independent and their sum may be
 * small by chance, so this is the root of the sum of their squares, of the worst head. Returns 0
 * when memory is short. */
static int compute_naive_dsink(const struct comparison *x, const clattn_arrays *arrays, const double *terms,
                               double *error)
{
    const clattn_problem *p = &x->c->problem;
    const size_t rows = (size_t)(p->batch * p->q_heads * p->q_len);
    double *naive = malloc(rows * sizeof *naive), *squares = calloc((size_t)p->q_heads, sizeof *squares);
    const int good = naive != NULL && squares != NULL && naive_dsink(p, arrays, naive) == 0;

    for (size_t row = 0; good && row < rows; row++) {
        double *square = &squares[row / (size_t)p->q_len % (size_t)p->q_heads];

        *square += (naive[row] - terms[row]) * (naive[row] - terms[row]);
        *error = fmax(*error, sqrt(*square));
    }
    free(naive);
    free(squares);
    return good;
}

/* Fills in dsink of the truth. Returns 0 when memory is short. */
static int compute_dsink(const struct comparison *x, const clattn_arrays *arrays, struct truth *truth,
                         struct reference_sizes *sizes)
{
    const clattn_problem *p = &x->c->problem;
    double *terms = malloc((size_t)(p->batch * p->q_heads * p->q_len) * sizeof *terms);
    int good = terms != NULL && reference_dsink(p, arrays, truth->tensor[CHECK_DSINK], terms, sizes) == 0;

    if (good && p->dtype != CLATTN_FLOAT32) {
        good = compute_naive_dsink(x, arrays, terms, &truth->naive_error[CHECK_DSINK]);
    }
    free(terms);
    return good;
}

/* Fills in truth->naive_error. Returns 0 when memory is short. */
static int compute_naive(const struct comparison *x, const clattn_arrays *arrays, struct truth *truth)
{
    int backward = (x->passes & CASE_GRADIENTS) != 0;
    float *naive[CHECK_TENSORS] = {NULL};
    int good = 1;

    for (int n = 0; n < CHECK_TENSORS; n++) {
        naive[n] = malloc(data_count(&x->set.view[SLOT_OUT + n]) * sizeof *naive[n]);
        good = good && naive[n] != NULL;
    }
    good = good && naive_attention(&x->c->problem, arrays, naive[CHECK_OUT], backward ? naive[CHECK_DQ] : NULL,
                                   naive[CHECK_DK], naive[CHECK_DV], naive[CHECK_DBIAS]) == 0;
    for (int n = 0; n < CHECK_TENSORS; n++) {
        if (good && n != CHECK_LSE && n != CHECK_MAX_LOGIT && n != CHECK_DSINK && (n == CHECK_OUT || backward) &&
            (n != CHECK_DBIAS || (x->passes & CLATTN_BACKWARD_DBIAS))) {
            truth->naive_error[n] =
                check_worst_error(naive[n], truth->tensor[n], data_count(&x->set.view[SLOT_OUT + n]));
        }
        free(naive[n]);
    }
    return good;
}

static void compute_truth(struct comparison *x, struct truth *truth)
{
    const clattn_problem *p = &x->c->problem;
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    double **t = truth->tensor;
    struct reference_sizes forward;
    struct reference_sizes backward = {0};
    int good = 1;

    data_reference_arrays(&x->set, &arrays);
    for (int n = 0; n < CHECK_TENSORS; n++) {
        t[n] = malloc(data_count(&x->set.view[SLOT_OUT + n]) * sizeof *t[n]);
        good = good && t[n] != NULL;
    }
    good = good && reference_forward(p, &arrays, t[CHECK_OUT], t[CHECK_LSE], &forward) == 0;
    if (good && p->score.max_logit) {
        good = reference_max_logit(p, &arrays, t[CHECK_MAX_LOGIT]) == 0;
    }
    if (good && (x->passes & CASE_GRADIENTS)) {
        good = reference_backward(p, &arrays, t[CHECK_DQ], t[CHECK_DK], t[CHECK_DV], &backward) == 0;
    }
    if (good && (x->passes & CLATTN_BACKWARD_DBIAS)) {
        good = reference_dbias(p, &arrays, t[CHECK_DBIAS], &backward) == 0;
    }
    if (good && p->dtype != CLATTN_FLOAT32) {
        good = compute_naive(x, &arrays, truth);
    }
    if (good && (x->passes & CLATTN_BACKWARD_DSINK)) {
        good = compute_dsink(x, &arrays, truth, &backward);
    }
    if (!good) {
        compare_fail(x->result, "no memory for the reference");
    }
    for (int n = 0; good && n < CHECK_TENSORS; n++) {
        truth->sizes[n] = is_of_forward((enum check_tensor)n) ? forward : backward;
    }
}

/* As P in double is 0 only for hidden pairs, a query that sees a key has an element of out that is not 0, and a key
 * that is seen one of dV. */
static int is_zero(const double *row, size_t depth)
{
    size_t d = 0;

    while (d < depth && row[d] == 0.0) {
        d++;
    }
    return d == depth;
}

/* 1 when the row belongs to a query that sees no key or to a key that no query sees: it must then
 * be exactly 0. Such a query has the L of its sink; so has one whose sink is far above its scores, in double. */
static int is_hidden(const struct comparison *x, const struct truth *truth, enum check_tensor tensor, size_t row)
{
    const clattn_problem *p = &x->c->problem;
    size_t depth = x->set.view[SLOT_DV].dim[3];
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;

    if (tensor == CHECK_OUT || tensor == CHECK_DQ) {
        data_arrays(&x->set, &arrays);
        return truth->tensor[CHECK_LSE][row] == sink_of_head(p, &arrays, (int64_t)row / p->q_len % p->q_heads) &&
               is_zero(truth->tensor[CHECK_OUT] + row * depth, depth);
    }
    if (tensor == CHECK_LSE || tensor == CHECK_MAX_LOGIT || tensor == CHECK_DBIAS || tensor == CHECK_DSINK) {
        return 0;
    }
    return is_zero(truth->tensor[CHECK_DV] + row * depth, depth);
}

static struct check_tolerance tolerance_of(const struct comparison *x, enum check_tensor tensor,
                                           const struct truth *truth)
{
    const struct data_view *view = &x->set.view[SLOT_OUT + (int)tensor];
    struct check_tolerance tolerance =
        check_tolerance(tensor, &truth->sizes[tensor], truth->tensor[tensor], data_count(view));

    const int summed = tensor == CHECK_DBIAS || tensor == CHECK_DSINK; /* of 16 bits, even in float32 */

    return (summed ? x->c->problem.dtype : view->dtype) == CLATTN_FLOAT32
               ? tolerance
               : check_tolerance_16(tensor, tolerance, truth->naive_error[tensor]);
}

/* The largest error of naive attention in the tensor over eight other sets of inputs, since with
 * few rows that see several keys it may be exact by chance. Infinity when host memory is short. */
static double naive_error_of_others(const struct comparison *x, enum check_tensor tensor)
{
    double worst = 0.0;

    for (uint64_t n = 1; n <= OTHER_NUMBERS; n++) {
        struct test_case c = *x->c;
        struct check_result result = {.ok = 1};
        struct comparison other = {.c = &c, .passes = x->passes, .result = &result};
        struct truth truth = {.naive_error = {0}};

        c.seed += n << 40;
        if (data_make(&c, &other.set) == 0) {
            compute_truth(&other, &truth);
        }
        worst = result.ok ? fmax(worst, truth.naive_error[tensor]) : INFINITY;
        for (int t = 0; t < CHECK_TENSORS; t++) {
            free(truth.tensor[t]);
        }
        data_free(&other.set);
    }
    return worst;
}

static void compare(struct comparison *x, enum check_tensor tensor, struct truth *truth)
{
    const struct data_view *view = &x->set.view[SLOT_OUT + (int)tensor];
    const double *expected = truth->tensor[tensor];
    const size_t *dim = view->dim;
    size_t count = data_count(view);
    float *found = gather(x, (enum data_slot)(SLOT_OUT + (int)tensor));
    size_t at;
    double ratio;

    if (found == NULL) {
        compare_fail(x->result, "no memory to compare %s", check_tensor_name(tensor));
        return;
    }
    ratio = check_worst_ratio(tolerance_of(x, tensor, truth), found, expected, count, &at);
    if (x->by_chance && isfinite(ratio) && ratio > 1.0 && view->dtype != CLATTN_FLOAT32) {
        truth->naive_error[tensor] = fmax(truth->naive_error[tensor], naive_error_of_others(x, tensor));
        ratio = check_worst_ratio(tolerance_of(x, tensor, truth), found, expected, count, &at);
    }
    for (size_t n = 0; n < count; n++) {
        if (found[n] != 0.0f && ratio <= 1.0 && is_hidden(x, truth, tensor, n / dim[3])) {
            at = n;
            ratio = INFINITY;
        }
    }
    x->result->ratio[tensor] = ratio;
    if (!(ratio <= 1.0)) {
        compare_fail(
            x->result, "%s[%zu,%zu,%zu,%zu]: found %.9g, expected %.9g: error / tolerance = %.3g (max|S| = %.3g)",
            check_tensor_name(tensor), at / dim[3] / dim[2] / dim[1], at / dim[3] / dim[2] % dim[1],
            at / dim[3] % dim[2], at % dim[3], (double)found[at], expected[at], ratio, truth->sizes[tensor].score);
    }
    free(found);
}

void compare_outputs(struct comparison *x)
{
    struct truth truth = {.naive_error = {0}};

    compute_truth(x, &truth);
    for (int n = 0; n < CHECK_TENSORS; n++) {
        if (x->result->ok && is_compared(x, (enum check_tensor)n)) {
            compare(x, (enum check_tensor)n, &truth);
        }
    }
    for (int n = 0; n < CHECK_TENSORS; n++) {
        free(truth.tensor[n]);
    }
}

const char *compare_buffer_name(const struct comparison *x, int buffer)
{
    static const char *const names[SLOT_COUNT] = {"q",     "k",    "v",    "mask",  "kv_lengths", "dout",
                                                  "alibi", "bias", "sink", "dlse",  "out",        "lse",
                                                  "dq",    "dk",   "dv",   "dbias", "dsink",      "max_logit"};
    int slot = 0;

    while (x->set.view[slot].buffer != buffer) {
        slot++;
    }
    return names[slot];
}

uint64_t compare_digest(const struct comparison *x)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (int n = 0; n < x->set.buffers; n++) {
        for (size_t at = 0; x->set.buffer[n].output && at < x->set.buffer[n].bytes; at++) {
            digest = (digest ^ x->found[n][at]) * UINT64_C(0x100000001b3);
        }
    }
    return digest;
}

static size_t first_difference(const unsigned char *x, const unsigned char *y, size_t bytes)
{
    size_t at = 0;

    while (at < bytes && x[at] == y[at]) {
        at++;
    }
    return at;
}

void compare_guards(struct comparison *x)
{
    for (int slot = SLOT_OUT; slot < SLOT_COUNT; slot++) {
        const struct data_view *view = &x->set.view[slot];
        size_t rows = compare_is_written(x, (enum check_tensor)(slot - SLOT_OUT)) ? data_count(view) / view->dim[3] : 0;

        for (size_t row = 0; row < rows; row++) {
            size_t at = data_row_offset(view, row);

            memcpy(x->found[view->buffer] + at, x->set.buffer[view->buffer].image + at,
                   view->dim[3] * view->element_bytes);
        }
    }
    for (int n = 0; n < x->set.buffers; n++) {
        const struct data_buffer *buffer = &x->set.buffer[n];
        size_t at = first_difference(x->found[n], buffer->image, buffer->bytes);

        if (at < buffer->bytes) {
            compare_fail(x->result, "%s: byte %zu of the buffer was overwritten, %s", compare_buffer_name(x, n), at,
                         buffer->output ? "outside the tensor" : "which is an input");
        }
    }
}

void compare_runs(struct comparison *x, unsigned char *const *before)
{
    for (int n = 0; n < x->set.buffers; n++) {
        size_t at = first_difference(x->found[n], before[n], x->set.buffer[n].bytes);

        if (at < x->set.buffer[n].bytes) {
            compare_fail(x->result, "%s: two runs differ at byte %zu of the buffer", compare_buffer_name(x, n), at);
        }
    }
}
