/* SPDX-License-Identifier: Apache-2.0 */
#include "tune_scene.h"

#include <stdio.h>
#include <string.h>

struct test_case tune_scene_parse(const char *text)
{
    struct test_case c;
    char error[CASE_LINE_SIZE];

    if (case_parse(text, &c, error) != 0) {
        fail_msg("%s", error);
    }
    return c;
}

struct test_case tune_scene_case(void)
{
    return tune_scene_parse("b2 h2 n200 m150 d16/8 causal");
}

clattn_context *tune_scene_context(const struct tune_scene *s, const char *folder, const char *build_options)
{
    clattn_options options = device_options();
    clattn_context *context;

    options.cache_dir = folder;
    options.build_options = build_options;
    assert_success(clattn_context_create(s->device.cl, s->device.id, &options, &context));
    return context;
}

/* A callback that stops the search after *user calls. */
static int count_down(void *user, const clattn_tune_progress *progress)
{
    int *left = user;

    assert_int_equal(progress->struct_size, sizeof *progress);
    assert_non_null(progress->kernel);
    assert_in_range(progress->done, 1, progress->known);
    assert_true(progress->seconds >= 0.0 && progress->budget > 90.0);
    assert_true(progress->best_seconds > 0.0 && progress->best_seconds <= progress->builtin_seconds);
    return (*left)-- == 0;
}

clattn_tuned_kernel tune_scene_tune(clattn_context *context, const clattn_problem *p, unsigned passes,
                                    int configurations)
{
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tuned_kernel found;
    clattn_tune_result result = CLATTN_TUNE_RESULT_INIT;
    int left = configurations;

    options.seconds = 300;
    options.progress = count_down;
    options.user = &left;
    result.kernels = &found;
    result.kernel_size = sizeof found;
    result.capacity = 1;
    assert_success(clattn_tune(context, p, passes, &options, &result));
    assert_int_equal(result.struct_size, sizeof result);
    assert_int_equal(result.count, 1);
    assert_true(result.stopped);
    assert_int_equal(found.tried, 1 + configurations);
    assert_true(found.best_seconds > 0.0);
    assert_true(found.best_seconds <= found.builtin_seconds);
    assert_non_null(strstr(found.configuration, "TILE_ROWS="));
    return found;
}

void tune_scene_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

int tune_scene_count(const char *text, const char *part)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

const unsigned tune_scene_passes[] = {CLATTN_FORWARD, CLATTN_BACKWARD_DQ, CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV};

int tune_scene_count_in_plan(const struct tune_scene *s, const clattn_problem *p, const char *part)
{
    clattn_context *context = tune_scene_context(s, s->folder, NULL);
    int count = 0;

    for (size_t n = 0; n < COUNT_OF(tune_scene_passes); n++) {
        clattn_plan *plan;

        assert_success(clattn_plan_create(context, p, tune_scene_passes[n], &plan));
        count += tune_scene_count(clattn_plan_describe(plan), part);
        clattn_plan_destroy(plan);
    }
    clattn_context_destroy(context);
    return count;
}

int tune_scene_setup(void **state)
{
    static struct tune_scene s;

    device_open(&s.device);
    folder_make(s.folder, "tune");
    *state = &s;
    return 0;
}

int tune_scene_teardown(void **state)
{
    struct tune_scene *s = *state;

    folder_remove(s->folder);
    device_close(&s->device);
    return 0;
}
