/* SPDX-License-Identifier: Apache-2.0 */
#include "check_device.h"

#include "check.h"
#include "extremes.h"
#include "message.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_FAILURES 20 /* failures to print */

/* Results of a group of cases, or of the whole table. */
typedef struct tally {
    size_t cases;
    size_t passed;
    size_t forward;  /* cases that ran forward */
    size_t backward; /* cases that ran any gradient */
    double worst[CHECK_TENSORS];
} tally;

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void tally_begin(tally *t)
{
    memset(t, 0, sizeof *t);
    for (int i = 0; i < CHECK_TENSORS; i++) {
        t->worst[i] = -1.0;
    }
}

static void tally_worst(tally *t, const double ratio[CHECK_TENSORS])
{
    for (int i = 0; i < CHECK_TENSORS; i++) {
        if (!(ratio[i] <= t->worst[i])) {
            t->worst[i] = ratio[i];
        }
    }
}

static void tally_case(tally *t, const struct test_case *c, const struct check_result *result)
{
    t->cases++;
    t->passed += result->ok != 0;
    t->forward += (c->passes & CLATTN_FORWARD) != 0;
    t->backward += (c->passes & CLATTN_BACKWARD) != 0;
    tally_worst(t, result->ratio);
}

static void tally_add(tally *total, const tally *t)
{
    total->cases += t->cases;
    total->passed += t->passed;
    total->forward += t->forward;
    total->backward += t->backward;
    tally_worst(total, t->worst);
}

/* ---- the device ---- */

void test_device_close(test_device *device)
{
    clattn_context_destroy(device->context);
    if (device->queue) {
        clReleaseCommandQueue(device->queue);
    }
    if (device->cl) {
        clReleaseContext(device->cl);
    }
}

int test_device_open(test_device *device, const char *name, const options *o)
{
    cl_int error = CL_SUCCESS;
    clattn_options library = CLATTN_OPTIONS_INIT;
    library.engine = o->engine;
    memset(device, 0, sizeof *device);
    progress("%s: opening the device", name);
    clattn_status status = clattn_find_device(o->device, &device->id);
    if (status != CLATTN_SUCCESS) {
        return library_failed(name, status);
    }
    device->cl = clCreateContext(NULL, 1, &device->id, NULL, NULL, &error);
    if (!device->cl) {
        return failed("%s: clCreateContext failed with %d", name, (int)error);
    }
    device->queue = clCreateCommandQueue(device->cl, device->id, 0, &error);
    if (!device->queue) {
        return failed("%s: clCreateCommandQueue failed with %d", name, (int)error);
    }
    status = clattn_context_create(device->cl, device->id, &library, &device->context);
    return status == CLATTN_SUCCESS ? -1 : library_failed(name, status);
}

/* ---- the table ---- */

static void print_facts(const test_device *device)
{
    const char *facts = clattn_context_describe(device->context);
    progress_end();
    printf("%.*s\n\n", trimmed(facts), facts);
}

static void print_heading(void)
{
    printf("%-14s %6s %6s   worst error / tolerance\n%-14s %6s %6s", "", "", "", "group", "cases", "passed");
    for (int i = 0; i < CHECK_TENSORS; i++) {
        printf(" %9s", check_tensor_name((enum check_tensor)i));
    }
    printf("\n");
}

static void print_ratios(const double ratio[CHECK_TENSORS])
{
    for (int i = 0; i < CHECK_TENSORS; i++) {
        if (ratio[i] < 0) {
            printf(" %9s", "-");
        } else {
            printf(" %9.2g", ratio[i]);
        }
    }
    printf("\n");
}

static void print_tally(const char *name, const tally *t)
{
    progress_end();
    printf("%-14s %6zu %6zu", name, t->cases, t->passed);
    print_ratios(t->worst);
    fflush(stdout);
}

static void print_case(const struct check_result *result, bool verbose)
{
    progress_end();
    printf("%s --case \"%s\"\n", result->ok ? "passed" : "FAILED", result->line);
    if (!result->ok) {
        printf("    %s\n", result->message);
    }
    if (verbose) {
        printf("%-28s", "");
        print_ratios(result->ratio);
    }
}

static void run_cases(const test_device *device, const options *o, const struct test_case *cases, size_t count,
                      tally *total)
{
    tally group;
    tally_begin(&group);
    for (size_t i = 0; i < count; i++) {
        struct check_result result;
        progress("check: case %zu of %zu, %s", i + 1, count, cases[i].group);
        check_case(device->context, device->cl, device->queue, &cases[i],
                   CLATTN_FORWARD | CLATTN_BACKWARD | CHECK_REPEAT, &result);
        tally_case(&group, &cases[i], &result);
        if (o->verbose || (!result.ok && total->cases - total->passed + group.cases - group.passed <= MOST_FAILURES)) {
            print_case(&result, o->verbose);
        }
        if (i + 1 == count || strcmp(cases[i].group, cases[i + 1].group) != 0) {
            print_tally(cases[i].group, &group);
            tally_add(total, &group);
            tally_begin(&group);
        }
    }
}

/* Prints one line per case on standard output, and nothing else. */
static int print_digests(const test_device *device, const struct test_case *cases, size_t count)
{
    size_t wrong = 0;
    for (size_t i = 0; i < count; i++) {
        struct check_result result;
        progress("check: digest %zu of %zu, %s", i + 1, count, cases[i].group);
        check_case(device->context, device->cl, device->queue, &cases[i],
                   CLATTN_FORWARD | CLATTN_BACKWARD | CHECK_DIGEST, &result);
        progress_end();
        if (result.ok) {
            printf("%016" PRIx64 " %s\n", result.digest, result.line);
        } else {
            print_case(&result, false);
        }
        wrong += !result.ok;
    }
    return wrong ? failed("check: %zu of %zu cases failed", wrong, count) : EXIT_GOOD;
}

