/* SPDX-License-Identifier: Apache-2.0 */
/* Finds devices: the only file that enumerates platforms, for the runner and for tools. */
#include "opencl/device.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const clattn_allocator heap = {NULL, NULL, NULL};

/* The loader's CL_PLATFORM_NOT_FOUND_KHR: no platform at all. */
enum { PLATFORM_NOT_FOUND = -1001 };

/* Devices found by a scan of all platforms, and why others were skipped. */
struct scan {
    cl_device_id *devices;
    size_t capacity, count;
    /* Of the first platform or device that failed; if none did, of the first unusable device. */
    clattn_status passed_over;
    struct clattn__error error;
};

/* Notes why a platform or device is skipped: a broken driver or an unusable device must not hide
 * the others. */
static void pass_over(struct scan *scan, clattn_status status)
{
    if (scan->passed_over && (scan->passed_over != CLATTN_DEVICE_LIMIT || status == CLATTN_DEVICE_LIMIT))
        return;
    scan->passed_over = status;
    clattn__error_keep(&scan->error);
}

static void add_device(struct scan *scan, cl_device_id device)
{
    const clattn_status status = clattn__device_check(device);
    if (status) {
        pass_over(scan, status);
        return;
    }
    if (scan->count < scan->capacity)
        scan->devices[scan->count] = device;
    ++scan->count;
}

/* Fails only if host memory is out. */
static clattn_status add_platform(struct scan *scan, cl_platform_id platform)
{
    cl_uint count = 0;
    cl_int error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &count);
    if (error == CL_DEVICE_NOT_FOUND || (!error && count == 0))
        return CLATTN_SUCCESS;
    if (error) {
        pass_over(scan, clattn__fail_opencl(error, "clGetDeviceIDs"));
        return CLATTN_SUCCESS;
    }
    cl_device_id *devices = clattn__allocate(&heap, count * sizeof *devices);
    if (!devices)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for %u devices", (unsigned)count);
    error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, count, devices, NULL);
    if (error)
        pass_over(scan, clattn__fail_opencl(error, "clGetDeviceIDs"));
    for (cl_uint i = 0; !error && i < count; ++i)
        add_device(scan, devices[i]);
    clattn__release(&heap, devices);
    return CLATTN_SUCCESS;
}

static clattn_status add_platforms(struct scan *scan)
{
    cl_uint count = 0;
    cl_int error = clGetPlatformIDs(0, NULL, &count);
    if (error == PLATFORM_NOT_FOUND || (!error && count == 0))
        return CLATTN_SUCCESS;
    if (error)
        return clattn__fail_opencl(error, "clGetPlatformIDs");
    cl_platform_id *platforms = clattn__allocate(&heap, count * sizeof *platforms);
    if (!platforms)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for %u platforms", (unsigned)count);
    error = clGetPlatformIDs(count, platforms, NULL);
    clattn_status status = error ? clattn__fail_opencl(error, "clGetPlatformIDs") : CLATTN_SUCCESS;
    for (cl_uint i = 0; !status && i < count; ++i)
        status = add_platform(scan, platforms[i]);
    clattn__release(&heap, platforms);
    return status;
}

/* Fails if no device is left and something failed; an unusable device is no failure. */
static clattn_status scan_all(struct scan *scan, cl_device_id *devices, size_t capacity)
{
    struct clattn__error before;
    clattn__error_keep(&before);
    scan->devices = devices;
    scan->capacity = capacity;
    scan->count = 0;
    scan->passed_over = CLATTN_SUCCESS;
    clattn_status status = add_platforms(scan);
    if (status)
        return status;
    if (scan->count == 0 && scan->passed_over != CLATTN_DEVICE_LIMIT)
        status = scan->passed_over;
    clattn__error_restore(status ? &scan->error : &before);
    return status;
}

