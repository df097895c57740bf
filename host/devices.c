/* Finding a device: the only file that enumerates platforms, for the runner and for tools. */
#include "internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const clattn_allocator heap = {NULL, NULL, NULL};

/* CL_PLATFORM_NOT_FOUND_KHR of the loader: no platform at all. */
enum { PLATFORM_NOT_FOUND = -1001 };

/* Adds the devices of a platform behind the first *count. */
static clattn_status add_devices(cl_platform_id platform, cl_device_id *devices, size_t capacity, size_t *count)
{
    cl_uint found = 0;
    const cl_int error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &found);
    if (error == CL_DEVICE_NOT_FOUND || (!error && found == 0))
        return CLATTN_SUCCESS;
    if (error)
        return clattn__fail_opencl(error, "clGetDeviceIDs");
    if (*count < capacity) {
        const size_t room = capacity - *count;
        const cl_int again =
            clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, found < room ? found : (cl_uint)room, devices + *count, NULL);
        if (again)
            return clattn__fail_opencl(again, "clGetDeviceIDs");
    }
    *count += found;
    return CLATTN_SUCCESS;
}

clattn_status clattn_list_devices(cl_device_id *devices, size_t capacity, size_t *count)
{
    if (!count || (!devices && capacity))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", count ? "devices" : "count");
    *count = 0;
    cl_uint platform_count = 0;
    cl_int error = clGetPlatformIDs(0, NULL, &platform_count);
    if (error == PLATFORM_NOT_FOUND || (!error && platform_count == 0))
        return CLATTN_SUCCESS;
    if (error)
        return clattn__fail_opencl(error, "clGetPlatformIDs");
    cl_platform_id *platforms = clattn__allocate(&heap, platform_count * sizeof *platforms);
    if (!platforms)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for %u platforms", (unsigned)platform_count);
    error = clGetPlatformIDs(platform_count, platforms, NULL);
    clattn_status status = error ? clattn__fail_opencl(error, "clGetPlatformIDs") : CLATTN_SUCCESS;
    for (cl_uint i = 0; !status && i < platform_count; ++i)
        status = add_devices(platforms[i], devices, capacity, count);
    clattn__release(&heap, platforms);
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

/* The first device of the best type there is. */
static clattn_status best_device(const cl_device_id *devices, size_t count, cl_device_id *device)
{
    static const cl_device_type order[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ACCELERATOR, CL_DEVICE_TYPE_ALL};
    for (size_t k = 0; k < ARRAY_SIZE(order); ++k)
        for (size_t i = 0; i < count; ++i) {
            cl_device_type type = 0;
            const cl_int error = clGetDeviceInfo(devices[i], CL_DEVICE_TYPE, sizeof type, &type, NULL);
            if (error)
                return clattn__fail_opencl(error, "clGetDeviceInfo");
            if (type & order[k]) {
                *device = devices[i];
                return CLATTN_SUCCESS;
            }
        }
    return clattn__fail(CLATTN_NO_DEVICE,
                        "there is no OpenCL device; is a driver installed? clinfo lists what the loader sees");
}

static clattn_status named_device(const cl_device_id *devices, size_t count, const char *which, cl_device_id *device)
{
    struct clattn__text names = {.allocator = &heap};
    clattn_status status = CLATTN_NO_DEVICE;
    for (size_t i = 0; i < count && status == CLATTN_NO_DEVICE; ++i) {
        struct clattn__device facts;
        const clattn_status queried = clattn__device_query(devices[i], &facts);
        if (queried) {
            status = queried;
        } else if (contains_word(facts.name, which) || contains_word(facts.platform, which)) {
            *device = devices[i];
            status = CLATTN_SUCCESS;
        } else {
            clattn__text_add(&names, "%s%zu: %s (%s)", i ? "; " : "", i, facts.name, facts.platform);
        }
    }
    if (status == CLATTN_NO_DEVICE)
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

clattn_status clattn_find_device(const char *which, cl_device_id *device)
{
    if (!device)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "device is NULL");
    *device = NULL;
    size_t count = 0, listed = 0;
    clattn_status status = clattn_list_devices(NULL, 0, &count);
    if (status)
        return status;
    cl_device_id *devices = clattn__allocate(&heap, count * sizeof *devices);
    if (!devices)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for %zu devices", count);
    status = clattn_list_devices(devices, count, &listed);
    if (!status)
        status = choose_device(devices, listed < count ? listed : count, which, device);
    clattn__release(&heap, devices);
    return status;
}
