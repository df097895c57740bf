/* Facts about a device. The one place outside an engine's own file that may look at names. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

static cl_int query(cl_device_id device, cl_device_info what, void *value, size_t bytes)
{
    return clGetDeviceInfo(device, what, bytes, value, NULL);
}

/* Text that is longer is cut. */
static cl_int query_text(cl_device_id device, cl_device_info what, char *text, size_t bytes)
{
    char whole[1024] = "";
    const cl_int error = clGetDeviceInfo(device, what, sizeof whole, whole, NULL);
    whole[sizeof whole - 1] = '\0';
    snprintf(text, bytes, "%.*s", (int)bytes - 1, whole);
    return error;
}

static clattn_status query_platform(cl_device_id device, struct clattn__device *facts)
{
    cl_platform_id platform;
    char name[512] = "", version[512] = "";
    cl_int error = query(device, CL_DEVICE_PLATFORM, &platform, sizeof platform);
    if (error)
        return clattn__fail_opencl(error, "clGetDeviceInfo");
    error = clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL);
    if (!error)
        error = clGetPlatformInfo(platform, CL_PLATFORM_VERSION, sizeof version, version, NULL);
    if (error)
        return clattn__fail_opencl(error, "clGetPlatformInfo");
    snprintf(facts->platform, sizeof facts->platform, "%.60s, %.60s", name, version);
    facts->caches_binaries = strcmp(name, "Portable Computing Language") == 0;
    return CLATTN_SUCCESS;
}

clattn_status clattn__device_query(cl_device_id device, struct clattn__device *facts)
{
    memset(facts, 0, sizeof *facts);
    cl_ulong local = 0;
    cl_uint width = 0, units = 0;
    cl_int error = query(device, CL_DEVICE_TYPE, &facts->type, sizeof facts->type);
    if (!error)
        error = query_text(device, CL_DEVICE_NAME, facts->name, sizeof facts->name);
    if (!error)
        error = query_text(device, CL_DRIVER_VERSION, facts->driver, sizeof facts->driver);
    if (!error)
        error = query(device, CL_DEVICE_LOCAL_MEM_SIZE, &local, sizeof local);
    if (!error)
        error = query(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, &facts->max_group, sizeof facts->max_group);
    if (!error)
        error = query(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, &width, sizeof width);
    if (!error)
        error = query(device, CL_DEVICE_MAX_COMPUTE_UNITS, &units, sizeof units);
    if (!error)
        error = query(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE, &facts->max_alloc_bytes, sizeof facts->max_alloc_bytes);
    if (!error)
        error = query(device, CL_DEVICE_GLOBAL_MEM_SIZE, &facts->global_bytes, sizeof facts->global_bytes);
    if (error)
        return clattn__fail_opencl(error, "clGetDeviceInfo");
    facts->local_bytes = (size_t)local;
    facts->float_width = (int)width;
    facts->compute_units = units ? (int)units : 1;
    return query_platform(device, facts);
}

clattn_engine clattn__device_engine(const struct clattn__device *facts)
{
    return facts->type & CL_DEVICE_TYPE_CPU ? CLATTN_ENGINE_CPU : CLATTN_ENGINE_SIMT;
}
