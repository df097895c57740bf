/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the case table, and of the comparison: wrong results must fail. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "compare.h"
#include "half.h"
#include "in_threads.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void assert_close(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g", found, expected);
    }
}

/* Printing and parsing preserves every case of the table; case_table returns the right number. */
static void test_case_lines(void **state)
{
    size_t count = case_table(TIER_FULL, NULL, 0);
    struct test_case *cases = calloc(count, sizeof *cases);
    size_t forward = 0;
    size_t backward = 0;
    char line[CASE_LINE_SIZE], again[CASE_LINE_SIZE], error[CASE_LINE_SIZE];

    (void)state;
    assert_non_null(cases);
    assert_int_equal(case_table(TIER_FULL, cases, count), count);
    for (size_t n = 0; n < count; n++) {
        struct test_case parsed;

        forward += (cases[n].passes & CLATTN_FORWARD) != 0;
        backward += (cases[n].passes & CLATTN_BACKWARD) != 0;
        case_print(&cases[n], line);
        assert_true(strlen(line) + 1 < CASE_LINE_SIZE);
        if (case_parse(line, &parsed, error) != 0) {
            fail_msg("%s: %s", line, error);
        }
        assert_string_equal(case_print(&parsed, again), line);
        parsed.tier = cases[n].tier;
        parsed.group = cases[n].group;
        parsed.mask = parsed.problem.score.mask_dim[0] != 0 ? parsed.mask : cases[n].mask;
        assert_memory_equal(&parsed.problem, &cases[n].problem, sizeof parsed.problem);
        assert_int_equal(parsed.passes, cases[n].passes);
        assert_true(parsed.layout == cases[n].layout && parsed.data == cases[n].data && parsed.mask == cases[n].mask);
        assert_true(parsed.lengths == cases[n].lengths && parsed.kv_length == cases[n].kv_length);
        assert_true(parsed.seed == cases[n].seed && parsed.want_lse == cases[n].want_lse);
    }
    assert_true(forward >= 500 && backward >= 500);
    for (size_t n = 0; case_lines[n].line != NULL; n++) {
        assert_int_equal(case_parse(case_lines[n].line, cases, error), 0); /* the table leaves out a wrong line */
    }
    free(cases);
}

static void test_wrong_lines(void **state)
{
    static const char *const lines[] = {"",
                                        "b1 h1 n1 m1",
                                        "b1 h1 n1 m1 d",
                                        "b1 h1 n1 m1 d8x",
                                        "b1/2 h1 n1 m1 d8",
                                        "b1 h1 n1 m1 d8 casual",
                                        "b1 h1 n1 m1 d8 align=",
                                        "b1 h1 n1 m1 d8 align=99999999999999999999",
                                        "b1 h1 n1 m1 d8 mask=1,1,1",
                                        "b1 h1 n1 m1 d8 mask=odd:1,1,1,1",
                                        "b1 h1 n1 m1 d8 kvlen=4294967296",
                                        "b1 h1 n1 m1 d8 layout=hbnd",
                                        "b1 h1 n1 m1 d8 data=",
                                        "b1 h1 n1 m1 d8 tile=8",
                                        "b1 h1 n1 m1 d8 scale=big",
                                        "b1 h1 n1 m1 d8 seed=-1",
                                        "b1 h1 n1 m1 d8 grad=dq,",
                                        "b1 h1 n1 m1 d8 grad=dx",
                                        "b1 h1 n1 m1 d8 dtype=",
                                        "b1 h1 n1 m1 d8 dtype=f64"};
    struct test_case c;
    char error[CASE_LINE_SIZE];

    (void)state;
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        error[0] = '\0';
        if (case_parse(lines[n], &c, error) != -1 || error[0] == '\0') {
            fail_msg("accepted: %s", lines[n]);
        }
    }
}

