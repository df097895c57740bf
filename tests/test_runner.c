/* SPDX-License-Identifier: Apache-2.0 */
/* The runner: every layout against the reference, with unchanged gaps; optional arrays; the info of
 * a run; errors change nothing. Finding devices is in test_devices.c. */
#include "device.h"

#include "check.h"
#include "compare.h"
#include "data.h"
#include "half.h"
#include "host_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All cases share these words, and so the kernels; layout and gradients follow. */
#define CASE "b2 h2/1 n9 m9 d8/4 causal mask=random:2,1,9,9 kvlen "

enum { BACKWARD_GIVEN, BACKWARD_WITHOUT_OUT, BACKWARD_WITHOUT_LSE, BACKWARD_WITHOUT_BOTH };

static int setup(void **state)
{
    const clattn_options options = device_options();
    clattn_runner *runner;

    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    *state = runner;
    return 0;
}

static int teardown(void **state)
{
    clattn_runner_destroy(*state);
    return 0;
}

/* ---- against the reference ---- */

static struct test_case parse(const char *line)
{
    struct test_case c;
    char error[CASE_LINE_SIZE];

    if (case_parse(line, &c, error) != 0) {
        fail_msg("%s: %s", line, error);
    }
    return c;
}

/* The arrays of the case's passes. */
static clattn_arrays arrays_of(const struct test_case *c, const struct data_set *set)
{
    clattn_arrays a = CLATTN_ARRAYS_INIT;
    const struct {
        unsigned pass;
        clattn_array *array;
    } gradients[] = {{CLATTN_BACKWARD_DQ, &a.dq}, {CLATTN_BACKWARD_DK, &a.dk}, {CLATTN_BACKWARD_DV, &a.dv}};

    data_arrays(set, &a);
    for (size_t n = 0; n < COUNT_OF(gradients); n++) {
        if (!(c->passes & gradients[n].pass)) {
            *gradients[n].array = (clattn_array)CLATTN_NO_ARRAY;
        }
    }
    if (!compare_is_written(&(struct comparison){.c = c, .passes = c->passes}, CHECK_LSE)) {
        a.lse = (clattn_array)CLATTN_NO_ARRAY;
    }
    return a;
}

/* Runs forward and, if the case has gradients, backward, called in way `way`. Compares all outputs,
 * and checks that nothing else is written. */
static void check_line(clattn_runner *runner, const char *line, int way)
{
    const struct test_case c = parse(line);
    struct check_result result = {.ok = 1};
    struct comparison x = {.c = &c, .passes = c.passes, .result = &result};
    struct data_set set, spare; /* the set to run on; x.set keeps the initial contents */
    clattn_arrays arrays;

    assert_int_equal(data_make(&c, &x.set), 0);
    assert_int_equal(data_make(&c, &set), 0);
    assert_int_equal(data_make(&c, &spare), 0);
    arrays = arrays_of(&c, &set);
    if (way == BACKWARD_GIVEN) {
        assert_success(clattn_run_forward(runner, &c.problem, &arrays, NULL));
    }
    if (way == BACKWARD_WITHOUT_OUT || way == BACKWARD_WITHOUT_BOTH) {
        arrays.out.data = NULL;
    }
    if (way == BACKWARD_WITHOUT_LSE || way == BACKWARD_WITHOUT_BOTH) {
        arrays.lse.data = NULL;
    }
    if (c.passes & CLATTN_BACKWARD) {
        assert_success(clattn_run_backward(runner, &c.problem, &arrays, NULL));
    }
    for (int n = 0; n < set.buffers; n++) {
        x.found[n] = set.buffer[n].image;
    }
    if (way != BACKWARD_GIVEN) { /* copy the outputs that backward did not have to write */
        arrays = arrays_of(&c, way == BACKWARD_WITHOUT_LSE ? &spare : &set);
        arrays.lse.data = way == BACKWARD_WITHOUT_OUT ? NULL : arrays_of(&c, &set).lse.data;
        assert_success(clattn_run_forward(runner, &c.problem, &arrays, NULL));
    }
    compare_outputs(&x);
    compare_guards(&x);
    if (!result.ok) {
        fail_msg("%s: %s", line, result.message);
    }
    data_free(&spare);
    data_free(&set);
    data_free(&x.set);
}

static void test_layouts(void **state)
{
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        static const char *const layouts[LAYOUT_COUNT] = {"layout=bhnd",   "layout=bnhd",      "layout=packed",
                                                          "layout=padded", "layout=broadcast", "layout=random seed=4"};
        char line[CASE_LINE_SIZE];

        snprintf(line, sizeof line, CASE "%s", layouts[layout]);
        check_line(*state, line, BACKWARD_GIVEN);
    }
}

