/* SPDX-License-Identifier: Apache-2.0 */
/* The file of tuned configurations: other contexts use the rows that clattn_tune writes, with right
 * results, and skip bad ones. Each test continues with the previous test's file. */
#include "tune_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_file(const char *path)
{
    char *text = calloc(1, 65536);
    FILE *file = fopen(path, "r");

    assert_non_null(text);
    assert_non_null(file);
    assert_true(fread(text, 1, 65535, file) > 0);
    assert_int_equal(fclose(file), 0);
    return text;
}

static void check_results(const struct tune_scene *s, const struct test_case *c)
{
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    struct check_result result;

    for (size_t n = 0; n < COUNT_OF(tune_scene_passes); n++) {
        if (!check_case(context, s->device.cl, s->device.queue, c, tune_scene_passes[n], &result)) {
            fail_msg("%s: %s", result.line, result.message);
        }
    }
    clattn_context_destroy(context);
}

static void test_used(void **state)
{
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case();
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    clattn_plan *plan;
    clattn_tuned_kernel found;
    char path[256];
    char *text;

    assert_success(clattn_plan_create(context, &c.problem, CLATTN_FORWARD, &plan));
    assert_non_null(strstr(clattn_plan_describe(plan), "(built-in table)"));
    clattn_plan_destroy(plan);
    found = tune_scene_tune(context, &c.problem, CLATTN_FORWARD, 2);
    assert_string_equal(found.kernel, "forward");
    assert_int_equal(found.refused, 0);
    assert_success(clattn_plan_create(context, &c.problem, CLATTN_FORWARD, &plan)); /* the same context uses it */
    assert_non_null(strstr(clattn_plan_describe(plan), "(tuned on this device)"));
    clattn_plan_destroy(plan);
    found = tune_scene_tune(context, &c.problem, CLATTN_BACKWARD_DQ, 1);
    assert_string_equal(found.kernel, "backward_dq");
    assert_int_equal(found.refused, 0);
    found = tune_scene_tune(context, &c.problem, CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV, 1);
    assert_string_equal(found.kernel, "backward_dkdv");
    assert_int_equal(found.refused, 0);
    strcpy(path, clattn_tune_file(context));
    assert_non_null(strstr(clattn_context_describe(context), path));
    clattn_context_destroy(context);

    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 3);
    check_results(s, &c);
    text = read_file(path);
    assert_int_equal(tune_scene_count(text, "\nengine="), 3);
    assert_int_equal(strncmp(text, "clattn-tuned 2\n# device: ", 25), 0);
    free(text);
}

/* Plans use the numbers of the file: a different legal number in the file is the plan's. */
static void test_read(void **state)
{
    const struct tune_scene *s = *state;
    struct test_case c = tune_scene_case();
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    char path[256];
    char *text;

    strcpy(path, clattn_tune_file(context));
    clattn_context_destroy(context);
    text = read_file(path);
    for (char *at = text; (at = strstr(at, "STATIONARY_RESIDENT=")) != NULL; at++) {
        at[strlen("STATIONARY_RESIDENT=")] = '0';
    }
    tune_scene_write(path, text);
    free(text);
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "-DSTATIONARY_RESIDENT=0"), 3);
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 3);
    check_results(s, &c);
    c.problem.q_tile = 6; /* a request has priority */
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 0);
    c.problem.q_tile = 0;
    c.problem.score.causal = 0; /* another problem */
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 0);
}

/* A legal row that does not build is skipped: the plan is made without it. Here a macro breaks the
 * configuration of test_read's file. */
