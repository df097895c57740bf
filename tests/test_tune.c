/* clattn_tune from end to end: what it writes is used by other contexts and gives right results, and what is in its way
 * is said. The search is stopped by its callback after a configuration or two, since compilers are slow. */
#include "check.h"
#include "device.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    struct device device;
    char folder[64];
};

static const char line[] = "b2 h2 n200 m150 d16/8 causal";

static struct test_case parse(const char *text)
{
    struct test_case c;
    char error[CASE_LINE_SIZE];

    if (case_parse(text, &c, error) != 0) {
        fail_msg("%s", error);
    }
    return c;
}

static clattn_context *open_context(const struct fixture *f, const char *folder)
{
    clattn_options options = device_options();
    clattn_context *context;

    options.cache_dir = folder;
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    return context;
}

/* *user counts down the calls before the one that ends the search. */
static int count_down(void *user, const clattn_tune_progress *progress)
{
    int *left = user;

    assert_non_null(progress->kernel);
    assert_in_range(progress->done, 1, progress->known);
    assert_true(progress->seconds >= 0.0 && progress->budget > 90.0);
    assert_true(progress->best_seconds > 0.0 && progress->best_seconds <= progress->builtin_seconds);
    return (*left)-- == 0;
}

/* Tries `configurations` beside the built-in one. */
static clattn_tune_result tune(clattn_context *context, const clattn_problem *p, unsigned passes, int configurations)
{
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tune_result result = {.struct_size = sizeof result};
    int left = configurations;

    options.seconds = 300;
    options.progress = count_down;
    options.user = &left;
    assert_success(clattn_tune(context, p, passes, &options, &result));
    assert_int_equal(result.struct_size, sizeof result);
    assert_int_equal(result.count, 1);
    assert_true(result.stopped);
    assert_int_equal(result.kernels[0].tried, 1 + configurations);
    assert_true(result.kernels[0].best_seconds > 0.0);
    assert_true(result.kernels[0].best_seconds <= result.kernels[0].builtin_seconds);
    assert_non_null(strstr(result.kernels[0].configuration, "OWN="));
    return result;
}

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

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int count_of(const char *text, const char *part)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at++) {
        count++;
    }
    return count;
}

/* The kernels that are tuned here, each by itself. */
static const unsigned passes_of_kernels[] = {CLATTN_FORWARD, CLATTN_BACKWARD_DQ,
                                             CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV};

/* How many of these three have the part in their plan's lines, in a context that reads the file anew. */
static int count_in_plan(const struct fixture *f, const clattn_problem *p, const char *part)
{
    clattn_context *context = open_context(f, f->folder);
    int count = 0;

    for (size_t n = 0; n < COUNT_OF(passes_of_kernels); n++) {
        clattn_plan *plan;

        assert_success(clattn_plan_create(context, p, passes_of_kernels[n], &plan));
        count += count_of(clattn_plan_describe(plan), part);
        clattn_plan_destroy(plan);
    }
    clattn_context_destroy(context);
    return count;
}

static void check_results(const struct fixture *f, const struct test_case *c)
{
    clattn_context *context = open_context(f, f->folder);
    struct check_result result;

    for (size_t n = 0; n < COUNT_OF(passes_of_kernels); n++) {
        if (!check_case(context, f->device.cl, f->device.queue, c, passes_of_kernels[n], &result)) {
            fail_msg("%s: %s", result.line, result.message);
        }
    }
    clattn_context_destroy(context);
}

/* ---- the file ---- */

static void test_used(void **state)
{
    const struct fixture *f = *state;
    const struct test_case c = parse(line);
    clattn_context *context = open_context(f, f->folder);
    clattn_plan *plan;
    clattn_tune_result result;
    char path[256];
    char *text;

    assert_success(clattn_plan_create(context, &c.problem, CLATTN_FORWARD, &plan));
    assert_non_null(strstr(clattn_plan_describe(plan), "(built-in table)"));
    clattn_plan_destroy(plan);
    result = tune(context, &c.problem, CLATTN_FORWARD, 2);
    assert_string_equal(result.kernels[0].kernel, "forward");
    assert_int_equal(result.kernels[0].refused, 0);
    assert_success(clattn_plan_create(context, &c.problem, CLATTN_FORWARD, &plan)); /* the same context knows it */
    assert_non_null(strstr(clattn_plan_describe(plan), "(tuned on this device)"));
    clattn_plan_destroy(plan);
    result = tune(context, &c.problem, CLATTN_BACKWARD_DQ, 1);
    assert_string_equal(result.kernels[0].kernel, "backward_dq");
    assert_int_equal(result.kernels[0].refused, 0);
    result = tune(context, &c.problem, CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV, 1);
    assert_string_equal(result.kernels[0].kernel, "backward_dkdv");
    assert_int_equal(result.kernels[0].refused, 0);
    strcpy(path, clattn_tune_file(context));
    assert_non_null(strstr(clattn_context_describe(context), path));
    clattn_context_destroy(context);

    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 3);
    check_results(f, &c);
    text = read_file(path);
    assert_int_equal(count_of(text, "\nengine="), 3);
    assert_int_equal(strncmp(text, "clattn-tuned 1\n# device: ", 25), 0);
    free(text);
}

