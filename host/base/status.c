/* SPDX-License-Identifier: Apache-2.0 */
/* Status names, and the last error of each thread. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define THREAD_LOCAL _Thread_local
#elif defined(_MSC_VER)
#define THREAD_LOCAL __declspec(thread)
#else
#define THREAD_LOCAL __thread
#endif

static THREAD_LOCAL char last_error[sizeof((struct clattn__error *)NULL)->text];
static THREAD_LOCAL cl_int last_opencl_error;

int clattn_version(void)
{
    return CLATTN_VERSION;
}

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *clattn_version_string(void)
{
    return TEXT(CLATTN_VERSION_MAJOR) "." TEXT(CLATTN_VERSION_MINOR) "." TEXT(CLATTN_VERSION_PATCH);
}

const char *clattn_status_name(clattn_status status)
{
    switch (status) {
#define STATUS_NAME(name, value, sentence)                                                                             \
    case name:                                                                                                         \
        return #name;
        CLATTN_STATUS_LIST(STATUS_NAME)
    }
    return "CLATTN_UNKNOWN";
}

const char *clattn_status_message(clattn_status status)
{
    switch (status) {
#define STATUS_MESSAGE(name, value, sentence)                                                                          \
    case name:                                                                                                         \
        return sentence;
        CLATTN_STATUS_LIST(STATUS_MESSAGE)
    }
    return "not a status of clattn";
}

const char *clattn_last_error(void)
{
    return last_error;
}

cl_int clattn_last_opencl_error(void)
{
    return last_opencl_error;
}

clattn_status clattn__fail(clattn_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof last_error, format, arguments);
    va_end(arguments);
    last_opencl_error = CL_SUCCESS;
    return status;
}

clattn_status clattn__fail_opencl(cl_int error, const char *call)
{
    const clattn_status status = error == CL_OUT_OF_HOST_MEMORY ? CLATTN_OUT_OF_MEMORY : CLATTN_OPENCL_ERROR;
    clattn__fail(status, "%s failed with %s (%d)", call, clattn__opencl_error_name(error), (int)error);
    last_opencl_error = error;
    return status;
}

void clattn__error_keep(struct clattn__error *kept)
{
    memcpy(kept->text, last_error, sizeof last_error);
    kept->opencl = last_opencl_error;
}

void clattn__error_restore(const struct clattn__error *kept)
{
    memcpy(last_error, kept->text, sizeof last_error);
    last_opencl_error = kept->opencl;
}

const char *clattn__opencl_error_name(cl_int error)
{
    static const struct {
        cl_int error;
        const char *name;
    } names[] = {
#define ERROR_NAME(name) {name, #name}
        ERROR_NAME(CL_SUCCESS),
        ERROR_NAME(CL_DEVICE_NOT_FOUND),
        ERROR_NAME(CL_DEVICE_NOT_AVAILABLE),
        ERROR_NAME(CL_COMPILER_NOT_AVAILABLE),
        ERROR_NAME(CL_MEM_OBJECT_ALLOCATION_FAILURE),
        ERROR_NAME(CL_OUT_OF_RESOURCES),
        ERROR_NAME(CL_OUT_OF_HOST_MEMORY),
        ERROR_NAME(CL_PROFILING_INFO_NOT_AVAILABLE),
        ERROR_NAME(CL_BUILD_PROGRAM_FAILURE),
        ERROR_NAME(CL_MAP_FAILURE),
        ERROR_NAME(CL_MISALIGNED_SUB_BUFFER_OFFSET),
        ERROR_NAME(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST),
        ERROR_NAME(CL_INVALID_VALUE),
        ERROR_NAME(CL_INVALID_PLATFORM),
        ERROR_NAME(CL_INVALID_DEVICE),
        ERROR_NAME(CL_INVALID_CONTEXT),
        ERROR_NAME(CL_INVALID_QUEUE_PROPERTIES),
        ERROR_NAME(CL_INVALID_COMMAND_QUEUE),
        ERROR_NAME(CL_INVALID_MEM_OBJECT),
        ERROR_NAME(CL_INVALID_BINARY),
        ERROR_NAME(CL_INVALID_BUILD_OPTIONS),
        ERROR_NAME(CL_INVALID_PROGRAM),
        ERROR_NAME(CL_INVALID_PROGRAM_EXECUTABLE),
        ERROR_NAME(CL_INVALID_KERNEL_NAME),
        ERROR_NAME(CL_INVALID_KERNEL),
        ERROR_NAME(CL_INVALID_ARG_INDEX),
        ERROR_NAME(CL_INVALID_ARG_VALUE),
        ERROR_NAME(CL_INVALID_ARG_SIZE),
        ERROR_NAME(CL_INVALID_KERNEL_ARGS),
        ERROR_NAME(CL_INVALID_WORK_DIMENSION),
        ERROR_NAME(CL_INVALID_WORK_GROUP_SIZE),
        ERROR_NAME(CL_INVALID_WORK_ITEM_SIZE),
        ERROR_NAME(CL_INVALID_GLOBAL_OFFSET),
        ERROR_NAME(CL_INVALID_EVENT_WAIT_LIST),
        ERROR_NAME(CL_INVALID_EVENT),
        ERROR_NAME(CL_INVALID_OPERATION),
        ERROR_NAME(CL_INVALID_BUFFER_SIZE),
        ERROR_NAME(CL_INVALID_GLOBAL_WORK_SIZE),
#undef ERROR_NAME
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); ++i)
        if (names[i].error == error)
            return names[i].name;
    return "an OpenCL error";
}
