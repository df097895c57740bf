/* SPDX-License-Identifier: Apache-2.0 */
#include "devices.h"

#include "clattn.h"
#include "message.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Prints text with the device's index before the first line; the others are indented. */
static void print_below(const char *first, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        printf("%-4s%.*s\n", first, (int)length, text);
        text += length + (text[length] == '\n');
        first = "";
    }
}

/* "[0] NAME (PLATFORM)" */
static void print_name(const char *index, cl_device_id device)
{
    char name[256] = "?";
    char platform_name[256] = "?";
    cl_platform_id platform = NULL;
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL);
    if (clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL) == CL_SUCCESS) {
        clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof platform_name, platform_name, NULL);
    }
    printf("%-4s%s (%s)\n", index, name, platform_name);
}

static bool describe(const char *index, cl_device_id device)
{
    cl_int error = CL_SUCCESS;
    clattn_context *context = NULL;
    progress("device %s", index);
    cl_context cl = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    clattn_status status = CLATTN_SUCCESS;
    if (cl) {
        status = clattn_context_create(cl, device, NULL, &context);
    }
    progress_end();
    if (!cl) {
        print_name(index, device);
        printf("    cannot be used: clCreateContext failed with %d\n", (int)error);
    } else if (status != CLATTN_SUCCESS) {
        print_name(index, device);
        printf("    cannot be used: %s\n", clattn_status_name(status));
        print_below("", clattn_last_error());
    } else {
        print_below(index, clattn_context_describe(context));
    }
    bool usable = context != NULL;
    clattn_context_destroy(context);
    if (cl) {
        clReleaseContext(cl);
    }
    return usable;
}

/* ---- what the library passes over ---- */

static bool is_listed(cl_device_id device, const cl_device_id *listed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (listed[i] == device) {
            return true;
        }
    }
    return false;
}

/* Prints the devices of a platform that the library does not list, and why; or the platform's
 * error. */
static void print_unlisted(cl_platform_id platform, const cl_device_id *listed, size_t count)
{
    cl_uint there = 0;
    char name[256] = "?";
    cl_int error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &there);
    cl_device_id *devices = error || there == 0 ? NULL : calloc(there, sizeof *devices);
    if (devices) {
        error = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, there, devices, NULL);
    }
    for (cl_uint i = 0; devices && !error && i < there; i++) {
        if (!is_listed(devices[i], listed, count)) {
            describe("[-]", devices[i]);
        }
    }
    free(devices);
    if (error && error != CL_DEVICE_NOT_FOUND) {
        clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL);
        printf("[-] platform %s\n    passed over: clGetDeviceIDs failed with %d\n", name, (int)error);
    }
}

static void print_passed_over(const cl_device_id *listed, size_t count)
{
    cl_uint there = 0;
    if (clGetPlatformIDs(0, NULL, &there) != CL_SUCCESS || there == 0) {
        return;
    }
    cl_platform_id *platforms = calloc(there, sizeof *platforms);
    if (platforms && clGetPlatformIDs(there, platforms, NULL) == CL_SUCCESS) {
        for (cl_uint i = 0; i < there; i++) {
            print_unlisted(platforms[i], listed, count);
        }
    }
    free(platforms);
    fflush(stdout);
}

static int no_device(void)
{
    cl_device_id device;
    print_passed_over(NULL, 0);
    const clattn_status status = clattn_find_device(NULL, &device);
    if (status != CLATTN_NO_DEVICE && status != CLATTN_SUCCESS) {
        return library_failed("devices", status);
    }
    return failed("devices: no OpenCL device that can be used; install a driver, or PoCL to run on the CPU (Debian, "
                  "Ubuntu: apt install pocl-opencl-icd)");
}

int devices_list(void)
{
    size_t count = 0;
    size_t usable = 0;
    if (clattn_list_devices(NULL, 0, &count) != CLATTN_SUCCESS || count == 0) {
        return no_device();
    }
    cl_device_id *devices = calloc(count, sizeof *devices);
    if (!devices) {
        return failed("devices: out of host memory");
    }
    size_t found = 0;
    clattn_status status = clattn_list_devices(devices, count, &found);
    found = found < count ? found : count;
    for (size_t i = 0; i < found; i++) {
        char index[32];
        snprintf(index, sizeof index, "[%zu]", i);
        usable += describe(index, devices[i]);
        fflush(stdout);
    }
    print_passed_over(devices, found);
    free(devices);
    if (status != CLATTN_SUCCESS) {
        return library_failed("devices", status);
    }
    return usable > 0 ? EXIT_GOOD : failed("devices: none of %zu can be used", count);
}
