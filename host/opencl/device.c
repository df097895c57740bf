/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about a device. Only this file, and an engine's own, may depend on names. */
#include "opencl/device.h"
#include "attention/args.h"
#include "attention/args_list.h"

#include <stdio.h>
#include <string.h>

static const clattn_allocator heap = {NULL, NULL, NULL};

static cl_int query(cl_device_id device, cl_device_info what, void *value, size_t bytes)
{
    return clGetDeviceInfo(device, what, bytes, value, NULL);
}

/* Copies at most `bytes`, with '?' for control characters: they would move a terminal's cursor or
 * end a line of a file. */
static void keep_text(char *text, size_t bytes, const char *whole)
{
    size_t length = 0;
    for (; whole[length] && length + 1 < bytes; ++length)
        text[length] = (unsigned char)whole[length] < ' ' || whole[length] == 127 ? '?' : whole[length];
    text[length] = '\0';
}

/* A text of the device, or of its platform if given, cut to `bytes`. OpenCL refuses a query into a
 * buffer that is too short. */
static cl_int query_text(cl_device_id device, cl_platform_id platform, cl_uint what, char *text, size_t bytes)
{
    size_t needed = 0;
    cl_int error = platform ? clGetPlatformInfo(platform, what, 0, NULL, &needed)
                            : clGetDeviceInfo(device, what, 0, NULL, &needed);
    char *whole = error ? NULL : clattn__allocate(&heap, needed + 1);
    if (!whole)
        return error ? error : CL_OUT_OF_HOST_MEMORY;
    error = platform ? clGetPlatformInfo(platform, what, needed, whole, NULL)
                     : clGetDeviceInfo(device, what, needed, whole, NULL);
    keep_text(text, bytes, whole);
    clattn__release(&heap, whole);
    return error;
}

static clattn_status query_platform(cl_device_id device, struct clattn__device *facts)
{
    cl_platform_id platform;
    char name[61] = "", version[61] = "";
    cl_int error = query(device, CL_DEVICE_PLATFORM, &platform, sizeof platform);
    if (error)
        return clattn__fail_opencl(error, "clGetDeviceInfo");
    error = query_text(device, platform, CL_PLATFORM_NAME, name, sizeof name);
    if (!error)
        error = query_text(device, platform, CL_PLATFORM_VERSION, version, sizeof version);
    if (error)
        return clattn__fail_opencl(error, "clGetPlatformInfo");
    snprintf(facts->platform, sizeof facts->platform, "%s, %s", name, version);
    facts->caches_binaries = facts->compiles_at_launch = strcmp(name, "Portable Computing Language") == 0;
    return CLATTN_SUCCESS;
}

/* ---- whether kernels can run on a device ---- */

/* Buffer arguments of the kernel that has most. */
#define COUNT(when, kind, name) +1
enum { MOST_BUFFERS = BACKWARD_FUSED_ARGS(COUNT) };

struct usability {
    cl_device_type type;
    cl_bool available, compiler, little_endian;
    cl_device_fp_config float32;
    size_t parameter_bytes;
    cl_uint address_bits;
};

static cl_int query_usability(cl_device_id device, struct usability *u)
{
    const struct {
        cl_device_info what;
        void *value;
        size_t bytes;
    } facts[] = {
        {CL_DEVICE_TYPE, &u->type, sizeof u->type},
        {CL_DEVICE_AVAILABLE, &u->available, sizeof u->available},
        {CL_DEVICE_COMPILER_AVAILABLE, &u->compiler, sizeof u->compiler},
        {CL_DEVICE_ENDIAN_LITTLE, &u->little_endian, sizeof u->little_endian},
        {CL_DEVICE_SINGLE_FP_CONFIG, &u->float32, sizeof u->float32},
        {CL_DEVICE_MAX_PARAMETER_SIZE, &u->parameter_bytes, sizeof u->parameter_bytes},
        {CL_DEVICE_ADDRESS_BITS, &u->address_bits, sizeof u->address_bits},
    };
    cl_int error = CL_SUCCESS;
    for (size_t i = 0; !error && i < ARRAY_SIZE(facts); ++i)
        error = query(device, facts[i].what, facts[i].value, facts[i].bytes);
    return error;
}