/* Wrong elements fail, and the tolerance is that of check.h. */
static void test_tolerance(void **state)
{
    struct reference_sizes sizes = {.score = 32.0, .out = 8.0, .dq = 320.0};
    const double expected[3] = {2.0, -4.0, -INFINITY};
    const double zero[1] = {0.0};
    struct check_tolerance t = check_tolerance(CHECK_OUT, &sizes, expected, 3);
    float found[3] = {2.0f, -4.0f, -INFINITY};
    size_t at;

    (void)state;
    assert_close(t.absolute, 1e-6 * 4.0 * 2.0, 1e-18);
    assert_close(t.relative, 1e-5 * 2.0, 1e-18);
    assert_close(check_tolerance(CHECK_DQ, &sizes, expected, 3).absolute, 1e-5 * 20.0 * 2.0, 1e-15);
    assert_close(check_ratio(t, 2.0f + 0x1p-14f, 2.0), 0x1p-14 / 48e-6, 1e-9);
    assert_true(check_ratio(t, NAN, 2.0) == INFINITY && check_ratio(t, INFINITY, 2.0) == INFINITY);
    assert_true(check_ratio(t, -INFINITY, -INFINITY) == 0.0 && check_ratio(t, INFINITY, -INFINITY) == INFINITY);
    assert_true(check_ratio(t, 2.0f, -INFINITY) == INFINITY && check_ratio(t, NAN, -INFINITY) == INFINITY);
    assert_true(check_compare(CHECK_OUT, &sizes, found, expected, 3, &at) == 0.0);
    found[1] = NAN;
    assert_true(check_compare(CHECK_OUT, &sizes, found, expected, 3, &at) == INFINITY && at == 1);
    sizes = (struct reference_sizes){0};
    found[0] = 1e-30f; /* no key is visible: exactly 0 */
    assert_true(check_compare(CHECK_OUT, &sizes, found, zero, 1, NULL) == INFINITY);
    found[0] = -0.0f;
    assert_true(check_compare(CHECK_OUT, &sizes, found, zero, 1, NULL) == 0.0);
}

/* The rule of 16 bits: the float32 tolerance plus two or three times naive's error. Everything
 * fails if naive's error is not finite. */
static void test_tolerance_16(void **state)
{
    const double expected[3] = {2.0, -4.0, 0.0};
    const float naive[3] = {2.0f, -4.25f, 0.125f};
    const float overflow[3] = {2.0f, -INFINITY, 0.0f};
    const struct check_tolerance float32 = {0.03125, 0.0};
    struct check_tolerance t;

    (void)state;
    assert_true(check_worst_error(naive, expected, 3) == 0.25);
    assert_true(!isfinite(check_worst_error(overflow, expected, 3)));
    assert_true(isnan(check_worst_error((float[]){NAN, 0.0f}, expected, 2)));
    t = check_tolerance_16(CHECK_OUT, float32, 0.25);
    assert_true(t.absolute == 0.53125 && t.relative == 0.0);
    assert_true(check_tolerance_16(CHECK_DQ, float32, 0.25).absolute == 0.78125);
    assert_true(check_tolerance_16(CHECK_DV, float32, 0.25).absolute == 0.78125);
    assert_true(check_ratio(t, 2.53125f, 2.0) == 1.0 && check_ratio(t, NAN, 2.0) == INFINITY);
    assert_true(check_worst_ratio(t, naive, expected, 3, NULL) == 0.25 / 0.53125);
    t = check_tolerance_16(CHECK_OUT, float32, check_worst_error(overflow, expected, 3));
    assert_true(check_ratio(t, 2.5f, 2.0) == INFINITY && check_ratio(t, 2.0f, 2.0) == 0.0);
}

