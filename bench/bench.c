/* clattn-bench: how fast the passes are, case by case, each verified before it is timed.
 *
 *   clattn-bench [--device INDEX|TEXT] [--engine simt|cpu|auto] [--repeats N] [CASE ...]
 *
 * A CASE is a line as the tests print and parse it ("b1 h16 n2048 m2048 d64 causal"); without one, a short default list
 * runs. On a CPU device OpenBLAS's sgemm is timed right before each case, as the yardstick. */
#include "gemm.h"
#include "measure.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const default_cases[] = {
    "b1 h16 n2048 m2048 d64",
    "b1 h16 n2048 m2048 d64 causal",
    "b1 h16 n2048 m2048 d128",
    "b1 h16 n2048 m2048 d128 causal",
};

enum { GEMM_SIZE = 2048 };

struct settings {
    const char *device;
    clattn_engine engine;
    int repeats;
    int gemm; /* time OpenBLAS too */
};

static int usage(void)
{
    fputs("usage: clattn-bench [--device INDEX|TEXT] [--engine simt|cpu|auto] [--repeats N] [CASE ...]\n"
          "CASE: a line such as \"b1 h16 n2048 m2048 d64 causal\"; see tests/cases.h\n",
          stderr);
    return 2;
}

static int read_engine(const char *name, clattn_engine *engine)
{
    static const char *const names[] = {"auto", "simt", "cpu"};
    for (int i = 0; i < 3; ++i)
        if (strcmp(name, names[i]) == 0) {
            *engine = (clattn_engine)i;
            return 0;
        }
    return -1;
}

static int read_options(int argc, char **argv, struct settings *settings)
{
    static const struct option options[] = {
        {"device", required_argument, NULL, 'd'},
        {"engine", required_argument, NULL, 'e'},
        {"repeats", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    char *end = NULL;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'd')
            settings->device = optarg;
        else if (option == 'r')
            settings->repeats = (int)strtol(optarg, &end, 10);
        else if (option != 'e' || read_engine(optarg, &settings->engine))
            return -1;
        if (option == 'r' && (*end || settings->repeats < 3 || settings->repeats > 99))
            return -1;
    }
    return 0;
}

static int open_device(const struct settings *settings, struct bench_device *device)
{
    clattn_options options = CLATTN_OPTIONS_INIT;
    options.engine = settings->engine;
    cl_int error = CL_SUCCESS;
    clattn_status status = clattn_find_device(settings->device, &device->id);
    if (!status) {
        device->cl = clCreateContext(NULL, 1, &device->id, NULL, NULL, &error);
        if (!error)
            device->queue = clCreateCommandQueue(device->cl, device->id, 0, &error);
        if (!error)
            status = clattn_context_create(device->cl, device->id, &options, &device->context);
    }
    if (!status && !error)
        return 0;
    fprintf(stderr, "clattn-bench: %s\n", error ? "OpenCL gives no context or queue" : clattn_last_error());
    return -1;
}

static void close_device(struct bench_device *device)
{
    clattn_context_destroy(device->context);
    if (device->queue)
        clReleaseCommandQueue(device->queue);
    if (device->cl)
        clReleaseContext(device->cl);
}

static void print_pass(const struct test_case *c, enum bench_pass pass, const struct bench_result *r, double gemm)
{
    char line[CASE_LINE_SIZE];
    const double rate = bench_flops(&c->problem, c->passes, pass) / r->median_seconds[pass];
    printf("%-34s %-8s %9.3f %8.3f-%-8.3f %7.3f %6.2f", case_print(c, line),
           pass == BENCH_FORWARD ? "forward" : "backward", 1e3 * r->median_seconds[pass],
           1e3 * r->fastest_seconds[pass], 1e3 * r->slowest_seconds[pass], 1e-12 * rate, r->error_ratio[pass]);
    if (gemm > 0.0)
        printf(" %7.3f %7.2f", 1e-12 * gemm, rate / gemm);
    putchar('\n');
}

/* 0, or 1 when the device failed or a result was wrong. */
static int bench_case(const struct bench_device *device, const char *line, const struct settings *settings)
{
    struct test_case c;
    struct bench_result result;
    char error[CASE_LINE_SIZE];
    if (case_parse(line, &c, error)) {
        fprintf(stderr, "clattn-bench: %s: %s\n", line, error);
        return 2;
    }
    if (c.problem.dtype != CLATTN_FLOAT32) { /* what is not verified is not timed */
        fprintf(stderr, "clattn-bench: %s: results are verified in float32 only\n", line);
        return 2;
    }
    const char *core;
    const double gemm = settings->gemm ? bench_gemm_rate(GEMM_SIZE, settings->repeats, &core) : 0.0;
    const char *failure = bench_measure(device, &c, settings->repeats, &result);
    if (failure) {
        fprintf(stderr, "clattn-bench: %s: %s\n", line, failure);
        return 1;
    }
    int wrong = 0;
    for (int pass = 0; pass < BENCH_PASSES; ++pass) {
        if (result.median_seconds[pass] > 0.0)
            print_pass(&c, (enum bench_pass)pass, &result, gemm);
        wrong = wrong || !(result.error_ratio[pass] <= 1.0);
    }
    if (wrong)
        fprintf(stderr, "clattn-bench: %s: error past the tolerance\n", line);
    fflush(stdout);
    return wrong;
}

int main(int argc, char **argv)
{
    struct settings settings = {NULL, CLATTN_ENGINE_AUTO, 7, 0};
    struct bench_device device = {NULL, NULL, NULL, NULL};
    if (read_options(argc, argv, &settings))
        return usage();
    if (open_device(&settings, &device)) {
        close_device(&device);
        return 1;
    }
    cl_device_type type = 0;
    clGetDeviceInfo(device.id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    const char *core = "none";
    settings.gemm = type & CL_DEVICE_TYPE_CPU && bench_gemm_rate(64, 1, &core) > 0.0;
    puts(clattn_context_describe(device.context));
    if (settings.gemm)
        printf("OpenBLAS: sgemm %d^3, kernels for %s\n", GEMM_SIZE, core);
    printf("\n%-34s %-8s %9s %17s %7s %6s%s\n", "case", "pass", "median ms", "fastest-slowest", "TFLOP/s", "error",
           settings.gemm ? "   sgemm / sgemm" : "");
    int bad = 0;
    const int given = argc - optind, count = given ? given : (int)(sizeof default_cases / sizeof *default_cases);
    for (int i = 0; i < count && bad != 2; ++i)
        bad |= bench_case(&device, given ? argv[optind + i] : default_cases[i], &settings);
    close_device(&device);
    return bad > 1 ? 2 : bad;
}
