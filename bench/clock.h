/* SPDX-License-Identifier: Apache-2.0 */
/* Two clocks: the device's and the wall clock. */
#ifndef CLATTN_BENCH_CLOCK_H
#define CLATTN_BENCH_CLOCK_H

#include "device.h"
#include "rates.h"

enum { BENCH_LEAST_REPEATS = 3, BENCH_MOST_REPEATS = 99 };

/* Seconds of a monotonic clock. */
double bench_now(void);

/* The function to time: enqueues one pass on `queue`, which is in order, with buffer set `set`.
 * Returns 0, or -1 after writing a sentence to the message of bench_time. */
typedef int bench_enqueue(void *self, cl_command_queue queue, int set);

struct bench_clocks {
    struct bench_times device; /* from the start of the first kernel to the end of the last */
    struct bench_times wall;   /* from the call to the return of clFinish */
};

struct bench_clock {
    const struct bench_device *device;
    cl_kernel gate;
    cl_mem out;
    cl_int steps; /* length of the gate: see clock.c */
    int rests;    /* whether the device rests between runs */
};

/* `sustained`: no rest between runs on GPUs (CPUs never rest). Returns 0, or -1 with a sentence in
 * `message`; end it either way. */
int bench_clock_begin(struct bench_clock *clock, const struct bench_device *device, int sustained, char *message);
void bench_clock_end(struct bench_clock *clock);

/* Warms up, then runs `repeats` times for each clock, rotating through `sets` buffer sets.
 * *last_set: the set of the last run. Returns 0, or -1 with a sentence in `message`. */
int bench_time(struct bench_clock *clock, bench_enqueue *enqueue, void *self, int sets, int repeats,
               struct bench_clocks *clocks, int *last_set, char *message);

/* The same for host code that is finished when `run` returns. Both clocks are the wall clock. */
int bench_time_host(bench_enqueue *run, void *self, int sets, int repeats, struct bench_clocks *clocks, char *message);

#endif
