/* SPDX-License-Identifier: Apache-2.0 */
/* Runs test cases on a device.
 *
 *   test_cases [--tier=tiny|quick|full]        the table (default: quick), one test per group
 *   test_cases --group=NAME                    one group of the table
 *   test_cases --pairs                         every pair of two options
 *   test_cases --mixes=SEED,COUNT              cases whose options are drawn, the first from this seed
 *   test_cases b1 h1 n7 m9 d8 causal ...       one case: the line that a failure prints
 *   test_cases --lines LINE ...                several cases in one context, one test each: the self-test of
 *                                              an engine runs once
 *
 * Environment: CLATTN_TEST_DEVICE  device, as for clattn_find_device (default: the best)
 *              CLATTN_TEST_ENGINE  the name of an engine, or auto (default)
 *              CLATTN_TEST_DTYPE   f16 or bf16: all cases in that type
 *              CLATTN_TEST_TILE    q_tile and k_tile of cases that ask for no tile, such as 16x48
 *              CLATTN_TEST_FLOPS   such as <1e9 or >1e9: only cases of at most, or of more, floating-point operations
 *              CLATTN_TEST_BUILD_OPTIONS  options for the OpenCL compiler */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_GROUPS = 32, REPEAT_EVERY = 4, SHOWN_FAILURES = 10 };

struct device {
    cl_device_id id;
    cl_context cl;
    cl_command_queue queue;
    clattn_context *context;
};

/* The cases of one cmocka test. */
struct group {
    const struct device *device;
    const struct test_case *cases;
    size_t count;
};

static int failed(const char *what, const char *why)
{
    fprintf(stderr, "test_cases: %s: %s\n", what, why);
    return 0;
}

/* CLATTN_TEST_ENGINE, or -1 where it names none. */
static int engine_of_environment(void)
{
    const char *name = getenv("CLATTN_TEST_ENGINE");

    if (name == NULL || name[0] == '\0') {
        return CLATTN_ENGINE_AUTO;
    }
    for (int engine = 0; clattn_engine_name((clattn_engine)engine) != NULL; engine++) {
        if (strcmp(name, clattn_engine_name((clattn_engine)engine)) == 0) {
            return engine;
        }
    }
    return -1;
}

static int open_device(struct device *device)
{
    clattn_options options = CLATTN_OPTIONS_INIT;
    int engine = engine_of_environment();
    cl_int status;

    if (engine < 0) {
        return failed("CLATTN_TEST_ENGINE", "must be the name of an engine");
    }
    options.engine = (clattn_engine)engine;
    options.build_options = getenv("CLATTN_TEST_BUILD_OPTIONS");
    if (clattn_find_device(getenv("CLATTN_TEST_DEVICE"), &device->id) != CLATTN_SUCCESS) {
        return failed("no device to test on", clattn_last_error());
    }
    device->cl = clCreateContext(NULL, 1, &device->id, NULL, NULL, &status);
    if (status != CL_SUCCESS) {
        return failed("clCreateContext", "failed");
    }
    device->queue = clCreateCommandQueue(device->cl, device->id, 0, &status);
    if (status != CL_SUCCESS) {
        return failed("clCreateCommandQueue", "failed");
    }
    if (clattn_context_create(device->cl, device->id, &options, &device->context) != CLATTN_SUCCESS) {
        return failed("clattn_context_create", clattn_last_error());
    }
    print_message("%s\n", clattn_context_describe(device->context));
    return 1;
}

static void close_device(struct device *device)
{
    clattn_context_destroy(device->context);
    if (device->queue != NULL) {
        clReleaseCommandQueue(device->queue);
    }
    if (device->cl != NULL) {
        clReleaseContext(device->cl);
    }
}

/* Runs the cases of a group, prints those that fail, and the worst error of each tensor as a part of its tolerance. */
static void test_group(void **state)
{
    const struct group *group = *state;
    double worst[CHECK_TENSORS] = {0};
    struct check_result result;
    size_t failures = 0;

    for (size_t n = 0; n < group->count; n++) {
        unsigned passes = CLATTN_FORWARD | CLATTN_BACKWARD | (n % REPEAT_EVERY == 0 ? CHECK_REPEAT : 0);

        if (!check_case(group->device->context, group->device->cl, group->device->queue, &group->cases[n], passes,
                        &result)) {
            failures++;
            if (failures <= SHOWN_FAILURES) {
                print_error("case: %s\n      %s\n", result.line, result.message);
            }
        }
        for (int t = 0; t < CHECK_TENSORS; t++) {
            worst[t] = result.ratio[t] > worst[t] ? result.ratio[t] : worst[t];
        }
    }
    print_message("             %zu cases; error / tolerance at most:", group->count);
    for (int t = 0; t < CHECK_TENSORS; t++) {
        print_message(" %s %.3f", check_tensor_name((enum check_tensor)t), worst[t]);
    }
    print_message("\n");
    if (failures > 0) {
        fail_msg("%zu of %zu cases failed", failures, group->count);
    }
}

