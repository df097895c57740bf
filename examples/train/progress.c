/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 30 }; /* of the bar, in characters */

#define REDRAW 0.1 /* seconds between redraws of the bar */

double progress_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct progress progress_begin(const char *label, size_t steps, size_t tokens)
{
    const double now = progress_clock();
    const struct progress progress = {label, steps, tokens, now, now - REDRAW, isatty(STDERR_FILENO)};
    return progress;
}

static void draw_bar(const struct progress *p, size_t done)
{
    const size_t full = done * WIDTH / p->steps;
    fputs("\r[", stderr);
    for (size_t i = 0; i < WIDTH; ++i)
        fputc(i < full ? '=' : i == full ? '>' : ' ', stderr);
    fputs("] ", stderr);
}

void progress_step(struct progress *p, size_t done, double loss)
{
    const double now = progress_clock(), passed = now - p->started;
    const double left = passed / (double)done * (double)(p->steps - done);
    const int due = p->bar ? now - p->shown >= REDRAW : done * 10 / p->steps != (done - 1) * 10 / p->steps;
    if (!due && done != p->steps)
        return;
    p->shown = now;
    if (p->bar)
        draw_bar(p, done);
    fprintf(stderr, "%s  step %zu/%zu  loss %.3f  %.0f tokens/s  %d:%02d left", p->label, done, p->steps, loss,
            (double)(done * p->tokens) / passed, (int)left / 60, (int)left % 60);
    fputs(!p->bar || done == p->steps ? "\n" : "   ", stderr);
}
