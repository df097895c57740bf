/* SPDX-License-Identifier: Apache-2.0 */
#include "sets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the passes of the case read or write the tensor. */
static int is_used(const struct bench_sets *sets, int slot)
{
    static const unsigned pass[SLOT_COUNT] = {[SLOT_DOUT] = CASE_GRADIENTS,
                                              [SLOT_DQ] = CLATTN_BACKWARD_DQ,
                                              [SLOT_DK] = CLATTN_BACKWARD_DK,
                                              [SLOT_DV] = CLATTN_BACKWARD_DV,
                                              [SLOT_DBIAS] = CLATTN_BACKWARD_DBIAS};
    return sets->data->view[slot].buffer >= 0 && (!pass[slot] || sets->c->passes & pass[slot]) &&
           (slot != SLOT_LSE || sets->c->want_lse);
}

static int is_buffer_used(const struct bench_sets *sets, int n)
{
    int used = 0;
    for (int slot = 0; slot < SLOT_COUNT; ++slot)
        used = used || (sets->data->view[slot].buffer == n && is_used(sets, slot));
    return used;
}

int bench_sets_begin(struct bench_sets *sets, const struct bench_device *device, const struct data_set *data,
                     const struct test_case *c, char *message)
{
    memset(sets, 0, sizeof *sets);
    sets->device = device;
    sets->data = data;
    sets->c = c;
    sets->mem = calloc(1, sizeof *sets->mem);
    if (!sets->mem) {
        snprintf(message, BENCH_MESSAGE, "out of host memory");
        return -1;
    }
    sets->count = 1;
    for (int n = 0; n < data->buffers; ++n) {
        cl_int error;
        if (!is_buffer_used(sets, n))
            continue;
        sets->mem[0][n] = clCreateBuffer(device->cl, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, data->buffer[n].bytes,
                                         data->buffer[n].image, &error);
        if (error) {
            sets->mem[0][n] = NULL;
            return bench_fail_opencl(error, "clCreateBuffer", message);
        }
        sets->bytes += data->buffer[n].bytes;
    }
    return 0;
}

static int copy_first(struct bench_sets *sets, int set, char *message)
{
    for (int n = 0; n < sets->data->buffers; ++n) {
        const size_t bytes = sets->data->buffer[n].bytes;
        if (!sets->mem[0][n])
            continue;
        sets->mem[set][n] = bench_buffer(sets->device, bytes, message);
        if (!sets->mem[set][n])
            return -1;
        const cl_int error =
            clEnqueueCopyBuffer(sets->device->plain, sets->mem[0][n], sets->mem[set][n], 0, 0, bytes, 0, NULL, NULL);
        if (error)
            return bench_fail_opencl(error, "clEnqueueCopyBuffer", message);
    }
    return 0;
}

int bench_sets_multiply(struct bench_sets *sets, char *message)
{
    const cl_ulong wanted = sets->device->cold_bytes / sets->bytes + 1;
    const int count = wanted < MOST_SETS ? (int)wanted : MOST_SETS;
    void *mem = realloc(sets->mem, (size_t)count * sizeof *sets->mem);
    if (!mem) {
        snprintf(message, BENCH_MESSAGE, "out of host memory");
        return -1;
    }
    sets->mem = mem;
    memset(sets->mem + 1, 0, (size_t)(count - 1) * sizeof *sets->mem);
    sets->count = count;
    for (int set = 1; set < count; ++set)
        if (copy_first(sets, set, message))
            return -1;
    const cl_int error = clFinish(sets->device->plain);
    return error ? bench_fail_opencl(error, "clFinish", message) : 0;
}

void bench_sets_free(struct bench_sets *sets)
{
    for (int set = 0; set < sets->count; ++set)
        for (int n = 0; n < SLOT_COUNT; ++n)
            if (sets->mem[set][n])
                clReleaseMemObject(sets->mem[set][n]);
    free(sets->mem);
}

