/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of train. */
#ifndef CLATTN_TRAIN_OPTIONS_H
#define CLATTN_TRAIN_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum { OPTIONS_MOST_TEXTS = 64 };

struct options {
    const char *texts[OPTIONS_MOST_TEXTS]; /* files of --text, or the system's licences */
    size_t text_count;
    const char *device; /* NULL: the best */
    const char *plot;   /* file of the loss curve; NULL: none */
    size_t steps, batch, length, blocks, dim, heads;
    size_t sample; /* characters to write at the end */
    double rate, temperature;
    uint64_t seed;
    int no_attention, check_gradient, assert;
};

/* Reads the command line. Exits with status 2 after an error message, or with 0 after the help. */
struct options options_read(int argc, char **argv);

#endif
