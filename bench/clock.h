/* SPDX-License-Identifier: Apache-2.0 */
/* Two clocks: that of the device, and that on the wall. */
#ifndef CLATTN_BENCH_CLOCK_H
#define CLATTN_BENCH_CLOCK_H

#include "device.h"
#include "rates.h"

enum { BENCH_LEAST_REPEATS = 3, BENCH_MOST_REPEATS = 99 };

/* Seconds of a steady clock. */
double bench_now(void);

/* What is timed: enqueues one pass on `queue`, an in-order one, with buffers number `set`. Returns 0, or -1 and has put
 * a sentence into the message that bench_time got. */
typedef int bench_enqueue(void *self, cl_command_queue queue, int set);

struct bench_clocks {
    struct bench_times device; /* from the start of the first kernel to the end of the last */
    struct bench_times wall;   /* from the call to the return of clFinish */
};

struct bench_clock {
    const struct bench_device *device;
    cl_kernel gate;
    cl_mem out;
    cl_int steps; /* how long the gate is closed: see clock.c */
    int rests;    /* whether the device rests between runs */
};

/* `sustained`: a GPU does not rest between runs either. Returns 0, or -1 with a sentence in `message`; end it either
 * way. */
int bench_clock_begin(struct bench_clock *clock, const struct bench_device *device, int sustained, char *message);
void bench_clock_end(struct bench_clock *clock);

/* Warms up, then runs `repeats` times for each clock, with the `sets` sets of buffers in turn. *last_set: that of the
 * last run. Returns 0, or -1 with a sentence in `message`. */
int bench_time(struct bench_clock *clock, bench_enqueue *enqueue, void *self, int sets, int repeats,
               struct bench_clocks *clocks, int *last_set, char *message);

/* The same for what runs on the host and is done when `run` returns: both clocks are that on the wall. */
int bench_time_host(bench_enqueue *run, void *self, int sets, int repeats, struct bench_clocks *clocks, char *message);

#endif