clattn_tensors bench_sets_tensors(const struct bench_sets *sets, int set)
{
    clattn_tensors t = CLATTN_TENSORS_INIT;
    for (int slot = 0; slot < SLOT_COUNT; ++slot) {
        const struct data_view *view = &sets->data->view[slot];
        if (!is_used(sets, slot))
            continue;
        clattn_tensor *tensor = data_tensor(&t, (enum data_slot)slot);
        tensor->mem = sets->mem[set][view->buffer];
        tensor->offset = view->offset;
        memcpy(tensor->stride, view->stride, sizeof view->stride);
    }
    return t;
}

static int read(const struct bench_sets *sets, int set, int n, void *to, char *message)
{
    const cl_int error = clEnqueueReadBuffer(sets->device->plain, sets->mem[set][n], CL_TRUE, 0,
                                             sets->data->buffer[n].bytes, to, 0, NULL, NULL);
    return error ? bench_fail_opencl(error, "clEnqueueReadBuffer", message) : 0;
}

int bench_sets_read(const struct bench_sets *sets, char *message)
{
    for (int n = 0; n < sets->data->buffers; ++n)
        if (sets->data->buffer[n].output && sets->mem[0][n] && read(sets, 0, n, sets->data->buffer[n].image, message))
            return -1;
    return 0;
}

static int compare(const struct bench_sets *sets, int set, int n, char *message)
{
    const struct data_buffer *buffer = &sets->data->buffer[n];
    void *found = malloc(buffer->bytes);
    int bad = 1;
    if (!found)
        snprintf(message, BENCH_MESSAGE, "out of host memory");
    else if (read(sets, set, n, found, message) == 0)
        bad = memcmp(found, buffer->image, buffer->bytes) != 0;
    if (bad && !message[0])
        snprintf(message, BENCH_MESSAGE,
                 "the last run that was timed gave other results than the one that was verified");
    free(found);
    return bad ? -1 : 0;
}

int bench_sets_compare(const struct bench_sets *sets, int set, char *message)
{
    message[0] = '\0';
    for (int n = 0; n < sets->data->buffers; ++n)
        if (sets->data->buffer[n].output && sets->mem[set][n] && compare(sets, set, n, message))
            return -1;
    return 0;
}

/* ---- what a pass reads and writes ---- */

static size_t bytes_of(const struct bench_sets *sets, int slot)
{
    const struct data_view *view = &sets->data->view[slot];
    return is_used(sets, slot) ? data_count(view) * view->element_bytes : 0;
}

size_t bench_input_bytes(const struct bench_sets *sets, unsigned pass)
{
    size_t bytes = 0;
    for (int slot = SLOT_Q; slot < SLOT_OUT; ++slot)
        bytes += slot == SLOT_DOUT ? 0 : bytes_of(sets, slot);
    if (pass & CASE_GRADIENTS)
        bytes += bytes_of(sets, SLOT_DOUT) + bytes_of(sets, SLOT_OUT) + bytes_of(sets, SLOT_LSE);
    return bytes;
}

size_t bench_output_bytes(const struct bench_sets *sets, unsigned pass)
{
    static const struct {
        int slot;
        unsigned pass;
    } outputs[] = {{SLOT_OUT, CLATTN_FORWARD},    {SLOT_LSE, CLATTN_FORWARD},    {SLOT_DQ, CLATTN_BACKWARD_DQ},
                   {SLOT_DK, CLATTN_BACKWARD_DK}, {SLOT_DV, CLATTN_BACKWARD_DV}, {SLOT_DBIAS, CLATTN_BACKWARD_DBIAS}};
    size_t bytes = 0;
    for (size_t n = 0; n < sizeof outputs / sizeof *outputs; ++n)
        if (pass & outputs[n].pass)
            bytes += bytes_of(sets, outputs[n].slot);
    return bytes;
}