clattn_status clattn__device_check(cl_device_id device)
{
    struct usability u;
    char name[128];
    cl_int error = query_usability(device, &u);
    if (!error)
        error = query_text(device, NULL, CL_DEVICE_NAME, name, sizeof name);
    if (error)
        return clattn__fail_opencl(error, "clGetDeviceInfo");
    const size_t wanted = sizeof(struct call) + MOST_BUFFERS * (u.address_bits / 8);
    const char *why = u.type & CL_DEVICE_TYPE_CUSTOM ? "is a custom device, which runs built-in kernels only"
                      : !u.available                 ? "is not available (CL_DEVICE_AVAILABLE)"
                      : !u.compiler                  ? "has no compiler for OpenCL C (CL_DEVICE_COMPILER_AVAILABLE)"
                      : !u.little_endian             ? "is big-endian (CL_DEVICE_ENDIAN_LITTLE)"
                      : !(u.float32 & CL_FP_INF_NAN)
                          ? "has no infinities in float32 (CL_DEVICE_SINGLE_FP_CONFIG), which masks need"
                          : NULL;
    if (why)
        return clattn__fail(CLATTN_DEVICE_LIMIT, "%s %s", name, why);
    if (u.parameter_bytes < wanted)
        return clattn__fail(CLATTN_DEVICE_LIMIT,
                            "%s takes %zu bytes of arguments to a kernel (CL_DEVICE_MAX_PARAMETER_SIZE); clattn's "
                            "kernels need up to %zu",
                            name, u.parameter_bytes, wanted);
    return CLATTN_SUCCESS;
}

/* ---- facts ---- */

/* Most items of a one-dimensional work-group: the smaller of two limits. */
static cl_int query_max_group(cl_device_id device, size_t *most)
{
    size_t along[16]; /* each dimension; OpenCL has three */
    cl_int error = query(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, most, sizeof *most);
    if (!error)
        error = query(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, along, sizeof along);
    if (!error && along[0] < *most)
        *most = along[0];
    return error;
}

/* Above any machine; keeps sums that use it from overflowing. */
enum { MOST_UNITS = 1 << 20 };

clattn_status clattn__device_query(cl_device_id device, struct clattn__device *facts)
{
    memset(facts, 0, sizeof *facts);
    cl_ulong local = 0;
    cl_uint width = 0, units = 0;
    cl_int error = query(device, CL_DEVICE_TYPE, &facts->type, sizeof facts->type);
    if (!error)
        error = query_text(device, NULL, CL_DEVICE_NAME, facts->name, sizeof facts->name);
    if (!error)
        error = query_text(device, NULL, CL_DRIVER_VERSION, facts->driver, sizeof facts->driver);
    if (!error)
        error = query(device, CL_DEVICE_LOCAL_MEM_SIZE, &local, sizeof local);
    if (!error)
        error = query_max_group(device, &facts->max_group);
    if (!error)
        error = query(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &width, sizeof width);
    if (!error)
        error = query(device, CL_DEVICE_MAX_COMPUTE_UNITS, &units, sizeof units);
    if (!error)
        error = query(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &facts->max_alloc_bytes, sizeof facts->max_alloc_bytes);
    if (!error)
        error = query(device, CL_DEVICE_GLOBAL_MEM_SIZE, &facts->global_bytes, sizeof facts->global_bytes);
    if (!error)
        error = query(device, CL_DEVICE_ADDRESS_BITS, &facts->address_bits, sizeof facts->address_bits);
    if (error)
        return clattn__fail_opencl(error, "clGetDeviceInfo");
    facts->local_bytes = local < SIZE_MAX ? (size_t)local : SIZE_MAX;
    facts->float_width = width < 16 ? (int)width : 16;
    facts->compute_units = units ? (int)(units < MOST_UNITS ? units : MOST_UNITS) : 1;
    return query_platform(device, facts);
}

clattn_engine clattn__device_engine(const struct clattn__device *facts)
{
    return facts->type & CL_DEVICE_TYPE_CPU ? CLATTN_ENGINE_CPU : CLATTN_ENGINE_SIMT;
}