/* One cmocka test for each run of cases with the same group. */
static int run_cases(const struct device *device, const struct test_case *cases, size_t count)
{
    struct CMUnitTest tests[MOST_GROUPS];
    struct group groups[MOST_GROUPS];
    size_t used = 0;

    for (size_t n = 0; n < count; n++) {
        if (n == 0 || (strcmp(cases[n].group, cases[n - 1].group) != 0 && used < MOST_GROUPS)) {
            groups[used] = (struct group){device, &cases[n], 0};
            tests[used] = (struct CMUnitTest){cases[n].group, test_group, NULL, NULL, &groups[used]};
            used++;
        }
        groups[used - 1].count++;
    }
    return _cmocka_run_group_tests("cases", tests, used, NULL, NULL);
}

/* Changes all cases to the type of CLATTN_TEST_DTYPE, if it names one. */
static int set_dtype(struct test_case *cases, size_t count)
{
    static const char *const names[] = {"f16", "bf16"};
    const char *name = getenv("CLATTN_TEST_DTYPE");

    if (name == NULL || name[0] == '\0') {
        return 1;
    }
    for (int dtype = 0; dtype < 2; dtype++) {
        if (strcmp(name, names[dtype]) == 0) {
            for (size_t n = 0; n < count; n++) {
                cases[n].problem.dtype = dtype == 0 ? CLATTN_FLOAT16 : CLATTN_BFLOAT16;
            }
            return 1;
        }
    }
    return failed("CLATTN_TEST_DTYPE", "must be f16 or bf16");
}

/* CLATTN_TEST_TILE for all cases that leave the tile to the library. */
static int set_tile(struct test_case *cases, size_t count)
{
    const char *text = getenv("CLATTN_TEST_TILE");
    int q_tile, k_tile;
    char end;

    if (text == NULL || text[0] == '\0') {
        return 1;
    }
    if (sscanf(text, "%dx%d%c", &q_tile, &k_tile, &end) != 2) {
        return failed("CLATTN_TEST_TILE", "must be two numbers, as 16x48");
    }
    for (size_t n = 0; n < count; n++) {
        if (cases[n].problem.q_tile == 0 && cases[n].problem.k_tile == 0) {
            cases[n].problem.q_tile = q_tile;
            cases[n].problem.k_tile = k_tile;
        }
    }
    return 1;
}

/* Keeps the cases that CLATTN_TEST_FLOPS asks for; returns how many. */
static size_t keep_sizes(struct test_case *cases, size_t count)
{
    const char *text = getenv("CLATTN_TEST_FLOPS");
    const double bound = text != NULL && text[0] != '\0' ? strtod(text + 1, NULL) : 0.0;
    size_t kept = 0;

    if (!(bound > 0.0)) {
        return count;
    }
    for (size_t n = 0; n < count; n++) {
        if (text[0] == '>' ? case_flops(&cases[n]) > bound : case_flops(&cases[n]) <= bound) {
            cases[kept++] = cases[n];
        }
    }
    print_message("%zu of %zu cases: %s floating-point operations\n", kept, count, text);
    return kept;
}

static int run_tier(const struct device *device, enum case_tier tier)
{
    size_t count = case_table(tier, NULL, 0);
    struct test_case *cases = calloc(count, sizeof *cases);
    int status = EXIT_FAILURE;

    if (cases != NULL) {
        case_table(tier, cases, count);
        count = keep_sizes(cases, count);
        if (set_dtype(cases, count) && set_tile(cases, count)) {
            status = run_cases(device, cases, count);
        }
    }
    free(cases);
    return status;
}

/* One group of the table. */
static int run_group(const struct device *device, const char *name)
{
    const size_t count = case_table(TIER_FULL, NULL, 0);
    struct test_case *cases = calloc(count, sizeof *cases);
    size_t kept = 0;
    int status = EXIT_FAILURE;

    if (cases != NULL) {
        case_table(TIER_FULL, cases, count);
        for (size_t n = 0; n < count; n++) {
            if (strcmp(cases[n].group, name) == 0) {
                cases[kept++] = cases[n];
            }
        }
        if (kept == 0) {
            failed(name, "is no group of the table");
        } else if (set_dtype(cases, kept) && set_tile(cases, kept)) {
            status = run_cases(device, cases, kept);
        }
    }
    free(cases);
    return status;
}

