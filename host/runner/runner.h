/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the runner's files: its device, and the transfer of a run's arrays to the device and
 * back. */
#ifndef CLATTN_RUNNER_H
#define CLATTN_RUNNER_H

#include "layer/layer.h"

struct clattn_runner {
    clattn_allocator allocator;
    cl_context cl;
    cl_device_id device;
    cl_command_queue queue;
    clattn_context *context;
    /* of the last run of each kind: often the next run is the same */
    clattn_plan *plan;
    clattn_problem problem; /* of plan */
    unsigned passes;
    clattn_layer_plan *layer_plan;
    clattn_layer layer; /* of layer_plan */
};

/* ---- transfer.c ---- */

/* The tensors of a run: for each a host array, or none, and a buffer. */
struct clattn__transfer {
    clattn_runner *runner;
    size_t count;
    struct clattn__tensor_slot slots[LAYER_TENSOR_SLOT_COUNT];
    /* Inputs are not written. data NULL: skipped if optional, else on the device only. */
    clattn_array arrays[LAYER_TENSOR_SLOT_COUNT];
    bool updated[LAYER_TENSOR_SLOT_COUNT]; /* an output that is also read */
    struct clattn__view views[LAYER_TENSOR_SLOT_COUNT];
    cl_mem buffers[LAYER_TENSOR_SLOT_COUNT];
    size_t device_bytes; /* of all buffers created */
};

clattn_array clattn__input_array(const clattn_const_array *array);
/* Fills in strides and views. Fails if an output shares host bytes with another array. */
clattn_status clattn__transfer_bind(struct clattn__transfer *transfer);
/* Creates a buffer per tensor and enqueues the copies of those that are read; does not wait. */
clattn_status clattn__transfer_upload(struct clattn__transfer *transfer);
/* Creates another buffer, which the caller releases. `name` is for the error. */
clattn_status clattn__transfer_buffer(struct clattn__transfer *transfer, const char *name, size_t bytes,
                                      cl_mem *buffer);
/* Writes all output arrays, or none on failure. */
clattn_status clattn__transfer_download(const struct clattn__transfer *transfer);
void clattn__transfer_release(struct clattn__transfer *transfer);

/* ---- runner.c ---- */

double clattn__seconds_now(void);
clattn_status clattn__runner_finish(const clattn_runner *runner);
/* Checks the struct_size of a caller's `info`, which may be NULL. */
clattn_status clattn__check_info(const clattn_run_info *info);

#endif
