/* SPDX-License-Identifier: Apache-2.0 */
/* clattn-bench: verifies and times the passes of each case. See docs/performance.md. */
#include "baseline.h"
#include "commit.h"
#include "gemm.h"
#include "measure.h"
#include "options.h"
#include "progress.h"
#include "read_csv.h"
#include "report_csv.h"
#include "report_table.h"
#include "speed_plot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GEMM_SIZE = 2048, GEMM_RUNS = 3 };

struct bench {
    struct bench_options options;
    struct bench_device device;
    struct bench_clock clock;
    struct bench_setting setting;
    struct bench_rows rows;
    FILE *csv, *plot;   /* NULL: not wanted */
    char reported[256]; /* the device in reports of --from */
    char message[BENCH_MESSAGE];
};

static int fail(const char *what, const char *message)
{
    bench_progress_clear();
    fprintf(stderr, "clattn-bench: %s: %s\n", what, message);
    return 1;
}

/* ---- one case ---- */

static int add_row(struct bench *s, const struct bench_row *row)
{
    bench_progress_clear();
    bench_table_row(&s->setting, row);
    if (s->csv)
        bench_csv_row(s->csv, &s->setting, row);
    return bench_rows_add(&s->rows, row) ? fail(row->line, "out of host memory") : 0;
}

static int time_baselines(struct bench *s, struct bench_measured *m, size_t number, const char *line)
{
    struct bench_row row;
    for (int i = 0; i < BENCH_BASELINES; ++i) {
        const struct bench_baseline *baseline = &bench_baselines[i];
        if (!bench_baseline_wanted(baseline, s->options.baselines) ||
            (!s->options.baselines && !baseline->exists(&s->device)))
            continue;
        if (!baseline->exists(&s->device)) {
            bench_table_skip(line, baseline->name, "not for this device, or not in this build");
            continue;
        }
        bench_progress(number, s->options.count, line, baseline->name);
        const enum bench_outcome outcome = baseline->measure(m, s->options.repeats, &row);
        bench_progress_clear();
        if (outcome == BENCH_FAILED)
            return fail(line, m->message);
        if (outcome == BENCH_SKIPPED)
            bench_table_skip(line, baseline->name, m->message);
        else if (add_row(s, &row))
            return 1;
    }
    return 0;
}

/* Returns 0, or 1 when the device failed or a result was wrong. */
static int time_case(struct bench *s, struct bench_measured *m, size_t number, const char *line)
{
    const unsigned passes[BENCH_PASSES] = {CLATTN_FORWARD, CASE_GRADIENTS};
    struct bench_row row;
    if (bench_measure_multiply(m))
        return fail(line, m->message);
    for (int pass = 0; pass < BENCH_PASSES; ++pass) {
        if (!(m->c.passes & passes[pass]))
            continue;
        bench_progress(number, s->options.count, line, bench_pass_name((enum bench_pass)pass));
        if (bench_measure_pass(m, (enum bench_pass)pass, s->options.repeats, &row))
            return fail(line, m->message);
        if (add_row(s, &row))
            return 1;
    }
    return time_baselines(s, m, number, line);
}

static int start_up(struct bench *s, size_t number, const char *line)
{
    const struct test_case *c = &s->options.cases[number];
    struct bench_startup startup;
    if (bench_start_up(&s->device, &s->options.library, c, &startup, s->message))
        return fail(line, s->message);
    bench_startup_row(c, &startup);
    return startup.error_ratio <= 1.0 ? 0 : fail(line, "the result is wrong");
}

static int measure_case(struct bench *s, size_t number, const char *line)
{
    static struct bench_measured m;
    bench_progress(number, s->options.count, line, "verifying");
    int bad = bench_measure_begin(&m, &s->device, &s->clock, &s->options.cases[number]);
    bench_progress_clear();
    if (bad)
        fail(line, m.message);
    else if (s->options.memory)
        bench_memory_row(&m);
    else
        bad = time_case(s, &m, number, line);
    bench_measure_end(&m);
    return bad ? 1 : 0;
}

static int run_case(struct bench *s, size_t number)
{
    char line[CASE_LINE_SIZE];
    case_print(&s->options.cases[number], line);
    return s->options.startup ? start_up(s, number, line) : measure_case(s, number, line);
}

