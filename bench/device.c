/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounds of cold_bytes. A GPU's driver may report the cache of one compute unit: the floor exceeds
 * every GPU's last-level cache. On a shared host a program gets only a small share of the CPU's
 * cache: hence the ceiling. */
#define GPU_FLOOR ((cl_ulong)256 << 20)
#define CPU_CEILING ((cl_ulong)1 << 30)

int bench_fail_opencl(cl_int error, const char *call, char *message)
{
    snprintf(message, BENCH_MESSAGE, "%s failed with OpenCL's error %d", call, (int)error);
    return -1;
}

static cl_ulong cold_bytes(const struct bench_device *device, cl_ulong cache)
{
    cl_ulong bytes = 4 * cache;
    if (device->is_cpu && bytes > CPU_CEILING)
        bytes = CPU_CEILING;
    if (!device->is_cpu && bytes < GPU_FLOOR)
        bytes = GPU_FLOOR;
    return bytes < device->global_bytes / 4 ? bytes : device->global_bytes / 4;
}

/* Truncates a text that is too long; OpenCL itself refuses a short buffer. */
static cl_int query_text(cl_device_id device, cl_device_info what, char *text, size_t size)
{
    size_t needed = 0;
    cl_int error = clGetDeviceInfo(device, what, 0, NULL, &needed);
    char *whole = error ? NULL : calloc(needed + 1, 1);
    if (!whole)
        return error ? error : CL_OUT_OF_HOST_MEMORY;
    error = clGetDeviceInfo(device, what, needed, whole, NULL);
    snprintf(text, size, "%s", whole);
    free(whole);
    return error;
}

static cl_int query(struct bench_device *device)
{
    cl_device_type type = 0;
    cl_platform_id platform = NULL;
    cl_ulong cache = 0;
    const struct {
        cl_device_info what;
        size_t size;
        void *value;
    } facts[] = {
        {CL_DEVICE_TYPE, sizeof type, &type},
        {CL_DEVICE_PLATFORM, sizeof platform, &platform},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof device->units, &device->units},
        {CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof device->vector, &device->vector},
        {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof device->global_bytes, &device->global_bytes},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof device->most_bytes, &device->most_bytes},
        {CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, sizeof cache, &cache},
    };
    cl_int error = CL_SUCCESS;
    for (size_t i = 0; i < sizeof facts / sizeof *facts && !error; ++i)
        error = clGetDeviceInfo(device->id, facts[i].what, facts[i].size, facts[i].value, NULL);
    if (!error)
        error = query_text(device->id, CL_DEVICE_NAME, device->name, sizeof device->name);
    if (!error)
        error = query_text(device->id, CL_DRIVER_VERSION, device->driver, sizeof device->driver);
    if (!error)
        error = clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof device->platform, device->platform, NULL);
    device->is_cpu = (type & CL_DEVICE_TYPE_CPU) != 0;
    device->cold_bytes = cold_bytes(device, cache);
    return error;
}

int bench_device_open(const char *which, const clattn_options *options, struct bench_device *device, char *message)
{
    cl_int error = CL_SUCCESS;
    memset(device, 0, sizeof *device);
    clattn_status status = clattn_find_device(which, &device->id);
    if (!status) {
        error = query(device);
        if (!error)
            device->cl = clCreateContext(NULL, 1, &device->id, NULL, NULL, &error);
        if (!error)
            device->plain = clCreateCommandQueue(device->cl, device->id, 0, &error);
        if (!error)
            device->profiled = clCreateCommandQueue(device->cl, device->id, CL_QUEUE_PROFILING_ENABLE, &error);
        if (!error)
            status = clattn_context_create(device->cl, device->id, options, &device->context);
    }
    if (error)
        return bench_fail_opencl(error, "asking for the device, its context or its queues", message);
    if (status)
        snprintf(message, BENCH_MESSAGE, "%.1000s", clattn_last_error());
    return status ? -1 : 0;
}

void bench_device_close(struct bench_device *device)
{
    clattn_context_destroy(device->context);
    if (device->profiled)
        clReleaseCommandQueue(device->profiled);
    if (device->plain)
        clReleaseCommandQueue(device->plain);
    if (device->cl)
        clReleaseContext(device->cl);
}

cl_kernel bench_kernel(const struct bench_device *device, const char *text, const char *name, const char *options,
                       char *message)
{
    cl_int error;
    cl_kernel kernel = NULL;
    cl_program program = clCreateProgramWithSource(device->cl, 1, &text, NULL, &error);
    if (!error)
        error = clBuildProgram(program, 1, &device->id, options, NULL, NULL);
    if (!error)
        kernel = clCreateKernel(program, name, &error);
    if (program)
        clReleaseProgram(program);
    if (error) {
        bench_fail_opencl(error, name, message);
        return NULL;
    }
    return kernel;
}

cl_mem bench_buffer(const struct bench_device *device, size_t bytes, char *message)
{
    cl_int error;
    cl_mem buffer = clCreateBuffer(device->cl, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error) {
        snprintf(message, BENCH_MESSAGE, "no buffer of %zu bytes: OpenCL's error %d", bytes, (int)error);
        return NULL;
    }
    return buffer;
}
