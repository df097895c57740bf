/* SPDX-License-Identifier: Apache-2.0 */
/* A line on stderr that says how far training is. */
#ifndef CLATTN_TRAIN_PROGRESS_H
#define CLATTN_TRAIN_PROGRESS_H

#include <stddef.h>

struct progress {
    const char *label;
    size_t steps, tokens; /* how many steps there are, and characters in each */
    double started, shown;
    int bar; /* stderr is a terminal: one line, redrawn; else a line now and then */
};

struct progress progress_begin(const char *label, size_t steps, size_t tokens);

/* After step `done` (1 to steps), with the loss to show. */
void progress_step(struct progress *progress, size_t done, double loss);

/* Seconds of a clock that only runs forward. */
double progress_clock(void);

#endif