/* ---- all of them ---- */

/* Prints the rate of OpenBLAS's product, and the kernels that OpenBLAS chose: it may detect the
 * wrong CPU. */
static void print_gemm(const struct bench *s)
{
    const struct bench_baseline *openblas = &bench_baselines[1];
    const char *core;
    if (!openblas->exists(&s->device) || !bench_baseline_wanted(openblas, s->options.baselines))
        return;
    const double rate = bench_gemm_rate(GEMM_SIZE, GEMM_RUNS, &core);
    if (rate > 0.0)
        printf("OpenBLAS: sgemm %d^3 %.3f TFLOP/s, kernels for %s\n", GEMM_SIZE, 1e-12 * rate, core);
}

/* ---- files ---- */

/* Called before timing, so that a mistyped folder does not cost hours. */
static int open_file(const char *path, FILE **file)
{
    *file = path ? fopen(path, "w") : NULL;
    if (!path || *file)
        return 0;
    perror(path);
    return -1;
}

static int close_file(const char *path, FILE *file)
{
    if (!file)
        return 0;
    const int bad = ferror(file);
    return fclose(file) || bad ? fail(path, "cannot be written") : 0;
}

/* Reads the reports of --from. */
static int read_reports(struct bench *s)
{
    int bad = 0;
    for (size_t i = 0; i < s->options.from_count; ++i) {
        const char *path = s->options.from[i];
        FILE *file = fopen(path, "r");
        if (!file || bench_csv_read(file, &s->rows, s->reported, s->message))
            bad = fail(path, file ? s->message : strerror(errno));
        if (file)
            fclose(file);
    }
    return bad;
}

static int write_files(struct bench *s)
{
    int bad = 0;
    if (!s->setting.device)
        s->setting.device = s->reported;
    if (s->plot) {
        const int drawn = bench_plot_write(s->plot, &s->setting, &s->rows);
        if (drawn < 0)
            bad = fail(s->options.plot, "out of host memory");
        else if (drawn == 0)
            fail(s->options.plot, "is empty: the cases do not differ in length");
    }
    return close_file(s->options.csv, s->csv) | close_file(s->options.plot, s->plot) | bad;
}

/* ---- all together ---- */

static int begin(struct bench *s)
{
    struct bench_setting *setting = &s->setting;
    if (bench_device_open(s->options.device, &s->options.library, &s->device, s->message))
        return -1;
    setting->device = s->device.name;
    setting->driver = s->device.driver;
    setting->platform = s->device.platform;
    setting->version = clattn_version_string();
    setting->commit = bench_commit;
    if (bench_clock_begin(&s->clock, &s->device, s->options.sustained, s->message))
        return -1;
    printf("clattn %s, commit %s\n%s\n", setting->version, setting->commit, clattn_context_describe(s->device.context));
    return 0;
}

static int run_cases(struct bench *s)
{
    int bad = 0;
    if (s->options.memory) {
        bench_memory_begin();
    } else if (s->options.startup) {
        bench_startup_begin();
    } else {
        if (bench_measure_peaks(&s->device, &s->setting.peaks, s->message))
            return fail("peaks", s->message);
        print_gemm(s);
        bench_table_begin(&s->setting);
        if (s->csv)
            bench_csv_begin(s->csv);
    }
    fflush(stdout);
    for (size_t i = 0; i < s->options.count; ++i)
        bad |= run_case(s, i);
    return bad;
}

int main(int argc, char **argv)
{
    static struct bench s;
    const enum bench_start start = bench_options_read(argc, argv, &s.options);
    int bad = start == BENCH_BAD ? 2 : 0;
    if (start == BENCH_GO)
        bad = read_reports(&s); /* before a file of the same name is opened for writing */
    if (start == BENCH_GO && !bad && (open_file(s.options.csv, &s.csv) || open_file(s.options.plot, &s.plot)))
        bad = 2;
    if (start == BENCH_GO && !bad) {
        if (s.options.count > 0)
            bad = begin(&s) ? fail("the device", s.message) : run_cases(&s);
        bad |= write_files(&s);
        bench_baselines_end();
        bench_clock_end(&s.clock);
        bench_device_close(&s.device);
    }
    bench_rows_free(&s.rows);
    bench_options_free(&s.options);
    return bad;
}
