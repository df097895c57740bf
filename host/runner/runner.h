/* SPDX-License-Identifier: Apache-2.0 */
/* What the runner's files share: its device, and the arrays of one run on their way there and back. */
#ifndef CLATTN_RUNNER_H
#define CLATTN_RUNNER_H

#include "layer/layer.h"

struct clattn_runner {
    clattn_allocator allocator;
    cl_context cl;
    cl_device_id device;
    cl_command_queue queue;
    clattn_context *context;
    /* of the last run of each kind: the next one is often the same */
    clattn_plan *plan;
    clattn_problem problem; /* what plan was asked for */
    unsigned passes;
    clattn_layer_plan *layer_plan;
    clattn_layer layer; /* what layer_plan was asked for */
};

/* ---- transfer.c ---- */

/* The tensors of a run: for each an array of the host, or none, and a buffer. */
struct clattn__transfer {
    clattn_runner *runner;
    size_t count;
    struct clattn__tensor_slot slots[LAYER_TENSOR_SLOT_COUNT];
    clattn_array arrays
        [LAYER_TENSOR_SLOT_COUNT]; /* inputs are not written; data NULL: left out where optional, else on the device alone */
    bool updated[LAYER_TENSOR_SLOT_COUNT]; /* an output that is read, too */
    struct clattn__view views[LAYER_TENSOR_SLOT_COUNT];
    cl_mem buffers[LAYER_TENSOR_SLOT_COUNT];
    size_t device_bytes; /* of all buffers that were made */
};

clattn_array clattn__input_array(const clattn_const_array *array);
/* Fills in strides and views; sees that no output shares bytes of the host with anything. */
clattn_status clattn__transfer_place(struct clattn__transfer *transfer);
/* A buffer for each tensor, with what is read in it. Enqueued only. */
clattn_status clattn__transfer_upload(struct clattn__transfer *transfer);
/* Another buffer, for the caller to release. `name` is for the error. */
clattn_status clattn__transfer_buffer(struct clattn__transfer *transfer, const char *name, size_t bytes,
                                      cl_mem *buffer);
/* Writes every output's array, or none of them. */
clattn_status clattn__transfer_download(const struct clattn__transfer *transfer);
void clattn__transfer_release(struct clattn__transfer *transfer);

/* ---- runner.c ---- */

double clattn__seconds_now(void);
clattn_status clattn__runner_finish(const clattn_runner *runner);
/* The struct_size of a caller's `info`, which may be NULL. */
clattn_status clattn__check_info(const clattn_run_info *info);

#endif