/* Makes the comparison of a perfect device: outputs are the reference's, rounded to their type. */
static void perfect_run(struct comparison *x, const struct test_case *c, struct check_result *result)
{
    const clattn_problem *p = &c->problem;
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    double *truth[CHECK_TENSORS];

    memset(x, 0, sizeof *x);
    memset(result, 0, sizeof *result);
    result->ok = 1;
    x->c = c;
    x->passes = c->passes;
    x->result = result;
    assert_int_equal(data_make(c, &x->set), 0);
    data_reference_arrays(&x->set, &arrays);
    for (int n = 0; n < CHECK_TENSORS; n++) {
        truth[n] = calloc(data_count(&x->set.view[SLOT_OUT + n]), sizeof(double));
        assert_non_null(truth[n]);
    }
    assert_int_equal(reference_forward(p, &arrays, truth[CHECK_OUT], truth[CHECK_LSE], NULL), 0);
    assert_int_equal(reference_backward(p, &arrays, truth[CHECK_DQ], truth[CHECK_DK], truth[CHECK_DV], NULL), 0);
    for (int n = 0; n < x->set.buffers; n++) {
        x->found[n] = malloc(x->set.buffer[n].bytes);
        assert_non_null(x->found[n]);
        memcpy(x->found[n], x->set.buffer[n].image, x->set.buffer[n].bytes);
    }
    for (int n = 0; n < CHECK_TENSORS; n++) {
        const struct data_view *view = &x->set.view[SLOT_OUT + n];

        for (size_t e = 0; e < data_count(view) && compare_is_written(x, (enum check_tensor)n); e++) {
            float value = (float)truth[n][e];

            elements_write(view->dtype, &value, 1,
                           x->found[view->buffer] + data_row_offset(view, e / view->dim[3]) +
                               e % view->dim[3] * view->element_bytes);
        }
        free(truth[n]);
    }
}

static void end_run(struct comparison *x)
{
    for (int n = 0; n < x->set.buffers; n++) {
        free(x->found[n]);
    }
    data_free(&x->set);
}

/* 1 if outputs and guards pass. */
static int passes(struct comparison *x)
{
    compare_outputs(x);
    compare_guards(x);
    return x->result->ok;
}

/* The first element of a tensor in `found`. */
static unsigned char *first(struct comparison *x, enum data_slot slot)
{
    return x->found[x->set.view[slot].buffer] + data_row_offset(&x->set.view[slot], 0);
}

static float get_first(struct comparison *x, enum data_slot slot)
{
    float value;

    elements_read(x->set.view[slot].dtype, first(x, slot), 1, &value);
    return value;
}

static void set_first(struct comparison *x, enum data_slot slot, float value)
{
    elements_write(x->set.view[slot].dtype, &value, 1, first(x, slot));
}

/* Every single fault is found, in every layout: a wrong value, an unwritten NaN, a changed guard,
 * gap or input, a write to a gradient that was not requested. */
