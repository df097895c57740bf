/* SPDX-License-Identifier: Apache-2.0 */
/* The device to measure: OpenCL objects, properties, and building of the bench's kernels. */
#ifndef CLATTN_BENCH_DEVICE_H
#define CLATTN_BENCH_DEVICE_H

#include "clattn.h"

#define BENCH_MESSAGE 1024 /* bytes; enough for any message */

struct bench_device {
    cl_device_id id;
    cl_context cl;
    cl_command_queue plain;    /* in order; for the wall clock, as profiling may slow it */
    cl_command_queue profiled; /* in order, with profiling */
    clattn_context *context;
    char name[256], driver[128], platform[256];
    int is_cpu;
    cl_uint units, vector;             /* compute units; native vector width of float */
    cl_ulong global_bytes, most_bytes; /* memory of the device; limit of one buffer */
    cl_ulong cold_bytes;               /* more bytes than the caches hold: see device.c */
};

/* Returns 0, or -1 with a sentence in `message`; close the device either way. */
int bench_device_open(const char *which, const clattn_options *options, struct bench_device *device, char *message);
void bench_device_close(struct bench_device *device);

/* Builds a kernel of `text` with `options`. NULL, and a sentence in `message`, if that fails. */
cl_kernel bench_kernel(const struct bench_device *device, const char *text, const char *name, const char *options,
                       char *message);

/* Makes an uninitialised buffer. NULL, and a sentence in `message`, if that fails. */
cl_mem bench_buffer(const struct bench_device *device, size_t bytes, char *message);

/* Writes the failed call and its error to `message`. Returns -1. */
int bench_fail_opencl(cl_int error, const char *call, char *message);

#endif