static void test_does_not_build(void **state)
{
#define TRAP                                                                                                           \
    "-D__kernel=TRAP(STATIONARY_RESIDENT) -DTRAP(x)=TRAP_(x) -DTRAP_(x)=trap_##x -Dtrap_STATIONARY_RESIDENT=kernel "
    static const char spoils_row[] = TRAP "-Dtrap_0=nothing -Dtrap_1=kernel",
                      spoils_table[] = TRAP "-Dtrap_0=kernel -Dtrap_1=nothing";
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case();

    for (size_t n = 0; n < COUNT_OF(tune_scene_passes); n++) {
        clattn_context *context = tune_scene_context(s, s->folder, spoils_row);
        clattn_plan *plan;

        assert_success(clattn_plan_create(context, &c.problem, tune_scene_passes[n], &plan));
        assert_non_null(strstr(clattn_plan_describe(plan), "-DSTATIONARY_RESIDENT=1"));
        assert_non_null(strstr(clattn_plan_describe(plan), "(built-in table)"));
        clattn_plan_destroy(plan);
        clattn_context_destroy(context);

        context = tune_scene_context(s, s->folder, spoils_table); /* the macro works, and is the reason */
        assert_success(clattn_plan_create(context, &c.problem, tune_scene_passes[n], &plan));
        assert_non_null(strstr(clattn_plan_describe(plan), "-DSTATIONARY_RESIDENT=0"));
        assert_non_null(strstr(clattn_plan_describe(plan), "(tuned on this device)"));
        clattn_plan_destroy(plan);
        clattn_context_destroy(context);
    }
#undef TRAP
}

static void assert_in_plans(const struct tune_scene *s, const char *origin)
{
    const struct test_case c = tune_scene_case();

    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, origin), 3);
}

/* A file or folder that another user can write is not used, and a pipe does not block. clattn_tune
 * refuses such a folder. */
static void test_not_trusted(void **state)
{
    static const mode_t modes[] = {0620, 0602};
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case();
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    char path[256], aside[264];

    strcpy(path, clattn_tune_file(context));
    for (size_t n = 0; n < COUNT_OF(modes); n++) {
        assert_int_equal(chmod(path, modes[n]), 0);
        assert_in_plans(s, "(built-in table)");
        assert_int_equal(chmod(path, 0644), 0);
        assert_in_plans(s, "(tuned on this device)");
        assert_int_equal(chmod(s->folder, modes[n] | 0500), 0);
        assert_in_plans(s, "(built-in table)");
        assert_status(clattn_tune(context, &c.problem, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT,
                      "nobody else may write to it");
        assert_int_equal(chmod(s->folder, 0700), 0);
        assert_in_plans(s, "(tuned on this device)");
    }
    snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(120);
    assert_in_plans(s, "(built-in table)");
    alarm(0);
    assert_int_equal(rename(aside, path), 0);
    assert_in_plans(s, "(tuned on this device)");
    clattn_context_destroy(context);
}

/* A file of another kind is ignored, and the next search replaces it. */
static void test_bad_files(void **state)
{
    static const char *const replaced[] = {"clattn-tuned 1", "clattn-TUNED"};
    const struct tune_scene *s = *state;
    const struct test_case c = tune_scene_case();
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    char path[256];
    char *text;

    strcpy(path, clattn_tune_file(context));
    text = read_file(path);
    for (size_t n = 0; n < COUNT_OF(replaced); n++) {
        char *other = strdup(text);

        assert_non_null(other);
        memcpy(other, replaced[n], strlen(replaced[n]));
        tune_scene_write(path, other);
        assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(built-in table)"), 3);
        free(other);
    }
    text[strlen(text) / 2] = '\x01'; /* damages one row of three */
    tune_scene_write(path, text);
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 2);
    text[strlen(text) - 20] = '\0'; /* and truncates the last */
    tune_scene_write(path, text);
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 1);
    tune_scene_write(path, "\xff\xfe rubbish");
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(built-in table)"), 3);
    tune_scene_tune(context, &c.problem, CLATTN_FORWARD, 1);
    assert_int_equal(tune_scene_count_in_plan(s, &c.problem, "(tuned on this device)"), 1);
    free(text);
    clattn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_used),        cmocka_unit_test(test_read),      cmocka_unit_test(test_does_not_build),
        cmocka_unit_test(test_not_trusted), cmocka_unit_test(test_bad_files),
    };

    return cmocka_run_group_tests_name("tune_file", tests, tune_scene_setup, tune_scene_teardown);
}