static int run_pairs(const struct device *device)
{
    const size_t count = case_pairs(NULL, 0);
    struct test_case *cases = calloc(count, sizeof *cases);
    int status = EXIT_FAILURE;

    if (cases != NULL) {
        case_pairs(cases, count);
        if (set_dtype(cases, count) && set_tile(cases, count)) {
            status = run_cases(device, cases, count);
        }
    }
    free(cases);
    return status;
}

/* SEED,COUNT */
static int run_mixes(const struct device *device, const char *text)
{
    unsigned long long seed;
    struct test_case *cases;
    int status = EXIT_FAILURE;
    unsigned count;
    char end;

    if (sscanf(text, "%llu,%u%c", &seed, &count, &end) != 2 || count < 1 || count > 100000) {
        failed("--mixes", "takes a seed and a number of cases, as in --mixes=7,100");
        return EXIT_FAILURE;
    }
    cases = calloc(count, sizeof *cases);
    if (cases != NULL) {
        for (unsigned n = 0; n < count; n++) {
            cases[n] = case_mix(seed + n);
        }
        print_message("seeds %llu to %llu\n", seed, seed + count - 1);
        if (set_dtype(cases, count) && set_tile(cases, count)) {
            status = run_cases(device, cases, count);
        }
    }
    free(cases);
    return status;
}

/* The arguments as one line: a case may be given with or without quotes. Returns 0 when it is too long. */
static int join(int count, char **words, char line[CASE_LINE_SIZE])
{
    size_t used = 0;

    line[0] = '\0';
    for (int n = 0; n < count; n++) {
        int length = snprintf(line + used, CASE_LINE_SIZE - used, "%s%s", n > 0 ? " " : "", words[n]);

        if (length < 0 || used + (size_t)length >= CASE_LINE_SIZE) {
            return 0;
        }
        used += (size_t)length;
    }
    return 1;
}

/* Cases of lines, in the order given. */
static int run_lines(const struct device *device, int count, char **lines)
{
    struct test_case *cases = calloc((size_t)count + 1, sizeof *cases);
    char error[CASE_LINE_SIZE];
    int status = EXIT_FAILURE;
    int parsed = 0;

    while (cases != NULL && parsed < count && case_parse(lines[parsed], &cases[parsed], error) == 0) {
        cases[parsed].group = lines[parsed];
        parsed++;
    }
    if (cases != NULL && parsed < count) {
        failed(lines[parsed], error);
    } else if (count < 1 || count > MOST_GROUPS) {
        failed("--lines", "takes from 1 to 32 lines");
    } else if (cases != NULL && set_dtype(cases, (size_t)count) && set_tile(cases, (size_t)count)) {
        status = run_cases(device, cases, (size_t)count);
    }
    free(cases);
    return status;
}

/* One case, its words given with or without quotes. */
static int run_words(const struct device *device, int count, char **words)
{
    char line[CASE_LINE_SIZE];
    char *lines[] = {line};

    if (!join(count, words, line)) {
        failed("a case", "is too long");
        return EXIT_FAILURE;
    }
    return run_lines(device, 1, lines);
}

/* As the arguments say. */
static int run(const struct device *device, int argc, char **argv)
{
    static const char *const tiers[] = {"--tier=tiny", "--tier=quick", "--tier=full"};

    if (argc == 1) {
        return run_tier(device, TIER_QUICK);
    }
    for (int n = 0; n < 3; n++) {
        if (argc == 2 && strcmp(argv[1], tiers[n]) == 0) {
            return run_tier(device, (enum case_tier)n);
        }
    }
    if (argc == 2 && strncmp(argv[1], "--group=", 8) == 0) {
        return run_group(device, argv[1] + 8);
    }
    if (argc == 2 && strcmp(argv[1], "--pairs") == 0) {
        return run_pairs(device);
    }
    if (argc == 2 && strncmp(argv[1], "--mixes=", 8) == 0) {
        return run_mixes(device, argv[1] + 8);
    }
    if (strcmp(argv[1], "--lines") == 0) {
        return run_lines(device, argc - 2, argv + 2);
    }
    if (argv[1][0] == '-') {
        failed(argv[1], "give --tier=tiny|quick|full, --lines LINE ..., or a case such as b1 h2 n7 m9 d64 causal");
        return EXIT_FAILURE;
    }
    return run_words(device, argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    struct device device = {NULL, NULL, NULL, NULL};
    int status = open_device(&device) ? run(&device, argc, argv) : EXIT_FAILURE;

    close_device(&device);
    return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