/* ---- the verb ---- */

static int run_large(const test_device *device)
{
    char text[1024];
    progress("check: a tensor of more than 2^31 elements");
    large_outcome outcome = check_large(device, LARGE_ROWS, text, sizeof text);
    progress_end();
    const char *words[] = {"passed", "skipped", "FAILED"};
    printf("\nmore than 2^31 elements: %s: %s\n", words[outcome], text);
    return outcome == LARGE_FAILED ? failed("check: the tensor of more than 2^31 elements failed") : EXIT_GOOD;
}

static int run_extremes(const options *o)
{
    clattn_options library = CLATTN_OPTIONS_INIT;
    clattn_runner *runner;
    size_t ran = 0, wrong = 0;
    char text[256];
    library.engine = o->engine;
    clattn_status status = clattn_runner_create(o->device, &library, &runner);
    if (status != CLATTN_SUCCESS) {
        return library_failed("check", status);
    }
    for (size_t i = 0; i < extremes_count(); i++) {
        progress("check: known answers: %s", extremes_name(i));
        enum extremes_outcome outcome = extremes_run(i, runner, o->dtype, text, sizeof text);
        progress_end();
        ran += outcome != EXTREMES_NOT_FOR_TYPE;
        wrong += outcome == EXTREMES_FAILED;
        if (outcome == EXTREMES_FAILED) {
            printf("FAILED: %s: %s\n", extremes_name(i), text);
        }
    }
    clattn_runner_destroy(runner);
    printf("\nknown answers at the ends of float32: %zu of %zu are right\n", ran - wrong, ran);
    return wrong ? failed("check: %zu known answers are wrong", wrong) : EXIT_GOOD;
}

/* --dtype replaces the dtype of float32 cases only. */
static void set_dtype(struct test_case *cases, size_t count, clattn_dtype dtype)
{
    for (size_t i = 0; i < count; i++) {
        if (cases[i].problem.dtype == CLATTN_FLOAT32) {
            cases[i].problem.dtype = dtype;
        }
    }
}

static int run_tier(const test_device *device, const options *o)
{
    const char *name = o->tier ? o->tier : "quick";
    enum case_tier tier = strcmp(name, "full") == 0 ? TIER_FULL : strcmp(name, "tiny") == 0 ? TIER_TINY : TIER_QUICK;
    if (strcmp(name, "extremes") == 0) {
        print_facts(device);
        return run_extremes(o);
    }
    size_t count = case_table(tier, NULL, 0);
    struct test_case *cases = calloc(count, sizeof *cases);
    if (!cases) {
        return failed("check: out of host memory");
    }
    case_table(tier, cases, count);
    if (o->parts > 0 && (size_t)o->part > count) {
        free(cases);
        return bad_input("check: --part: tier %s has only %zu cases", name, count);
    }
    count = o->parts > 0 ? case_part(cases, count, (size_t)o->part, (size_t)o->parts) : count;
    set_dtype(cases, count, o->dtype);
    if (o->digest) {
        int code = print_digests(device, cases, count);
        free(cases);
        return code;
    }
    tally total;
    tally_begin(&total);
    double start = seconds_now();
    print_facts(device);
    print_heading();
    run_cases(device, o, cases, count, &total);
    free(cases);
    print_tally("all", &total);
    printf(
        "\ntier %s: %zu of %zu cases passed in %.1f s: forward in %zu, backward in %zu; each runs twice and must give\n"
        "the same bits\n",
        name, total.passed, total.cases, seconds_now() - start, total.forward, total.backward);
    int code = tier == TIER_FULL && o->part <= 1 ? run_extremes(o) : EXIT_GOOD;
    int large = tier == TIER_FULL && o->part <= 1 ? run_large(device) : EXIT_GOOD;
    code = code == EXIT_GOOD ? large : code;
    if (total.passed != total.cases) {
        code = failed("check: %zu of %zu cases failed", total.cases - total.passed, total.cases);
    }
    return code;
}

/* Runs one case. A problem that clattn refuses is bad input, not a failure of the device. */
static int run_line(const test_device *device, const struct test_case *c)
{
    struct check_result result;
    clattn_plan *plan = NULL;
    clattn_status status = clattn_plan_create(device->context, &c->problem, c->passes, &plan);
    clattn_plan_destroy(plan);
    if (status != CLATTN_SUCCESS) {
        return library_failed("check: --case", status);
    }
    check_case(device->context, device->cl, device->queue, c, CLATTN_FORWARD | CLATTN_BACKWARD | CHECK_REPEAT, &result);
    print_facts(device);
    print_case(&result, true);
    return result.ok ? EXIT_GOOD : failed("check: the case failed");
}

int check_device(const options *o)
{
    struct test_case line;
    char error[CASE_LINE_SIZE];
    if (o->case_line && case_parse(o->case_line, &line, error) != 0) {
        return bad_input("check: --case: %s", error);
    }
    set_dtype(&line, o->case_line ? 1 : 0, o->dtype);
    test_device device;
    int code = test_device_open(&device, "check", o);
    if (code < 0) {
        code = o->case_line ? run_line(&device, &line) : run_tier(&device, o);
    }
    progress_end();
    test_device_close(&device);
    return code;
}