static void test_16_bits(void **state)
{
    check_line(*state, CASE "dtype=f16", BACKWARD_GIVEN);
    check_line(*state, CASE "dtype=f16 layout=packed", BACKWARD_GIVEN);
    check_line(*state, CASE "dtype=f16 layout=padded", BACKWARD_WITHOUT_OUT);
    check_line(*state, CASE "dtype=f16 layout=bnhd", BACKWARD_WITHOUT_BOTH);
    check_line(*state, CASE "dtype=f16 layout=broadcast", BACKWARD_WITHOUT_LSE);
}

static void test_backward_alone(void **state)
{
    check_line(*state, CASE "layout=padded", BACKWARD_WITHOUT_OUT);
    check_line(*state, CASE "layout=padded", BACKWARD_WITHOUT_LSE);
    check_line(*state, CASE "layout=bnhd", BACKWARD_WITHOUT_BOTH);
    check_line(*state, CASE "grad=dv", BACKWARD_WITHOUT_BOTH);
}

static void test_optional_outputs(void **state)
{
    static const char *const wanted[] = {"nolse", "grad=none", "grad=dq", "grad=dk", "grad=dv", "grad=dq,dv"};

    for (size_t n = 0; n < COUNT_OF(wanted); n++) {
        char line[CASE_LINE_SIZE];

        snprintf(line, sizeof line, CASE "%s", wanted[n]);
        check_line(*state, line, BACKWARD_GIVEN);
    }
}

/* ---- what a run tells ---- */

static void check_info(clattn_runner *runner, const char *line)
{
    const struct test_case c = parse(line);
    const size_t size = element_bytes(c.problem.dtype);
    struct data_set set;
    clattn_arrays arrays;
    clattn_run_info info = {.struct_size = sizeof info};
    size_t bytes = 0;

    assert_int_equal(data_make(&c, &set), 0);
    arrays = arrays_of(&c, &set);
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        bytes += slot < SLOT_DQ && slot != SLOT_DOUT ? data_count(&set.view[slot]) * set.view[slot].element_bytes : 0;
    }
    assert_success(clattn_run_forward(runner, &c.problem, &arrays, &info));
    assert_int_equal(info.struct_size, sizeof info);
    assert_non_null(strstr(info.plan, "forward"));
    assert_null(strstr(info.plan, "backward"));
    assert_true(info.plan_seconds >= 0 && info.upload_seconds >= 0 && info.kernel_seconds > 0);
    assert_true(info.download_seconds >= 0);
    assert_int_equal(info.workspace_bytes, 0);
    assert_int_equal(info.device_bytes, bytes);
    assert_success(clattn_run_backward(runner, &c.problem, &arrays, &info));
    assert_non_null(strstr(info.plan, "backward_"));
    /* delta, and in 16 bits dQ in float32 if backward_fused runs */
    const size_t sums = size == 2 && strstr(info.plan, "backward_fused") ? (size_t)c.problem.qk_dim : 0;
    assert_int_equal(info.workspace_bytes, 4 * 2 * 2 * 9 * (1 + sums));
    assert_int_equal(info.device_bytes, bytes + info.workspace_bytes +
                                            size * (data_count(&set.view[SLOT_DOUT]) + data_count(&set.view[SLOT_DQ]) +
                                                    data_count(&set.view[SLOT_DK]) + data_count(&set.view[SLOT_DV])));
    data_free(&set);
}

static void test_info(void **state)
{
    check_info(*state, CASE);
    check_info(*state, CASE "dtype=f16");
}

/* ---- errors ---- */

/* A run that must fail, without changing any array or *info. */
static void assert_run_fails(clattn_runner *runner, int backward, const struct data_set *set,
                             const struct data_set *before, const clattn_problem *p, const clattn_arrays *arrays,
                             clattn_status status, const char *part)
{
    const clattn_run_info untouched = {.struct_size = sizeof untouched, .device_bytes = 77, .plan = "untouched"};
    clattn_run_info info = untouched;

    assert_status((backward ? clattn_run_backward : clattn_run_forward)(runner, p, arrays, &info), status, part);
    assert_memory_equal(&info, &untouched, sizeof info);
    for (int n = 0; n < set->buffers; n++) {
        assert_memory_equal(set->buffer[n].image, before->buffer[n].image, set->buffer[n].bytes);
    }
}

