/* SPDX-License-Identifier: Apache-2.0 */
/* The progress of training, on stderr. */
#ifndef CLATTN_TRAIN_PROGRESS_H
#define CLATTN_TRAIN_PROGRESS_H

#include <stddef.h>

struct progress {
    const char *label;
    size_t steps, tokens; /* number of steps, and of characters per step */
    double started, shown;
    int bar; /* 1: stderr is a terminal, redraw one line; 0: print a line now and then */
};

struct progress progress_begin(const char *label, size_t steps, size_t tokens);

/* Shows step `done` (1 to steps) and its loss. */
void progress_step(struct progress *progress, size_t done, double loss);

/* Seconds of a monotonic clock. */
double progress_clock(void);

#endif