/* Numbers come from the file and from nowhere else: another one, which is legal too, is what plans have. */
static void test_read(void **state)
{
    const struct fixture *f = *state;
    struct test_case c = parse(line);
    clattn_context *context = open_context(f, f->folder);
    char path[256];
    char *text;

    strcpy(path, clattn_tune_file(context));
    clattn_context_destroy(context);
    text = read_file(path);
    for (char *at = text; (at = strstr(at, "OWNER_RESIDENT=")) != NULL; at++) {
        at[strlen("OWNER_RESIDENT=")] = '0';
    }
    write_file(path, text);
    free(text);
    assert_int_equal(count_in_plan(f, &c.problem, "-DOWNER_RESIDENT=0"), 3);
    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 3);
    check_results(f, &c);
    c.problem.q_tile = 6; /* a request comes first */
    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 0);
    c.problem.q_tile = 0;
    c.problem.causal = 0; /* another problem */
    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 0);
}

/* What is no file of ours is as good as none, and the next search replaces it. */
static void test_bad_files(void **state)
{
    static const char *const replaced[] = {"clattn-tuned 2", "clattn-TUNED"};
    const struct fixture *f = *state;
    const struct test_case c = parse(line);
    clattn_context *context = open_context(f, f->folder);
    char path[256];
    char *text;

    strcpy(path, clattn_tune_file(context));
    text = read_file(path);
    for (size_t n = 0; n < COUNT_OF(replaced); n++) {
        char *other = strdup(text);

        assert_non_null(other);
        memcpy(other, replaced[n], strlen(replaced[n]));
        write_file(path, other);
        assert_int_equal(count_in_plan(f, &c.problem, "(built-in table)"), 3);
        free(other);
    }
    text[strlen(text) / 2] = '\x01'; /* one row of three is spoilt */
    write_file(path, text);
    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 2);
    text[strlen(text) - 20] = '\0'; /* and the last is cut off */
    write_file(path, text);
    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 1);
    write_file(path, "\xff\xfe rubbish");
    assert_int_equal(count_in_plan(f, &c.problem, "(built-in table)"), 3);
    tune(context, &c.problem, CLATTN_FORWARD, 1);
    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 1);
    free(text);
    clattn_context_destroy(context);
}

/* ---- the search ---- */

/* Stopped at once: nothing was learnt, nothing is written, and what was known stays. */
static void test_stopped(void **state)
{
    const struct fixture *f = *state;
    const struct test_case c = parse(line), other = parse("b1 h1 n20 m20 d16/8");
    clattn_context *context = open_context(f, f->folder);
    clattn_tune_result result = tune(context, &other.problem, CLATTN_FORWARD, 0);

    assert_true(result.kernels[0].is_builtin);
    assert_int_equal(count_in_plan(f, &other.problem, "(built-in table)"), 3);
    assert_int_equal(count_in_plan(f, &c.problem, "(tuned on this device)"), 1);
    clattn_context_destroy(context);
}

/* Every type, with masks and key lengths: right configurations are not taken for wrong. */
static void test_types(void **state)
{
    static const struct {
        const char *line;
        unsigned passes;
    } cases[] = {{"b2 h4/2 n65 m97 d16/8 causal mask=2,1,65,97 dtype=f16", CLATTN_BACKWARD_DQ},
                 {"b2 h2 n65 m97 d16/8 kvlen mask=2,1,1,97 dtype=bf16", CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV},
                 {"b1 h2/1 n7 m97 d16/8 dtype=bf16", CLATTN_FORWARD},
                 {"b1 h1 n1 m1 d1", CLATTN_BACKWARD_DQ}};
    const struct fixture *f = *state;
    clattn_context *context = open_context(f, f->folder);

    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        const struct test_case c = parse(cases[n].line);
        const clattn_tune_result result = tune(context, &c.problem, cases[n].passes, 1);

        assert_int_equal(result.kernels[0].refused, 0);
    }
    clattn_context_destroy(context);
}

