/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One licence of each family, so that no held-out sentence occurs in another licence. */
static const char *const licences[] = {
    "/usr/share/common-licenses/GPL-3",   "/usr/share/common-licenses/GFDL-1.3",
    "/usr/share/common-licenses/MPL-2.0", "/usr/share/common-licenses/Apache-2.0",
    "/usr/share/common-licenses/CC0-1.0", "/usr/share/common-licenses/Artistic",
};

static const char help[] =
    "usage: train [OPTION...]\n"
    "Trains a small causal transformer to guess the next character of a text, clattn's layer in it.\n"
    "\n"
    "  --text FILE         text to learn, may be given again [licences in /usr/share/common-licenses]\n"
    "  --device DEVICE     index or part of a name [the first GPU, else what there is]\n"
    "  --steps N           [300]\n"
    "  --batch N           sequences in a step [16]\n"
    "  --length N          characters in a sequence [64]\n"
    "  --blocks N          [2]\n"
    "  --dim N             width, a multiple of heads [64]\n"
    "  --heads N           [4]\n"
    "  --rate X            highest learning rate [0.012]\n"
    "  --seed N            of weights, batches and sample [1]\n"
    "  --no-attention      the output of every attention layer is zero\n"
    "  --sample N          characters to write at the end [400]\n"
    "  --temperature X     of that sample [0.7]\n"
    "  --plot FILE.svg     draw the loss\n"
    "  --check-gradient    compare a small model's gradient with finite differences, and end\n"
    "  --assert            train with and without attention; exit status 1 unless it learns what it should\n"
    "  --help              this text\n";

enum {
    FIRST_LONG = 256,
    TEXT = FIRST_LONG,
    DEVICE,
    STEPS,
    BATCH,
    LENGTH,
    BLOCKS,
    DIM,
    HEADS,
    RATE,
    SEED,
    NO_ATTENTION,
    SAMPLE,
    TEMPERATURE,
    PLOT,
    CHECK_GRADIENT,
    ASSERT,
    HELP
};

static const struct option long_options[] = {
    {"text", required_argument, NULL, TEXT},
    {"device", required_argument, NULL, DEVICE},
    {"steps", required_argument, NULL, STEPS},
    {"batch", required_argument, NULL, BATCH},
    {"length", required_argument, NULL, LENGTH},
    {"blocks", required_argument, NULL, BLOCKS},
    {"dim", required_argument, NULL, DIM},
    {"heads", required_argument, NULL, HEADS},
    {"rate", required_argument, NULL, RATE},
    {"seed", required_argument, NULL, SEED},
    {"no-attention", no_argument, NULL, NO_ATTENTION},
    {"sample", required_argument, NULL, SAMPLE},
    {"temperature", required_argument, NULL, TEMPERATURE},
    {"plot", required_argument, NULL, PLOT},
    {"check-gradient", no_argument, NULL, CHECK_GRADIENT},
    {"assert", no_argument, NULL, ASSERT},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static void refuse(const char *what, const char *why)
{
    fprintf(stderr, "train: %s: %s; see train --help\n", what, why);
    exit(2);
}

/* Reads a size of at most 2^20, so that products of two sizes do not overflow. */
static size_t read_size(const char *text, size_t least)
{
    char *end;
    errno = 0;
    const long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < (long)least || value > 1 << 20)
        refuse(text, least ? "not a whole number from 1 to 1048576" : "not a whole number from 0 to 1048576");
    return (size_t)value;
}

static double read_positive(const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value > 0.0) || isinf(value))
        refuse(text, "not a positive number");
    return value;
}

static void add_text(struct options *o, const char *path)
{
    if (o->text_count == OPTIONS_MOST_TEXTS)
        refuse(path, "too many texts");
    o->texts[o->text_count++] = path;
}

static void read_one(struct options *o, int option, const char *value)
{
    switch (option) {
    case TEXT:
        add_text(o, value);
        break;
    case DEVICE:
        o->device = value;
        break;
    case STEPS:
        o->steps = read_size(value, 1);
        break;
    case BATCH:
        o->batch = read_size(value, 1);
        break;
    case LENGTH:
        o->length = read_size(value, 1);
        break;
    case BLOCKS:
        o->blocks = read_size(value, 1);
        break;
    case DIM:
        o->dim = read_size(value, 1);
        break;
    case HEADS:
        o->heads = read_size(value, 1);
        break;
    case RATE:
        o->rate = read_positive(value);
        break;
    case SEED:
        o->seed = read_size(value, 0);
        break;
    case NO_ATTENTION:
        o->no_attention = 1;
        break;
    case SAMPLE:
        o->sample = read_size(value, 0);
        break;
    case TEMPERATURE:
        o->temperature = read_positive(value);
        break;
    case PLOT:
        o->plot = value;
        break;
    case CHECK_GRADIENT:
        o->check_gradient = 1;
        break;
    case ASSERT:
        o->assert = 1;
        break;
    case HELP:
        fputs(help, stdout);
        exit(EXIT_SUCCESS);
    default:
        fputs(help, stderr);
        exit(2);
    }
}

struct options options_read(int argc, char **argv)
{
    struct options o = {.steps = 300,
                        .batch = 16,
                        .length = 64,
                        .blocks = 2,
                        .dim = 64,
                        .heads = 4,
                        .sample = 400,
                        .rate = 0.012,
                        .temperature = 0.7,
                        .seed = 1};
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
        read_one(&o, option, optarg);
    if (optind < argc)
        refuse(argv[optind], "not an option");
    if (o.dim % o.heads)
        refuse("--dim", "not a multiple of --heads");
    if (o.text_count == 0)
        for (size_t i = 0; i < sizeof licences / sizeof *licences; ++i)
            add_text(&o, licences[i]);
    return o;
}
