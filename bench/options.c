/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include "clock.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const startup_case = "b1 h8 n512 m512 d64";
static const char *const default_cases[] = {
    "b1 h16 n2048 m2048 d64",
    "b1 h16 n2048 m2048 d64 causal",
    "b1 h16 n2048 m2048 d128",
    "b1 h16 n2048 m2048 d128 causal",
};

static const char help[] =
    "usage: clattn-bench [OPTION ...] [CASE ...]\n"
    "\n"
    "Verifies and times forward and backward of each CASE, a line such as\n"
    "\"b1 h16 n2048 m2048 d64 causal dtype=bf16\" (words: check/cases.h). Without a CASE, a short list runs.\n"
    "\n"
    "  --device INDEX|TEXT      an index or part of a name of \"clattn devices\" (default: the best)\n"
    "  --engine NAME            auto, simt, cpu, nvidia_mma, nvidia_wgmma (default: auto)\n"
    "  --repeats N              runs per clock, 3 to 99 (default: 7)\n"
    "  --sustained              no rest between runs on a GPU: many GPUs reach their power limit and run slower\n"
    "  --baseline LIST          also time materialised, openblas, or none (default: all in this build)\n"
    "  --csv FILE               write CSV, one row per pass\n"
    "  --plot FILE              draw speed against length as SVG, if the cases differ in length\n"
    "  --from FILE              also draw the rows of a CSV file from this program or compare_torch.py (up to 8\n"
    "                           times). Without a CASE nothing is timed\n"
    "  --memory                 print the device memory of each case, and time nothing\n"
    "  --startup                print the time to the first result, and time nothing else\n"
    "  --build-options TEXT     append TEXT to the build options of every kernel\n"
    "\n"
    "Exit status: 0; 1 if a device failed or a result was wrong; 2 for a bad command line.\n";

static int bad(const char *what, const char *value, const char *allowed)
{
    fprintf(stderr, "clattn-bench: %s: \"%s\" is not %s\n", what, value, allowed);
    return -1;
}

static int read_engine(const char *name, clattn_engine *engine)
{
    for (int i = 0; clattn_engine_name((clattn_engine)i); ++i)
        if (strcmp(name, clattn_engine_name((clattn_engine)i)) == 0) {
            *engine = (clattn_engine)i;
            return 0;
        }
    return bad("--engine", name, "auto, simt, cpu, nvidia_mma or nvidia_wgmma");
}

static int read_repeats(const char *text, int *repeats)
{
    char *end;
    const long value = strtol(text, &end, 10);
    *repeats = (int)value;
    return end != text && !*end && value >= BENCH_LEAST_REPEATS && value <= BENCH_MOST_REPEATS
               ? 0
               : bad("--repeats", text, "a number from 3 to 99");
}

static int read_baselines(const char *list)
{
    static const char *const names[] = {"materialised", "openblas", "none"};
    for (const char *at = list;; ++at) {
        const size_t length = strcspn(at, ",");
        int known = 0;
        for (int i = 0; i < 3; ++i)
            known = known || (strlen(names[i]) == length && memcmp(at, names[i], length) == 0);
        if (!known)
            return bad("--baseline", list, "a list of materialised and openblas, or none");
        at += length;
        if (!*at)
            return 0;
    }
}

static int read_cases(int count, char **lines, struct bench_options *options)
{
    const int given = count > 0, few = options->startup;
    if (!given && options->from_count > 0)
        return 0;
    const int all = given ? count : few ? 1 : (int)(sizeof default_cases / sizeof *default_cases);
    options->cases = calloc((size_t)all, sizeof *options->cases);
    if (!options->cases) {
        fputs("clattn-bench: out of host memory\n", stderr);
        return -1;
    }
    for (int i = 0; i < all; ++i) {
        const char *line = given ? lines[i] : few ? startup_case : default_cases[i];
        char error[CASE_LINE_SIZE];
        if (case_parse(line, &options->cases[i], error)) {
            fprintf(stderr, "clattn-bench: %s: %s\n", line, error);
            return -1;
        }
    }
    options->count = (size_t)all;
    return 0;
}

enum { HELP = 'h', DEVICE, ENGINE, REPEATS, SUSTAINED, BASELINE, CSV, PLOT, FROM, MEMORY, STARTUP, BUILD_OPTIONS };

static int read_option(int option, struct bench_options *options)
{
    switch (option) {
    case DEVICE:
        options->device = optarg;
        return 0;
    case ENGINE:
        return read_engine(optarg, &options->library.engine);
    case REPEATS:
        return read_repeats(optarg, &options->repeats);
    case SUSTAINED:
        options->sustained = 1;
        return 0;
    case BASELINE:
        options->baselines = optarg;
        return read_baselines(optarg);
    case CSV:
        options->csv = optarg;
        return 0;
    case PLOT:
        options->plot = optarg;
        return 0;
    case FROM:
        if (options->from_count == BENCH_MOST_FROM)
            return bad("--from", optarg, "one of at most 8");
        options->from[options->from_count++] = optarg;
        return 0;
    case MEMORY:
        options->memory = 1;
        return 0;
    case STARTUP:
        options->startup = 1;
        return 0;
    case BUILD_OPTIONS:
        options->library.build_options = optarg;
        return 0;
    default:
        return -1; /* getopt_long has printed the error */
    }
}

enum bench_start bench_options_read(int argc, char **argv, struct bench_options *options)
{
    static const struct option known[] = {{"help", no_argument, NULL, HELP},
                                          {"device", required_argument, NULL, DEVICE},
                                          {"engine", required_argument, NULL, ENGINE},
                                          {"repeats", required_argument, NULL, REPEATS},
                                          {"sustained", no_argument, NULL, SUSTAINED},
                                          {"baseline", required_argument, NULL, BASELINE},
                                          {"csv", required_argument, NULL, CSV},
                                          {"plot", required_argument, NULL, PLOT},
                                          {"from", required_argument, NULL, FROM},
                                          {"memory", no_argument, NULL, MEMORY},
                                          {"startup", no_argument, NULL, STARTUP},
                                          {"build-options", required_argument, NULL, BUILD_OPTIONS},
                                          {NULL, 0, NULL, 0}};
    const clattn_options defaults = CLATTN_OPTIONS_INIT;
    memset(options, 0, sizeof *options);
    options->library = defaults;
    options->repeats = 7;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == HELP) {
            fputs(help, stdout);
            return BENCH_HELP;
        }
        if (read_option(option, options)) {
            fputs("clattn-bench: --help lists the options\n", stderr);
            return BENCH_BAD;
        }
    }
    if (options->from_count > 0 && !options->plot) {
        fputs("clattn-bench: --from is for --plot\n", stderr);
        return BENCH_BAD;
    }
    if (options->from_count > 0 && optind == argc && options->csv) {
        fputs("clattn-bench: --csv needs a CASE beside --from\n", stderr);
        return BENCH_BAD;
    }
    if ((options->memory || options->startup) && (options->csv || options->plot)) {
        fputs("clattn-bench: --csv and --plot need times, and --memory and --startup measure none for them\n", stderr);
        return BENCH_BAD;
    }
    if (options->memory && options->startup) {
        fputs("clattn-bench: --memory and --startup exclude each other\n", stderr);
        return BENCH_BAD;
    }
    return read_cases(argc - optind, argv + optind, options) ? BENCH_BAD : BENCH_GO;
}

void bench_options_free(struct bench_options *options)
{
    free(options->cases);
}
