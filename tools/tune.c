/* SPDX-License-Identifier: Apache-2.0 */
#include "tune.h"

#include "check.h"
#include "check_device.h"
#include "message.h"
#include "score_files.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* ---- the cases ---- */

/* Default cases: sizes that take such a device some milliseconds. */
static const char *const gpu_cases[] = {"b2 h16 n2048 m2048 d64", "b2 h16 n2048 m2048 d64 causal",
                                        "b2 h8 n2048 m2048 d128", "b2 h8 n2048 m2048 d128 causal"};
static const char *const cpu_cases[] = {"b1 h8 n1024 m1024 d64", "b1 h8 n1024 m1024 d64 causal",
                                        "b1 h4 n1024 m1024 d128", "b1 h4 n1024 m1024 d128 causal"};

#define DEFAULT_CASES 4

/* The lines of --case, or the default cases for the device's type. */
static size_t list_cases(const test_device *device, const options *o, const char *lines[MOST_CASES])
{
    cl_device_type type = CL_DEVICE_TYPE_GPU;
    clGetDeviceInfo(device->id, CL_DEVICE_TYPE, sizeof type, &type, NULL); /* on failure `type` stays GPU */
    const char *const *defaults = type & CL_DEVICE_TYPE_CPU ? cpu_cases : gpu_cases;
    const size_t count = o->case_count > 0 ? o->case_count : DEFAULT_CASES;
    for (size_t i = 0; i < count; i++) {
        lines[i] = o->case_count > 0 ? o->cases[i] : defaults[i];
    }
    return count;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* A case for the same kernels, small enough for the double-precision reference. */
static struct test_case small_relative(const struct test_case *c)
{
    struct test_case small = *c;
    clattn_problem *p = &small.problem;
    const int64_t group = p->q_heads / p->kv_heads;
    p->batch = smaller(p->batch, 2);
    p->kv_heads = 1;
    p->q_heads = smaller(group, 4);
    p->q_len = smaller(p->q_len, 203);
    p->kv_len = smaller(p->kv_len, 211);
    p->score.offset = p->score.align == CLATTN_ALIGN_OFFSET ? smaller(p->score.offset, p->kv_len) : 0;
    const score_sizes sizes = {p->batch, p->q_heads, p->q_len, p->kv_len};
#define SHRINK(slot, member, of, shape, whole, fewer, help)                                                            \
    for (int i = 0; (whole)[i] != '\0'; i++) {                                                                         \
        p->score.shape[i] = smaller(p->score.shape[i], score_size(&sizes, (whole)[i]));                                \
    }
    SCORE_FILES(SHRINK)
#undef SHRINK
    return small;
}

/* ---- progress ---- */

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first Ctrl-C ends the search, the second ends the program. */
static void catch_interrupt(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

static int show(void *user, const clattn_tune_progress *p)
{
    static const char full[] = "####################";
    (void)user;
    const int width = (int)sizeof full - 1;
    const double part = p->seconds < p->budget ? p->seconds / p->budget : 1.0;
    const int done = (int)(part * width);
    progress("tune: %s [%.*s%*s] %zu tried, %.3g -> %.3g ms", p->kernel, done, full, width - done, "", p->done,
             p->builtin_seconds * 1e3, p->best_seconds * 1e3);
    return interrupted;
}

/* ---- the table ---- */

static void print_heading(void)
{
    printf("%-14s %5s %12s %10s %7s  %s\n", "kernel", "tried", "built-in ms", "best ms", "gain", "configuration");
}

static void print_kernel(const clattn_tuned_kernel *k, bool verbose)
{
    printf("%-14s %5zu %12.3f %10.3f %6.1f%%  %s%s\n", k->kernel, k->tried, k->builtin_seconds * 1e3,
           k->best_seconds * 1e3, 100.0 * (k->builtin_seconds / k->best_seconds - 1.0), k->configuration,
           k->is_builtin ? " (built-in)" : "");
    if (verbose) {
        printf("%-14s %5zu refused\n", "", k->refused);
    }
    fflush(stdout);
}

/* The value of a word "NAME=VALUE"; 0: no such word. */
static int number_of(const char *configuration, const char *name)
{
    const size_t length = strlen(name);
    for (const char *word = configuration; *word != '\0';) {
        if (strncmp(word, name, length) == 0 && word[length] == '=') {
            return atoi(word + length + 1);
        }
        word += strcspn(word, " ");
        word += *word == ' ';
    }
    return 0;
}

/* Writes a row of decode_rows, host/select/engines/simt_decode.c. */
static void export_few(const clattn_tuned_kernel *k, const struct test_case *c, const char *line, FILE *stream)
{
    const int64_t depth = c->problem.qk_dim > c->problem.v_dim ? c->problem.qk_dim : c->problem.v_dim;
    const int bytes = c->problem.dtype == CLATTN_FLOAT32 ? 4 : 2;
    const char *text = k->configuration;
    fprintf(stream, "    {%d, %d, %d, %d, %d, %d, %d, %d}, /* %s: %.3f ms, before %.3f */\n",
            number_of(text, "TILE_ROWS"), (int)depth, number_of(text, "TILE_COLS"), number_of(text, "TX"),
            number_of(text, "TY"), number_of(text, "DEPTH_STEP") * bytes, number_of(text, "STRIP"),
            number_of(text, "UNROLL"), line, k->best_seconds * 1e3, k->builtin_seconds * 1e3);
}

/* Writes a row of simt_rows, host/select/engines/simt.c. */
static void export_kernel(const clattn_tuned_kernel *k, const struct test_case *c, const char *line, FILE *stream)
{
    static const char *const names[] = {"TILE_ROWS",  "TILE_COLS", "TX",    "TY",
                                        "DEPTH_STEP", "OUT_BLOCK", "STRIP", "UNROLL"};
    const int64_t depth = c->problem.qk_dim > c->problem.v_dim ? c->problem.qk_dim : c->problem.v_dim;
    if (number_of(k->configuration, "DECODE")) {
        export_few(k, c, line, stream);
        return;
    }
    const char *kernel = strcmp(k->kernel, "forward") == 0       ? "KERNEL_FORWARD"
                         : strcmp(k->kernel, "backward_dq") == 0 ? "KERNEL_DQ"
                                                                 : "KERNEL_DKDV"; /* simt's only other kernel */
    fprintf(stream, "    {1 << %s, %d", kernel, (int)depth);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        fprintf(stream, ", %d", number_of(k->configuration, names[i]));
    }
    fprintf(stream, ", %s}, /* %s: %.3f ms, before %.3f */\n",
            number_of(k->configuration, "STATIONARY_RESIDENT") ? "true" : "false", line, k->best_seconds * 1e3,
            k->builtin_seconds * 1e3);
}

/* ---- one case ---- */

/* Compares the context's results with the reference; `what` describes the context in messages. */
static int check(const test_device *device, clattn_context *context, const struct test_case *c, const char *what)
{
    struct check_result result;
    const struct test_case small = small_relative(c);
    progress("tune: checking %s", what);
    if (!check_case(context, device->cl, device->queue, &small, CLATTN_FORWARD | CLATTN_BACKWARD, &result)) {
        return failed("tune: %s is wrong on this device: --case \"%s\": %s", what, result.line, result.message);
    }
    return -1;
}

/* Checks a context without a cache folder, so that it reads no tuned file. */
static int check_builtin(const test_device *device, const options *o, const struct test_case *c)
{
    clattn_options library = CLATTN_OPTIONS_INIT;
    clattn_context *context;
    library.engine = o->engine;
    library.cache_dir = "";
    clattn_status status = clattn_context_create(device->cl, device->id, &library, &context);
    int code = status == CLATTN_SUCCESS ? check(device, context, c, "the built-in configuration")
                                        : library_failed("tune", status);
    clattn_context_destroy(context);
    return code;
}

static int tune_case(const test_device *device, const options *o, const char *line, FILE *rows)
{
    struct test_case c;
    char text[CASE_LINE_SIZE];
    if (case_parse(line, &c, text) != 0) {
        return bad_input("tune: --case: %s", text);
    }
    if (o->dtype != CLATTN_FLOAT32) {
        c.problem.dtype = o->dtype;
    }
    clattn_tune_options search = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tuned_kernel kernels[8];
    clattn_tune_result result = CLATTN_TUNE_RESULT_INIT;
    result.kernels = kernels;
    result.kernel_size = sizeof kernels[0];
    result.capacity = sizeof kernels / sizeof kernels[0];
    search.seconds = o->seconds;
    search.progress = show;
    int code = check_builtin(device, o, &c);
    if (code >= 0) {
        return code;
    }
    clattn_status status = clattn_tune(device->context, &c.problem, c.passes, &search, &result);
    progress_end();
    if (status != CLATTN_SUCCESS) {
        return library_failed("tune", status);
    }
    printf("\n%s\n", case_print(&c, text));
    print_heading();
    for (size_t i = 0; i < result.count && i < result.capacity; i++) {
        print_kernel(&kernels[i], o->verbose);
        if (rows && !kernels[i].is_builtin && strcmp(kernels[i].engine, "simt") == 0) {
            export_kernel(&kernels[i], &c, text, rows);
        }
    }
    return check(device, device->context, &c, "the tuned configuration");
}

/* ---- the verb ---- */

/* Prints tables, and rows to export below them. */
static int tune_cases(const test_device *device, const options *o)
{
    const char *lines[MOST_CASES];
    FILE *rows = o->export_rows ? tmpfile() : NULL;
    const size_t count = list_cases(device, o, lines);
    int code = o->export_rows && !rows ? failed("tune: no temporary file for --export") : -1;
    for (size_t i = 0; i < count && code < 0 && !interrupted; i++) {
        code = tune_case(device, o, lines[i], rows);
    }
    progress_end();
    if (code < 0) {
        printf("\nkept in %s\n", clattn_tune_file(device->context));
        code = interrupted ? failed("tune: interrupted; what was found is kept") : EXIT_GOOD;
    }
    if (rows) {
        char text[256];
        rewind(rows);
        printf("\nrows of simt_rows, host/select/engines/simt.c; what the built-in table does as well is left out\n");
        while (fgets(text, sizeof text, rows)) {
            fputs(text, stdout);
        }
        fclose(rows);
    }
    return code;
}

int tune_device(const options *o)
{
    test_device device;
    struct test_case c;
    char error[CASE_LINE_SIZE];
    for (size_t i = 0; i < o->case_count; i++) {
        if (case_parse(o->cases[i], &c, error) != 0) {
            return bad_input("tune: --case: %s", error);
        }
    }
    int code = test_device_open(&device, "tune", o);
    if (code < 0) {
        const char *facts = clattn_context_describe(device.context);
        progress_end();
        printf("%.*s\n", trimmed(facts), facts);
        fflush(stdout);
        catch_interrupt();
        code = tune_cases(&device, o);
    }
    progress_end();
    test_device_close(&device);
    return code;
}
