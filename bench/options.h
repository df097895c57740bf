/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef CLATTN_BENCH_OPTIONS_H
#define CLATTN_BENCH_OPTIONS_H

#include "cases.h"

enum { BENCH_MOST_FROM = 8 };

struct bench_options {
    const char *device; /* NULL: the best */
    clattn_options library;
    int repeats;
    int sustained;          /* no rest between runs */
    int memory, startup;    /* reports instead of timing */
    const char *csv, *plot; /* files, or NULL */
    const char *from[BENCH_MOST_FROM];
    size_t from_count;     /* reports to draw as well */
    const char *baselines; /* names separated by commas; NULL: all */
    struct test_case *cases;
    size_t count; /* 0: only draw reports, time nothing */
};

enum bench_start { BENCH_GO, BENCH_HELP, BENCH_BAD };

/* BENCH_BAD: the reason is on standard error. Free the options either way. */
enum bench_start bench_options_read(int argc, char **argv, struct bench_options *options);
void bench_options_free(struct bench_options *options);

#endif
