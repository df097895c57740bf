/* SPDX-License-Identifier: Apache-2.0 */
/* clattn check: the cases of check/ on a device. */
#ifndef CLATTN_TOOLS_CHECK_DEVICE_H
#define CLATTN_TOOLS_CHECK_DEVICE_H

#include "options.h"

#include <stdio.h>

/* The device under test, with everything that a case needs. */
typedef struct test_device {
    cl_device_id id;
    cl_context cl;
    cl_command_queue queue;
    clattn_context *context;
} test_device;

/* For the device and the engine of the options; `name` is the verb's, for messages. Returns -1, or the exit code after
 * a message; the device is to be closed in any case. */
int test_device_open(test_device *device, const char *name, const options *o);
void test_device_close(test_device *device);

/* Runs what the options ask for and prints a table. Returns the exit code. */
int check_device(const options *o);

typedef enum large_outcome { LARGE_PASSED, LARGE_SKIPPED, LARGE_FAILED } large_outcome;

#define LARGE_DIM 64
/* Queries of the large tensor: it has more than 2^31 elements. */
#define LARGE_ROWS (((size_t)1 << 31) / LARGE_DIM + 4096)

/* Forward, and where memory allows dQ, of (1,1,rows,64) queries against 64 keys, compared with the reference on rows
 * near the start, the end, and the 2^32nd byte and 2^31st element. `text` says what was found, or why it was skipped.
 */
large_outcome check_large(const test_device *device, size_t rows, char *text, size_t text_size);

#endif
