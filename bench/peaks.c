/* SPDX-License-Identifier: Apache-2.0 */
#include "peaks.h"

#include "kernels.h"

#include <stdio.h>

enum { RUNS = 100, COPIES = 5, ACCUMULATORS = 10, FIRST_STEPS = 1 << 10, MOST_STEPS = 1 << 28 };

/* Seconds of a run: long against the launch overhead, and short enough that on a busy CPU some run
 * is not interrupted. All runs together last long enough for clocks to rise. */
#define LONG_ENOUGH 0.002

static cl_int run(const struct bench_device *device, cl_kernel kernel, size_t first, size_t global, size_t local,
                  double *seconds)
{
    cl_event event = NULL;
    cl_ulong start = 0, end = 0;
    cl_int error = clEnqueueNDRangeKernel(device->profiled, kernel, 1, &first, &global, &local, 0, NULL, &event);
    if (!error)
        error = clWaitForEvents(1, &event);
    if (!error)
        error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
    if (!error)
        error = clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
    if (event)
        clReleaseEvent(event);
    *seconds = end > start ? 1e-9 * (double)(end - start) : 1e-9;
    return error;
}

/* ---- multiply-adds ---- */

/* On a CPU one work-item per core, with vectors; on a GPU many per compute unit. */
static void shape_of(const struct bench_device *device, size_t *global, size_t *local)
{
    *local = device->is_cpu ? 1 : 256;
    *global = device->units * *local * (device->is_cpu ? 4 : 32);
}

/* The rate of a kernel built for vectors of `width`. */
static cl_int time_multiply_add(const struct bench_device *device, cl_kernel kernel, cl_mem out, cl_uint width,
                                double *flops)
{
    const cl_float factor = 0.999f, step = 0.001f; /* sums tend to 1: neither infinite nor subnormal */
    size_t global, local;
    double seconds = 0.0, best = 0.0;
    cl_int steps = FIRST_STEPS, error = clSetKernelArg(kernel, 0, sizeof out, &out);
    shape_of(device, &global, &local);
    if (!error)
        error = clSetKernelArg(kernel, 2, sizeof factor, &factor);
    if (!error)
        error = clSetKernelArg(kernel, 3, sizeof step, &step);
    for (int good = 0; !error && good < RUNS;) {
        error = clSetKernelArg(kernel, 1, sizeof steps, &steps);
        if (!error)
            error = run(device, kernel, 0, global, local, &seconds);
        if (seconds < LONG_ENOUGH && steps < MOST_STEPS) {
            steps *= 2;
            continue;
        }
        const double rate = 2.0 * (double)ACCUMULATORS * (double)steps * (double)global * (double)width / seconds;
        best = rate > best ? rate : best;
        ++good;
    }
    if (!error && best > *flops)
        *flops = best;
    return error;
}

static int measure_multiply_add(const struct bench_device *device, cl_uint width, double *flops, char *message)
{
    char options[64];
    size_t global, local;
    shape_of(device, &global, &local);
    snprintf(options, sizeof options, width > 1 ? "-cl-mad-enable -DVECTOR=float%u" : "-cl-mad-enable -DVECTOR=float",
             (unsigned)width);
    cl_kernel kernel = bench_kernel(device, bench_peaks_cl, "multiply_add", options, message);
    cl_mem out = kernel ? bench_buffer(device, global * width * sizeof(cl_float), message) : NULL;
    int bad = !out;
    if (!bad) {
        const cl_int error = time_multiply_add(device, kernel, out, width, flops);
        bad = error && bench_fail_opencl(error, "measuring multiply-adds", message);
    }
    if (out)
        clReleaseMemObject(out);
    if (kernel)
        clReleaseKernel(kernel);
    return bad ? -1 : 0;
}

/* ---- copying ---- */

/* On a CPU: vectors that a work-item copies, and chunks of the buffer that are copied one by one,
 * so that on a busy machine some run is not interrupted. A whole buffer is copied between two
 * visits of a chunk. */
enum { CHUNK = 1 << 12, PARTS = 32 };

static cl_int time_copy(const struct bench_device *device, cl_kernel kernel, const cl_mem buffers[2], cl_uint width,
                        size_t bytes, double *rate)
{
    const size_t vectors = bytes / width / sizeof(cl_float), local = device->is_cpu ? 1 : 256;
    const int parts = device->is_cpu ? PARTS : 1;
    const size_t global = device->is_cpu ? vectors / CHUNK / PARTS : vectors;
    const cl_int count = device->is_cpu ? CHUNK : 1;
    cl_int error = clSetKernelArg(kernel, 0, sizeof *buffers, &buffers[0]);
    if (!error)
        error = clSetKernelArg(kernel, 1, sizeof *buffers, &buffers[1]);
    if (!error)
        error = clSetKernelArg(kernel, 2, sizeof count, &count);
    for (int i = 0; !error && i < (COPIES + 1) * parts; ++i) {
        double seconds;
        error = run(device, kernel, (size_t)(i % parts) * global, global, local, &seconds);
        const double found = 2.0 * (double)bytes / parts / seconds;
        if (i >= parts && found > *rate) /* the first round warms up */
            *rate = found;
    }
    return error;
}

static int measure_copy(const struct bench_device *device, cl_uint width, double *rate, char *message)
{
    const size_t whole = (size_t)CHUNK * width * sizeof(cl_float) * 256;
    size_t bytes = (size_t)(device->cold_bytes / 2 < device->most_bytes ? device->cold_bytes / 2 : device->most_bytes);
    char options[64];
    bytes = bytes / whole > 0 ? bytes / whole * whole : whole;
    snprintf(options, sizeof options, "-DVECTOR=float%u", (unsigned)width);
    cl_kernel kernel = bench_kernel(device, bench_peaks_cl, "copy", options, message);
    cl_mem buffers[2] = {NULL, NULL};
    int bad = !kernel || !(buffers[0] = bench_buffer(device, bytes, message)) ||
              !(buffers[1] = bench_buffer(device, bytes, message));
    if (!bad) {
        const cl_float zero = 0.0f; /* some systems map all unwritten pages to one */
        cl_int error = clEnqueueFillBuffer(device->profiled, buffers[0], &zero, sizeof zero, 0, bytes, 0, NULL, NULL);
        if (!error)
            error = time_copy(device, kernel, buffers, width, bytes, rate);
        bad = error && bench_fail_opencl(error, "measuring copies", message);
    }
    for (int i = 0; i < 2; ++i)
        if (buffers[i])
            clReleaseMemObject(buffers[i]);
    if (kernel)
        clReleaseKernel(kernel);
    return bad ? -1 : 0;
}

int bench_measure_peaks(const struct bench_device *device, struct bench_peaks *peaks, char *message)
{
    /* Widths to try: 1 and 4 on GPUs, the native width and 16 on CPUs. */
    const cl_uint widths[2] = {device->is_cpu ? (device->vector > 1 ? device->vector : 4) : 1, device->is_cpu ? 16 : 4};
    *peaks = (struct bench_peaks){0.0, 0.0};
    for (int i = 0; i < 2; ++i)
        if ((i == 0 || widths[1] != widths[0]) && measure_multiply_add(device, widths[i], &peaks->flops, message))
            return -1;
    return measure_copy(device, device->is_cpu ? 16 : 4, &peaks->bytes, message);
}