static void test_missing_arrays(void **state)
{
    static const char *const names[] = {"q", "k", "v", "mask", "kv_lengths", "out", "dout"};
    const struct test_case c = parse(CASE);
    struct data_set set, before;
    clattn_arrays good;

    assert_int_equal(data_make(&c, &set), 0);
    assert_int_equal(data_make(&c, &before), 0);
    good = arrays_of(&c, &set);
    for (int backward = 0; backward < 2; backward++) {
        for (size_t n = 0; n < COUNT_OF(names); n++) {
            clattn_arrays a = good;
            const void *out = a.out.data;
            const void **const members[] = {&a.q.data,          &a.k.data, &a.v.data,   &a.mask.data,
                                            &a.kv_lengths.data, &out,      &a.dout.data};
            char part[32];

            snprintf(part, sizeof part, "array %s is missing", names[n]);
            *members[n] = NULL;
            a.out.data = out != NULL ? a.out.data : NULL;
            if (backward ? strcmp(names[n], "out") != 0 : n < COUNT_OF(names) - 1) {
                assert_run_fails(*state, backward, &set, &before, &c.problem, &a, CLATTN_INVALID_ARGUMENT, part);
            }
        }
    }
    good.dq.data = good.dk.data = good.dv.data = NULL;
    assert_run_fails(*state, 1, &set, &before, &c.problem, &good, CLATTN_INVALID_ARGUMENT, "no gradient");
    data_free(&set);
    data_free(&before);
}

static void test_bad_arrays(void **state)
{
    const struct test_case c = parse(CASE);
    struct data_set set, before;
    clattn_arrays good;

    assert_int_equal(data_make(&c, &set), 0);
    assert_int_equal(data_make(&c, &before), 0);
    good = arrays_of(&c, &set);
    for (int backward = 0; backward < 2; backward++) {
        clattn_arrays a = good;
        clattn_array *output = backward ? &a.dq : &a.out;
        clattn_problem p = c.problem;
        const struct {
            void *data;
            size_t stride[4];
            clattn_status status;
        } rows[] = {
            {output->data, {144, 72, 8, 2}, CLATTN_INVALID_ARGUMENT},
            {host_writable(&good.q), {0, 0, 0}, CLATTN_OVERLAP},
            {(char *)host_writable(&good.v) + 4, {0, 0, 0}, CLATTN_OVERLAP},
            {host_writable(&good.kv_lengths), {0, 0, 0}, CLATTN_OVERLAP},
            {backward ? good.dk.data : good.lse.data, {0, 0, 0}, CLATTN_OVERLAP},
            {output->data, {1, 0, 8}, CLATTN_OVERLAP},
            {output->data, {SIZE_MAX, 72, 8}, CLATTN_INVALID_SIZE},
            {output->data, {144, SIZE_MAX / 2 + 1, 8}, CLATTN_INVALID_SIZE},
            {output->data, {144, 72, (size_t)((UINT64_C(1) << 58) + 1)}, CLATTN_INVALID_SIZE},
            {output->data, {144, 72, (size_t)(UINT64_C(1) << 58)}, CLATTN_INVALID_SIZE},
            {output->data, {144, 72, (size_t)(UINT64_C(1) << 56)}, CLATTN_OPENCL_ERROR}, /* a buffer of 2^61 bytes */
        };

        for (size_t n = 0; n < COUNT_OF(rows); n++) {
            output->data = rows[n].data;
            memcpy(output->stride, rows[n].stride, sizeof rows[n].stride);
            assert_run_fails(*state, backward, &set, &before, &p, &a, rows[n].status, backward ? "dq" : "out");
        }
        p.qk_dim = CLATTN_MAX_HEAD_DIM + 1;
        assert_run_fails(*state, backward, &set, &before, &p, &good, CLATTN_INVALID_SIZE, "qk_dim");
    }
    data_free(&set);
    data_free(&before);
}

/* The runner still works after an error, and after a different problem. */
static void test_run_after_run(void **state)
{
    clattn_problem bad = CLATTN_PROBLEM_INIT;
    clattn_arrays none = CLATTN_ARRAYS_INIT;

    check_line(*state, CASE, BACKWARD_GIVEN);
    assert_status(clattn_run_forward(*state, &bad, &none, NULL), CLATTN_INVALID_SIZE, "batch");
    check_line(*state, CASE "seed=3", BACKWARD_GIVEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),        cmocka_unit_test(test_16_bits),
        cmocka_unit_test(test_backward_alone), cmocka_unit_test(test_optional_outputs),
        cmocka_unit_test(test_info),           cmocka_unit_test(test_missing_arrays),
        cmocka_unit_test(test_bad_arrays),     cmocka_unit_test(test_run_after_run),
    };

    return cmocka_run_group_tests_name("runner", tests, setup, teardown);
}
