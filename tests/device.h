/* SPDX-License-Identifier: Apache-2.0 */
/* The device that tests run on, from the environment: CLATTN_TEST_DEVICE as for clattn_find_device
 * (default: the best), CLATTN_TEST_ENGINE an engine's name or auto (default). A failure here fails
 * the running cmocka test, so call these functions only from the test's own thread. */
#ifndef CLATTN_TESTS_DEVICE_H
#define CLATTN_TESTS_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* needs the four above */
#include <cmocka.h>

#include "clattn.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct device {
    cl_device_id id;
    cl_context cl;
    cl_command_queue queue; /* in order */
    clattn_context *context;
};

/* Default options, except the environment's engine and no cache on disk. */
clattn_options device_options(void);

void device_open(struct device *device);
void device_close(struct device *device);

/* The same as set-up and teardown of a cmocka group: *state is a struct device. */
int device_setup(void **state);
int device_teardown(void **state);

cl_command_queue device_queue(const struct device *device, cl_command_queue_properties properties);
/* A read-write buffer with `content` (NULL: bytes of 0xff, which are NaN as floats). */
cl_mem device_buffer(cl_context cl, size_t bytes, const void *content);
/* Waits for the queue, then reads the buffer. */
void device_read(cl_command_queue queue, cl_mem buffer, size_t bytes, void *content);

/* Fails unless `call` returns `expected`; for an error also unless clattn_last_error contains
 * `part`. */
#define assert_status(call, expected, part) check_status(#call, (call), expected, part, __FILE__, __LINE__)
#define assert_success(call) assert_status(call, CLATTN_SUCCESS, NULL)
void check_status(const char *call, clattn_status found, clattn_status expected, const char *part, const char *file,
                  int line);

/* Fails, with OpenCL's error, unless `call` returns CL_SUCCESS. */
#define assert_cl(call) check_cl(#call, (call), __FILE__, __LINE__)
void check_cl(const char *call, cl_int found, const char *file, int line);

#endif
