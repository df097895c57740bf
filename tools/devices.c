#include "devices.h"

#include "clattn.h"
#include "message.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Text line by line, the first behind the device's index, the others below it. */
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
static void print_name(size_t index, cl_device_id device)
{
    char name[256] = "?";
    char platform_name[256] = "?";
    cl_platform_id platform = NULL;
    clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL);
    if (clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL) == CL_SUCCESS) {
        clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof platform_name, platform_name, NULL);
    }
    printf("[%zu] %s (%s)\n", index, name, platform_name);
}

static bool describe(size_t index, cl_device_id device)
{
    cl_int error = CL_SUCCESS;
    clattn_context *context = NULL;
    progress("device %zu", index);
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
        char first[32];
        snprintf(first, sizeof first, "[%zu]", index);
        print_below(first, clattn_context_describe(context));
    }
    bool usable = context != NULL;
    clattn_context_destroy(context);
    if (cl) {
        clReleaseContext(cl);
    }
    return usable;
}

int devices_list(void)
{
    size_t count = 0;
    size_t usable = 0;
    clattn_status status = clattn_list_devices(NULL, 0, &count);
    if (status != CLATTN_SUCCESS) {
        return library_failed("devices", status);
    }
    if (count == 0) {
        return failed("devices: no OpenCL device; install a driver, or PoCL to run on the CPU (Debian, Ubuntu: "
                      "apt install pocl-opencl-icd)");
    }
    cl_device_id *devices = calloc(count, sizeof *devices);
    if (!devices) {
        return failed("devices: out of host memory");
    }
    size_t found = 0;
    status = clattn_list_devices(devices, count, &found);
    for (size_t i = 0; i < count && i < found && status == CLATTN_SUCCESS; i++) {
        usable += describe(i, devices[i]);
        fflush(stdout);
    }
    free(devices);
    if (status != CLATTN_SUCCESS) {
        return library_failed("devices", status);
    }
    return usable > 0 ? EXIT_GOOD : failed("devices: none of %zu can be used", count);
}