/* Without a callback time is what ends it; the kernels of the plan share it. */
static void test_time(void **state)
{
    const struct fixture *f = *state;
    const struct test_case c = parse(line);
    clattn_context *context = open_context(f, f->folder);
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tune_result result = {.struct_size = sizeof result};

    options.seconds = 1e-6;
    assert_success(clattn_tune(context, &c.problem, CLATTN_FORWARD | CLATTN_BACKWARD, &options, &result));
    assert_in_range(result.count, 2, COUNT_OF(result.kernels));
    assert_false(result.stopped);
    for (size_t n = 0; n < result.count; n++) {
        assert_int_equal(result.kernels[n].tried, 1);
        assert_true(result.kernels[n].is_builtin);
    }
    clattn_context_destroy(context);
}

/* ---- what is refused ---- */

static void test_folders(void **state)
{
    const struct fixture *f = *state;
    const struct test_case c = parse(line);
    clattn_context *context = open_context(f, "");
    char path[256];

    assert_status(clattn_tune(context, &c.problem, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT,
                  "no folder for tuned configurations");
    assert_string_equal(clattn_tune_file(context), "");
    assert_non_null(strstr(clattn_context_describe(context), "tuned configurations: no file"));
    clattn_context_destroy(context);

    snprintf(path, sizeof path, "%s/file", f->folder);
    write_file(path, "not a folder");
    context = open_context(f, path);
    assert_status(clattn_tune(context, &c.problem, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT,
                  "cannot be written");
    clattn_context_destroy(context);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(setenv("XDG_CACHE_HOME", f->folder, 1), 0); /* also where the driver keeps the kernels */
    context = open_context(f, NULL);
    snprintf(path, sizeof path, "%s/clattn/", f->folder);
    assert_int_equal(strncmp(clattn_tune_file(context), path, strlen(path)), 0);
    clattn_context_destroy(context);
}

static void test_arguments(void **state)
{
    const struct fixture *f = *state;
    const struct test_case c = parse(line);
    const clattn_problem *p = &c.problem;
    clattn_problem none = CLATTN_PROBLEM_INIT;
    clattn_context *context = open_context(f, f->folder);
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tune_result result = {.struct_size = sizeof result - 1};

    assert_status(clattn_tune(NULL, p, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT, "context");
    assert_status(clattn_tune(context, NULL, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_ARGUMENT, "problem");
    assert_status(clattn_tune(context, &none, CLATTN_FORWARD, NULL, NULL), CLATTN_INVALID_SIZE, "batch");
    assert_status(clattn_tune(context, p, 0, NULL, NULL), CLATTN_INVALID_ARGUMENT, "passes");
    assert_status(clattn_tune(context, p, 16, NULL, NULL), CLATTN_INVALID_ARGUMENT, "passes");
    assert_status(clattn_tune(context, p, CLATTN_FORWARD, NULL, &result), CLATTN_INVALID_ARGUMENT,
                  "result.struct_size");
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

/* ---- */

static int setup(void **state)
{
    static struct fixture f;

    device_open(&f.device);
    strcpy(f.folder, "/tmp/clattn_tune_XXXXXX");
    assert_non_null(mkdtemp(f.folder));
    *state = &f;
    return 0;
}

/* Only whole files are left: the tuned configurations, and kernels where the driver has no cache of its own. */
static int teardown(void **state)
{
    struct fixture *f = *state;
    DIR *stream = opendir(f->folder);
    struct dirent *entry;
    char path[512];

    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.') {
            const char *suffix = strrchr(entry->d_name, '.');

            assert_non_null(suffix);
            assert_true(strcmp(suffix, ".tuned") == 0 || strcmp(suffix, ".clbin") == 0);
            snprintf(path, sizeof path, "%s/%s", f->folder, entry->d_name);
            assert_int_equal(unlink(path), 0);
        }
    }
    closedir(stream);
    assert_int_equal(rmdir(f->folder), 0);
    device_close(&f->device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_used),    cmocka_unit_test(test_read),      cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_stopped), cmocka_unit_test(test_types),     cmocka_unit_test(test_time),
        cmocka_unit_test(test_folders), cmocka_unit_test(test_arguments),
    };

    return cmocka_run_group_tests_name("tune", tests, setup, teardown);
}
