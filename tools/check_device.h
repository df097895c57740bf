/* SPDX-License-Identifier: Apache-2.0 */
/* clattn check: runs the cases of check/ on a device. */
#ifndef CLATTN_TOOLS_CHECK_DEVICE_H
#define CLATTN_TOOLS_CHECK_DEVICE_H

#include "options.h"

#include <stdio.h>

/* The device under test and its OpenCL and clattn objects. */
typedef struct test_device {
    cl_device_id id;
    cl_context cl;
    cl_command_queue queue;
    clattn_context *context;
} test_device;

/* Opens the device and engine of the options; `name` is the verb, for messages. Returns -1, or the
 * exit code after a message; close the device either way. */
int test_device_open(test_device *device, const char *name, const options *o);
void test_device_close(test_device *device);

/* Runs the cases that the options select and prints a table. Returns the exit code. */
int check_device(const options *o);

typedef enum large_outcome { LARGE_PASSED, LARGE_SKIPPED, LARGE_FAILED } large_outcome;

#define LARGE_DIM 64
/* Query rows that give the large tensor more than 2^31 elements. */
#define LARGE_ROWS (((size_t)1 << 31) / LARGE_DIM + 4096)

/* Runs forward and, where memory allows, dQ with (1,1,rows,64) queries and 64 keys. Compares rows
 * near the start, byte 2^32, element 2^31 and the end with the reference. `text` says the result,
 * or why it was skipped. */
large_outcome check_large(const test_device *device, size_t rows, char *text, size_t text_size);

#endif