clattn_status clattn_list_devices(cl_device_id *devices, size_t capacity, size_t *count)
{
    struct scan scan;
    if (!count || (!devices && capacity))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", count ? "devices" : "count");
    const clattn_status status = scan_all(&scan, devices, capacity);
    *count = status ? 0 : scan.count;
    return status;
}

static bool contains_word(const char *text, const char *part)
{
    const size_t length = strlen(part);
    for (; *text; ++text) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
            ++i;
        if (i == length)
            return true;
    }
    return false;
}

/* The first device of the best type; devices that do not report their type are skipped. */
static clattn_status best_device(const cl_device_id *devices, size_t count, cl_device_id *device)
{
    clattn_status status = CLATTN_NO_DEVICE;
    int best = 3;
    for (size_t i = 0; i < count; ++i) {
        cl_device_type type = 0;
        const cl_int error = clGetDeviceInfo(devices[i], CL_DEVICE_TYPE, sizeof type, &type, NULL);
        const int place = type & CL_DEVICE_TYPE_GPU ? 0 : type & CL_DEVICE_TYPE_ACCELERATOR ? 1 : 2;
        if (error) {
            status = clattn__fail_opencl(error, "clGetDeviceInfo");
        } else if (place < best) {
            best = place;
            *device = devices[i];
        }
    }
    return *device ? CLATTN_SUCCESS : status;
}

static clattn_status named_device(const cl_device_id *devices, size_t count, const char *which, cl_device_id *device)
{
    struct clattn__text names = {.allocator = &heap};
    clattn_status status = CLATTN_NO_DEVICE;
    for (size_t i = 0; i < count && !*device; ++i) {
        struct clattn__device facts;
        const clattn_status queried = clattn__device_query(devices[i], &facts);
        if (queried) {
            status = queried;
        } else if (contains_word(facts.name, which) || contains_word(facts.platform, which)) {
            *device = devices[i];
        } else {
            clattn__text_add(&names, "%s%zu: %s (%s)", i ? "; " : "", i, facts.name, facts.platform);
        }
    }
    if (*device)
        status = CLATTN_SUCCESS;
    else if (status == CLATTN_NO_DEVICE)
        clattn__fail(status, "no device is called \"%s\"; there is %s", which, names.length ? names.chars : "none");
    clattn__text_free(&names);
    return status;
}

static clattn_status choose_device(const cl_device_id *devices, size_t count, const char *which, cl_device_id *device)
{
    if (!which || !*which)
        return best_device(devices, count, device);
    char *end;
    const unsigned long index = strtoul(which, &end, 10);
    if (*end || !isdigit((unsigned char)which[0]))
        return named_device(devices, count, which, device);
    if (index >= count)
        return clattn__fail(CLATTN_NO_DEVICE, "there is no device %s; there are %zu, counted from 0", which, count);
    *device = devices[index];
    return CLATTN_SUCCESS;
}

static clattn_status fail_without_devices(const struct scan *scan)
{
    if (scan->passed_over)
        return clattn__fail(CLATTN_NO_DEVICE, "there is no OpenCL device that clattn can use: %.4000s",
                            scan->error.text);
    return clattn__fail(CLATTN_NO_DEVICE,
                        "there is no OpenCL device; is a driver installed? clinfo lists what the loader sees");
}

clattn_status clattn_find_device(const char *which, cl_device_id *device)
{
    struct scan scan;
    struct clattn__error before;
    if (!device)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "device is NULL");
    *device = NULL;
    clattn_status status = scan_all(&scan, NULL, 0);
    if (status)
        return status;
    const size_t count = scan.count;
    cl_device_id *devices = clattn__allocate(&heap, count * sizeof *devices);
    if (!devices)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for %zu devices", count);
    clattn__error_keep(&before);
    status = scan_all(&scan, devices, count);
    if (!status && scan.count == 0)
        status = fail_without_devices(&scan);
    if (!status)
        status = choose_device(devices, scan.count < count ? scan.count : count, which, device);
    if (!status)
        clattn__error_restore(&before);
    clattn__release(&heap, devices);
    return status;
}
