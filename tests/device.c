/* SPDX-License-Identifier: Apache-2.0 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

void check_status(const char *call, clattn_status found, clattn_status expected, const char *part, const char *file,
                  int line)
{
    if (found != expected) {
        print_error("%s\n    gave %s, expected %s; the last error is: %s\n", call, clattn_status_name(found),
                    clattn_status_name(expected), clattn_last_error());
        _fail(file, line);
    }
    if (expected != CLATTN_SUCCESS && part != NULL && strstr(clattn_last_error(), part) == NULL) {
        print_error("%s\n    gave %s as it must, but its sentence lacks \"%s\": %s\n", call, clattn_status_name(found),
                    part, clattn_last_error());
        _fail(file, line);
    }
}

void check_cl(const char *call, cl_int found, const char *file, int line)
{
    if (found != CL_SUCCESS) {
        print_error("%s\n    gave OpenCL error %d\n", call, (int)found);
        _fail(file, line);
    }
}

static clattn_engine engine_of_environment(void)
{
    const char *name = getenv("CLATTN_TEST_ENGINE");
    int engine = 0;

    if (name == NULL || name[0] == '\0') {
        return CLATTN_ENGINE_AUTO;
    }
    while (clattn_engine_name((clattn_engine)engine) != NULL &&
           strcmp(name, clattn_engine_name((clattn_engine)engine)) != 0) {
        engine++;
    }
    if (clattn_engine_name((clattn_engine)engine) == NULL) {
        fail_msg("CLATTN_TEST_ENGINE is \"%s\"; it must be the name of an engine", name);
    }
    return (clattn_engine)engine;
}

clattn_options device_options(void)
{
    clattn_options options = CLATTN_OPTIONS_INIT;

    options.engine = engine_of_environment();
    options.cache_dir = "";
    return options;
}

void device_open(struct device *device)
{
    clattn_options options = device_options();
    cl_int error;

    memset(device, 0, sizeof *device);
    assert_success(clattn_find_device(getenv("CLATTN_TEST_DEVICE"), &device->id));
    device->cl = clCreateContext(NULL, 1, &device->id, NULL, NULL, &error);
    assert_cl(error);
    device->queue = device_queue(device, 0);
    assert_success(clattn_context_create(device->cl, device->id, &options, &device->context));
}

void device_close(struct device *device)
{
    clattn_context_destroy(device->context);
    assert_cl(clReleaseCommandQueue(device->queue));
    assert_cl(clReleaseContext(device->cl));
}

int device_setup(void **state)
{
    static struct device device;

    device_open(&device);
    *state = &device;
    return 0;
}

int device_teardown(void **state)
{
    device_close(*state);
    return 0;
}

cl_command_queue device_queue(const struct device *device, cl_command_queue_properties properties)
{
    cl_int error;
    cl_command_queue queue = clCreateCommandQueue(device->cl, device->id, properties, &error);

    assert_cl(error);
    return queue;
}

cl_mem device_buffer(cl_context cl, size_t bytes, const void *content)
{
    void *nothing = content == NULL ? malloc(bytes) : NULL;
    cl_mem buffer;
    cl_int error;

    if (content == NULL) {
        assert_non_null(nothing);
        memset(nothing, 0xff, bytes);
        content = nothing;
    }
    /* the copy is only read */
    buffer = clCreateBuffer(cl, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, (void *)(uintptr_t)content, &error);
    free(nothing);
    assert_cl(error);
    return buffer;
}

void device_read(cl_command_queue queue, cl_mem buffer, size_t bytes, void *content)
{
    assert_cl(clFinish(queue));
    assert_cl(clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, bytes, content, 0, NULL, NULL));
}