static void test_faults_are_seen(void **state)
{
    static const char *const lines[] = {"b2 h4/2 n5 m5 d8/4",
                                        "b2 h4/2 n5 m7 d8/4 layout=bnhd causal",
                                        "b2 h4/2 n5 m5 d8/4 layout=packed kvlen",
                                        "b2 h2 n5 m7 d8 layout=padded",
                                        "b2 h4/2 n5 m7 d8/4 mask=2,1,5,7 kvlen layout=random seed=1",
                                        "b2 h4/2 n5 m5 d8/4 dtype=f16 causal layout=random seed=3",
                                        "b2 h2 n5 m7 d8 layout=broadcast mask=2,1,5,7",
                                        "b2 h4/2 n5 m5 d8/4 dtype=f16 layout=packed causal",
                                        "b2 h2 n5 m7 d8 dtype=f16 layout=broadcast",
                                        "b2 h4/2 n5 m7 d8/4 dtype=bf16 kvlen data=nanpad",
                                        "b2 h2 n5 m7 d8 dtype=bf16 layout=padded mask=2,1,5,7"};
    static const float slack[] = {0.01f, 0.02f, 0.15f}; /* relative errors that a dtype's tolerance must not cover */
    struct test_case c;
    struct comparison x;
    struct check_result result;
    char error[CASE_LINE_SIZE];

    (void)state;
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        assert_int_equal(case_parse(lines[n], &c, error), 0);
        perfect_run(&x, &c, &result);
        if (!passes(&x)) {
            fail_msg("%s: %s", lines[n], result.message);
        }
        end_run(&x);
        for (int slot = 0; slot < SLOT_COUNT; slot++) {
            if (x.set.view[slot].buffer < 0 || slot == SLOT_MASK || slot == SLOT_KV_LENGTHS) {
                continue;
            }
            for (int turn = 0; turn < 6; turn++) {
                const int fault = turn / 2;

                perfect_run(&x, &c, &result);
                x.by_chance = turn % 2;
                if (fault == 0) {
                    const float value = get_first(&x, (enum data_slot)slot);

                    set_first(&x, (enum data_slot)slot, isfinite(value) ? value + slack[c.problem.dtype] : 1.0f);
                } else if (fault == 1) {
                    set_first(&x, (enum data_slot)slot, slot >= SLOT_OUT ? NAN : 0.0f);
                } else {
                    x.found[x.set.view[slot].buffer][x.set.buffer[x.set.view[slot].buffer].bytes - 1] ^= 1;
                }
                if (passes(&x)) {
                    fail_msg("%s: fault %d of tensor %d was not seen", lines[n], fault, slot);
                }
                end_run(&x);
            }
        }
    }
}

/* Two queries that see two equal keys, so that dq is 0. The dq that a rounded out gives passes by
 * naive's error with other inputs, not with these. A hundred times as much always fails. */
static void test_exact_by_chance(void **state)
{
    static const char line[] = "b2 h1 n2 m2 d40/96 dtype=f16 causal align=top-left mask=prefix:2,1,1,1 layout=padded "
                               "data=equal seed=1275413750";
    struct test_case c;
    struct comparison x;
    struct check_result result;
    char error[CASE_LINE_SIZE];

    (void)state;
    assert_int_equal(case_parse(line, &c, error), 0);
    for (int turn = 0; turn < 3; turn++) {
        const float value = turn < 2 ? 0.000379323959f : 0.0379323959f;

        perfect_run(&x, &c, &result);
        elements_write(CLATTN_FLOAT16, &value, 1,
                       x.found[x.set.view[SLOT_DQ].buffer] + data_row_offset(&x.set.view[SLOT_DQ], 1));
        x.by_chance = turn > 0;
        assert_int_equal(passes(&x), turn == 1);
        end_run(&x);
    }
}

/* Rows of hidden queries and keys must be exactly 0; outputs that were not requested must be
 * unchanged. */
static void test_hidden_and_unwanted(void **state)
{
    static const struct {
        const char *line;
        enum data_slot slot;
    } faults[] = {{"b1 h1 n5 m2 d4 causal", SLOT_OUT},
                  {"b1 h1 n5 m2 d4 causal", SLOT_DQ},
                  {"b1 h1 n2 m5 d4 mask=false:1,1,1,1", SLOT_DK},
                  {"b1 h1 n2 m5 d4 kvlen=0", SLOT_DV},
                  {"b1 h1 n5 m2 d4 grad=dk", SLOT_DQ},
                  {"b1 h1 n5 m2 d4 grad=dq", SLOT_DV},
                  {"b1 h1 n5 m2 d4 nolse", SLOT_LSE},
                  {"b1 h1 n5 m2 d4 dtype=f16 causal", SLOT_DQ},
                  {"b1 h1 n2 m5 d4 dtype=bf16 kvlen=0", SLOT_DV}};
    struct test_case c;
    struct comparison x;
    struct check_result result;
    char error[CASE_LINE_SIZE];

    (void)state;
    for (size_t n = 0; n < sizeof faults / sizeof faults[0]; n++) {
        assert_int_equal(case_parse(faults[n].line, &c, error), 0);
        perfect_run(&x, &c, &result);
        assert_true(passes(&x));
        end_run(&x);
        perfect_run(&x, &c, &result);
        set_first(&x, faults[n].slot, 1e-7f);
        if (passes(&x)) {
            fail_msg("%s: not seen", faults[n].line);
        }
        end_run(&x);
    }
}

