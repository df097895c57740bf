/* SPDX-License-Identifier: Apache-2.0 */
/* clattn_tune: the end of a search, the problems it supports, and refused calls. The use of its
 * file is in test_tune_file.c. */
#include "tune_scene.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the search ---- */

/* A search that is stopped at once writes nothing, and keeps earlier rows. */
static void test_stopped(void **state)
{
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case(), other = tune_scene_parse("b1 h1 n20 m20 d16/8");
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    clattn_tuned_kernel found;

    tune_scene_tune(context, &c.problem, CLATTN_FORWARD, 1);
    found = tune_scene_tune(context, &other.problem, CLATTN_FORWARD, 0);
    assert_true(found.is_builtin);
    assert_int_equal(tune_scene_count_in_plan(s, &other.problem, "(built-in table)"), 3);
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 1);
    clattn_context_destroy(context);
}

/* Every type, with masks and key lengths: right configurations pass verification. */
static void test_types(void **state)
{
    static const struct {
        const char *line;
        unsigned passes;
    } cases[] = {{"b2 h4/2 n65 m97 d16/8 causal mask=2,1,65,97 dtype=f16", CLATTN_BACKWARD_DQ},
                 {"b2 h2 n65 m97 d16/8 kvlen mask=2,1,1,97 dtype=bf16", CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV},
                 {"b1 h2/1 n7 m97 d16/8 dtype=bf16", CLATTN_FORWARD},
                 {"b1 h1 n1 m1 d1", CLATTN_BACKWARD_DQ}};
    const struct tune_scene *s = *state;
    clattn_context *context = tune_scene_context(s, s->folder, NULL);

    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        const struct test_case c = tune_scene_parse(cases[n].line);
        const clattn_tuned_kernel found = tune_scene_tune(context, &c.problem, cases[n].passes, 1);

        assert_int_equal(found.refused, 0);
    }
    clattn_context_destroy(context);
}

/* Without a callback the time limit ends the search; the plan's kernels share the time. */
static void test_time(void **state)
{
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case();
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tuned_kernel kernels[8];
    clattn_tune_result result = CLATTN_TUNE_RESULT_INIT;

    result.kernels = kernels;
    result.kernel_size = sizeof kernels[0];
    result.capacity = COUNT_OF(kernels);
    options.seconds = 1e-6;
    assert_success(clattn_tune(context, &c.problem, CLATTN_FORWARD | CLATTN_BACKWARD, &options, &result));
    assert_in_range(result.count, 2, COUNT_OF(kernels));
    assert_false(result.stopped);
    for (size_t n = 0; n < result.count; n++) {
        assert_int_equal(kernels[n].tried, 1);
        assert_true(kernels[n].is_builtin);
    }
    clattn_context_destroy(context);
}

/* ---- what is refused ---- */

static void test_folders(void **state)
{
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case();
    clattn_context *context = tune_scene_context(s, "", NULL);
    char path[256];

    assert_status(clattn_tune(context, &c.problem, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT,
                  "no folder for tuned configurations");
    assert_string_equal(clattn_tune_file(context), "");
    assert_non_null(strstr(clattn_context_describe(context), "tuned configurations: no file"));
    clattn_context_destroy(context);

    snprintf(path, sizeof path, "%s/file", s->folder);
    tune_scene_write(path, "not a folder");
    context = tune_scene_context(s, path, NULL);
    assert_status(clattn_tune(context, &c.problem, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT,
                  "cannot be written");
    clattn_context_destroy(context);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(setenv("XDG_CACHE_HOME", s->folder, 1), 0); /* also if the driver caches kernels itself */
    context = tune_scene_context(s, NULL, NULL);
    snprintf(path, sizeof path, "%s/clattn/", s->folder);
    assert_int_equal(strncmp(clattn_tune_file(context), path, strlen(path)), 0);
    clattn_context_destroy(context);
}

static void test_arguments(void **state)
{
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case();
    const clattn_problem *p = &c.problem;
    clattn_problem none = CLATTN_PROBLEM_INIT;
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tuned_kernel kernel;
    clattn_tune_result result = CLATTN_TUNE_RESULT_INIT;

    assert_status(clattn_tune(NULL, p, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT, "context");
    assert_status(clattn_tune(context, NULL, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT, "problem");
    assert_status(clattn_tune(context, &none, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_SIZE, "batch");
    assert_status(clattn_tune(context, p, 0, NULL, NULL), CLATTN_INVALID_ARGUMENT, "passes");
    assert_status(clattn_tune(context, p, 16, NULL, NULL), CLATTN_INVALID_ARGUMENT, "passes");
    result.struct_size--;
    assert_status(clattn_tune(context, p, CLATTN_FORWARD, NULL, &result), CLATTN_INVALID_ARGUMENT,
                  "result.struct_size");
    result.struct_size++;
    result.capacity = 1;
    assert_status(clattn_tune(context, p, CLATTN_FORWARD, NULL, &result), CLATTN_INVALID_ARGUMENT, "result.kernels");
    result.kernels = &kernel;
    assert_status(clattn_tune(context, p, CLATTN_FORWARD, NULL, &result), CLATTN_INVALID_ARGUMENT,
                  "result.kernel_size is 0");
    options.seconds = -1;
    assert_status(clattn_tune(context, p, CLATTN_FORWARD, &options, NULL), CLATTN_INVALID_ARGUMENT, "seconds");
    options.seconds = NAN;
    assert_status(clattn_tune(context, p, CLATTN_FORWARD, &options, NULL), CLATTN_INVALID_ARGUMENT, "seconds");
    options.struct_size--;
    assert_status(clattn_tune(context, p, CLATTN_FORWARD, &options, NULL), CLATTN_INVALID_ARGUMENT,
                  "options.struct_size");
    assert_string_equal(clattn_tune_file(NULL), "");
    clattn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stopped), cmocka_unit_test(test_types),     cmocka_unit_test(test_time),
        cmocka_unit_test(test_folders), cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests_name("tune", tests, tune_scene_setup, tune_scene_teardown);
}
