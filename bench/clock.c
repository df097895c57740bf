/* SPDX-License-Identifier: Apache-2.0 */
/* The device's clock. A pass may be several kernels, and its event may be a marker, for which
 * drivers report no useful time. Therefore a pass is timed between two kernels of the bench on an
 * in-order queue: from the end of a gate to the start of a kernel behind the pass.
 *
 *   gate | pass ... | behind          time = start of `behind` - end of `gate`
 *
 * The gate runs until all three are enqueued, so that the device never waits for the host. The time
 * is then that of the device, plus twice the few microseconds between two kernels. If the gate
 * ended too soon, the run is discarded and repeated with a gate twice as long, up to some
 * milliseconds: a pass that waits for the device while it is enqueued would outlast any gate.
 *
 * A GPU that runs without pause reaches its power limit after 0.1 s and lowers its clock, by how
 * much depends on what ran before. Therefore it rests after each run for as long as the run took,
 * unless --sustained is given. */
#include "clock.h"

#include "kernels.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { FIRST_STEPS = 1 << 14, MOST_STEPS = 1 << 22, WARM_RUNS = 2, MOST_WARM_RUNS = 1000 };
#define WARM_SECONDS 0.25 /* clocks rise under load */

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int bench_clock_begin(struct bench_clock *clock, const struct bench_device *device, int sustained, char *message)
{
    memset(clock, 0, sizeof *clock);
    clock->device = device;
    clock->rests = !sustained && !device->is_cpu;
    clock->steps = FIRST_STEPS;
    clock->gate = bench_kernel(device, bench_clock_cl, "gate", "", message);
    clock->out = clock->gate ? bench_buffer(device, sizeof(cl_float), message) : NULL;
    return clock->out ? 0 : -1;
}

void bench_clock_end(struct bench_clock *clock)
{
    if (clock->gate)
        clReleaseKernel(clock->gate);
    if (clock->out)
        clReleaseMemObject(clock->out);
}

static void rest(const struct bench_clock *clock, double seconds)
{
    struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    if (clock->rests)
        nanosleep(&time, NULL); /* a signal may shorten it: harmless */
}

/* ---- the device's ---- */

static cl_int enqueue_gate(const struct bench_clock *clock, cl_int steps, cl_event *event)
{
    const size_t one = 1;
    const cl_float factor = 0.5f;
    cl_int error = clSetKernelArg(clock->gate, 0, sizeof clock->out, &clock->out);
    if (!error)
        error = clSetKernelArg(clock->gate, 1, sizeof steps, &steps);
    if (!error)
        error = clSetKernelArg(clock->gate, 2, sizeof factor, &factor);
    if (!error)
        error = clEnqueueNDRangeKernel(clock->device->profiled, clock->gate, 1, NULL, &one, &one, 0, NULL, event);
    return error;
}

/* One run between two gates. *early: the first gate ended before all was enqueued. */
static int run_between(struct bench_clock *clock, bench_enqueue *enqueue, void *self, int set, cl_event gates[2],
                       int *early, double *seconds, char *message)
{
    const cl_command_queue queue = clock->device->profiled;
    cl_int state = CL_COMPLETE;
    cl_ulong end = 0, start = 0;
    cl_int error = enqueue_gate(clock, clock->steps, &gates[0]);
    if (!error)
        error = clFlush(queue);
    if (error)
        return bench_fail_opencl(error, "enqueueing the gate", message);
    if (enqueue(self, queue, set))
        return -1;
    error = enqueue_gate(clock, 1, &gates[1]);
    if (!error)
        error = clFlush(queue);
    if (!error)
        error = clGetEventInfo(gates[0], CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    if (!error)
        error = clFinish(queue);
    if (!error)
        error = clGetEventProfilingInfo(gates[0], CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    if (!error)
        error = clGetEventProfilingInfo(gates[1], CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
    if (error)
        return bench_fail_opencl(error, "timing on the device", message);
    if (start <= end) {
        snprintf(message, BENCH_MESSAGE,
                 "the driver's profiling times make no sense: a kernel starts %llu ns before "
                 "the one ahead of it on an in-order queue ends",
                 (unsigned long long)(end - start));
        return -1;
    }
    *early = state == CL_COMPLETE;
    *seconds = 1e-9 * (double)(start - end);
    return 0;
}

static int run_on_device(struct bench_clock *clock, bench_enqueue *enqueue, void *self, int set, double *seconds,
                         char *message)
{
    for (;;) {
        cl_event gates[2] = {NULL, NULL};
        int early = 0;
        const int bad = run_between(clock, enqueue, self, set, gates, &early, seconds, message);
        for (int i = 0; i < 2; ++i)
            if (gates[i])
                clReleaseEvent(gates[i]);
        if (bad)
            clFinish(clock->device->profiled);
        else
            rest(clock, *seconds);
        if (bad || !early || clock->steps >= MOST_STEPS)
            return bad;
        clock->steps *= 2;
    }
}

/* ---- the wall's, and both ---- */

/* One run by the wall clock. `queue` is NULL for host code. */
static int run_on_wall(cl_command_queue queue, bench_enqueue *enqueue, void *self, int set, double *seconds,
                       char *message)
{
    const double start = bench_now();
    if (enqueue(self, queue, set))
        return -1;
    const cl_int error = queue ? clFinish(queue) : CL_SUCCESS;
    *seconds = bench_now() - start;
    return error ? bench_fail_opencl(error, "clFinish", message) : 0;
}

/* Warms up, then times `repeats` runs. *run counts all runs; it selects the set of the next run. */
static int time_on_wall(const struct bench_clock *clock, cl_command_queue queue, bench_enqueue *enqueue, void *self,
                        int sets, int repeats, int *run, struct bench_times *times, char *message)
{
    double seconds[BENCH_MOST_REPEATS];
    const double start = bench_now();
    for (; *run < WARM_RUNS || (*run < MOST_WARM_RUNS && bench_now() - start < WARM_SECONDS); ++*run) {
        if (run_on_wall(queue, enqueue, self, *run % sets, &seconds[0], message))
            return -1;
        rest(clock, seconds[0]);
    }
    for (int i = 0; i < repeats; ++i, ++*run) {
        if (run_on_wall(queue, enqueue, self, *run % sets, &seconds[i], message))
            return -1;
        rest(clock, seconds[i]);
    }
    *times = bench_times_of(seconds, repeats);
    return 0;
}

int bench_time(struct bench_clock *clock, bench_enqueue *enqueue, void *self, int sets, int repeats,
               struct bench_clocks *clocks, int *last_set, char *message)
{
    double seconds[BENCH_MOST_REPEATS];
    int run = 0;
    if (time_on_wall(clock, clock->device->plain, enqueue, self, sets, repeats, &run, &clocks->wall, message))
        return -1;
    for (int i = 0; i < repeats; ++i, ++run)
        if (run_on_device(clock, enqueue, self, run % sets, &seconds[i], message))
            return -1;
    clocks->device = bench_times_of(seconds, repeats);
    *last_set = (run - 1) % sets;
    return 0;
}

int bench_time_host(bench_enqueue *enqueue, void *self, int sets, int repeats, struct bench_clocks *clocks,
                    char *message)
{
    const struct bench_clock of_host = {.rests = 0};
    int run = 0;
    if (time_on_wall(&of_host, NULL, enqueue, self, sets, repeats, &run, &clocks->wall, message))
        return -1;
    clocks->device = clocks->wall;
    return 0;
}