/* The parts together are the whole table, without a case in two parts. */
static void test_parts(void **state)
{
    enum { PARTS = 7 };
    const size_t count = case_table(TIER_QUICK, NULL, 0);
    struct test_case *all = calloc(count, sizeof *all), *part = calloc(count, sizeof *part);
    size_t total = 0;

    (void)state;
    assert_true(all != NULL && part != NULL && count > PARTS);
    case_table(TIER_QUICK, all, count);
    for (size_t k = 1; k <= PARTS; k++) {
        memcpy(part, all, count * sizeof *all);
        const size_t kept = case_part(part, count, k, PARTS);

        for (size_t n = 0; n < kept; n++) {
            assert_memory_equal(&part[n], &all[k - 1 + n * PARTS], sizeof *part);
        }
        total += kept;
    }
    assert_int_equal(total, count);
    free(all);
    free(part);
}

/* ---- data ---- */

enum { MANY = 100003 };

static int count_element(void *self, size_t first, size_t past)
{
    unsigned char *counts = self;

    if (past - first < 1000 && past != first) {
        counts[first] = 100; /* a range that is too small; the test checks this later, as a thread must not assert */
    }
    for (size_t n = first; n < past; n++) {
        counts[n]++;
    }
    return first <= MANY / 2 && MANY / 2 < past && counts[MANY / 2] == 2;
}

static void test_threads_do_all_once(void **state)
{
    unsigned char *counts = calloc(MANY, 1);

    (void)state;
    assert_non_null(counts);
    assert_int_equal(in_threads(MANY, 1000, count_element, counts), 0);
    for (size_t n = 0; n < MANY; n++) {
        assert_int_equal(counts[n], 1);
    }
    assert_int_equal(in_threads(0, 1000, count_element, counts), 0);
    assert_int_equal(in_threads(MANY, 1000, count_element, counts), 1); /* one range's result, the second time */
    free(counts);
}

/* Threads fill a large tensor with the same numbers as one thread. */
static void test_data_of_threads(void **state)
{
    struct test_case c;
    struct data_set set;
    struct check_random r;
    char error[CASE_LINE_SIZE];

    (void)state;
    for (int uniform = 0; uniform < 2; uniform++) {
        assert_int_equal(case_parse(uniform ? "b2 h5 n4099 m3 d64 data=uniform" : "b2 h5 n4099 m3 d64", &c, error), 0);
        assert_int_equal(data_make(&c, &set), 0);
        r.state = c.seed;
        check_random_skip(&r, 1); /* the draw of key lengths */
        const float *q = (const float *)set.buffer[set.view[SLOT_Q].buffer].image + set.view[SLOT_Q].offset;
        const float *k = (const float *)set.buffer[set.view[SLOT_K].buffer].image + set.view[SLOT_K].offset;

        for (size_t n = 0; n < data_count(&set.view[SLOT_Q]); n++) {
            assert_true(q[n] == (uniform ? check_random_uniform(&r) : check_random_normal(&r)));
        }
        for (size_t n = 0; n < data_count(&set.view[SLOT_K]); n++) {
            assert_true(k[n] == (uniform ? check_random_uniform(&r) : check_random_normal(&r)));
        }
        data_free(&set);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_case_lines),          cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_tolerance),           cmocka_unit_test(test_tolerance_16),
        cmocka_unit_test(test_faults_are_seen),     cmocka_unit_test(test_hidden_and_unwanted),
        cmocka_unit_test(test_exact_by_chance),     cmocka_unit_test(test_parts),
        cmocka_unit_test(test_threads_do_all_once), cmocka_unit_test(test_data_of_threads),
    };

    return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
