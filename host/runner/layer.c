/* SPDX-License-Identifier: Apache-2.0 */
/* The layer on host arrays. */
#include "runner/runner.h"

#include "base/sizes.h"

#include <string.h>

struct run {
    clattn_runner *runner;
    struct clattn__transfer transfer;
    cl_mem workspace;
    clattn_layer_tensors tensors;
    clattn_run_info info;
};

/* ---- arrays ---- */

/* The slot's array. Inputs are never written. */
static clattn_array array_at(const clattn_layer_arrays *arrays, size_t index)
{
    switch (index) {
#define BLOCK(slot, member, ...)                                                                                       \
    case LAYER_##slot:                                                                                                 \
        return (clattn_array){.data = (void *)(uintptr_t)arrays->member};
#define DEVICE_BLOCK(slot, ...)
#define TENSOR(slot, member, ...)                                                                                      \
    case LAYER_##slot:                                                                                                 \
        return clattn__input_array(&arrays->member);
#define ATTENTION_OUTPUT(slot, member, written)                                                                        \
    case LAYER_##slot:                                                                                                 \
        return arrays->member;
        CLATTN__LAYER_TENSORS(BLOCK, DEVICE_BLOCK, TENSOR, ATTENTION_OUTPUT)
#undef ATTENTION_OUTPUT
#undef TENSOR
#undef DEVICE_BLOCK
#undef BLOCK
    default:
        return (clattn_array){.data = NULL};
    }
}

/* Sets the slot's member. */
static void set_tensor(clattn_layer_tensors *tensors, size_t index, cl_mem mem, const size_t stride[4])
{
    switch (index) {
#define BLOCK(slot, member, ...)                                                                                       \
    case LAYER_##slot:                                                                                                 \
        tensors->member.mem = mem;                                                                                     \
        break;
#define TENSOR(slot, member, ...)                                                                                      \
    case LAYER_##slot:                                                                                                 \
        tensors->member.mem = mem;                                                                                     \
        memcpy(tensors->member.stride, stride, sizeof tensors->member.stride);                                         \
        break;
        CLATTN__LAYER_TENSORS(BLOCK, BLOCK, TENSOR, TENSOR)
#undef TENSOR
#undef BLOCK
    default:
        break;
    }
}

static bool is_weight_gradient(size_t index)
{
    return index >= LAYER_DWQ && index <= LAYER_DBO;
}

/* Adds a slot unless it is in the list. */
static void add_slot(struct clattn__transfer *transfer, const struct clattn__tensor_slot *slot)
{
    for (size_t i = 0; i < transfer->count; ++i)
        if (transfer->slots[i].index == slot->index)
            return;
    transfer->slots[transfer->count++] = *slot;
}

/* Lists forward's tensors, and with CLATTN_BACKWARD in `passes` also backward's. `saved` and, in
 * backward, out may exist on the device only. */
static clattn_status bind_arrays(struct run *run, const clattn_layer *layer, const clattn_layer_arrays *arrays,
                                 unsigned passes)
{
    struct clattn__transfer *transfer = &run->transfer;
    struct clattn__tensor_slot slots[LAYER_TENSOR_SLOT_COUNT];
    const clattn_layer_plan *plan = run->runner->layer_plan;
    const bool backward = passes & CLATTN_BACKWARD;
    for (unsigned pass = CLATTN_FORWARD; pass; pass = pass == CLATTN_FORWARD && backward ? CLATTN_BACKWARD : 0) {
        const size_t count = clattn__layer_slots(&plan->layer, layer->context_len != 0, pass, slots);
        for (size_t i = 0; i < count; ++i)
            add_slot(transfer, &slots[i]);
    }
    for (size_t i = 0; i < transfer->count; ++i) {
        struct clattn__tensor_slot *slot = &transfer->slots[i];
        const bool made = backward && (slot->index == LAYER_OUT || slot->index == LAYER_SAVED);
        transfer->arrays[i] = array_at(arrays, slot->index);
        transfer->updated[i] = arrays->accumulate && is_weight_gradient(slot->index);
        if (made)
            slot->optional = false;
        else if (!transfer->arrays[i].data && !slot->optional)
            return clattn__fail(CLATTN_INVALID_ARGUMENT, "array %s is missing: it is NULL", slot->name);
    }
    return clattn__transfer_bind(transfer);
}

/* Checks what placing does not: arrays that the layer does not use. */
static clattn_status check_arrays(const clattn_layer *layer, const clattn_layer_arrays *arrays, unsigned passes)
{
    if (!layer->context_len && (arrays->context || arrays->dcontext))
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is given, but the layer has no context: its context_len is 0",
                            arrays->context ? "context" : "dcontext");
    if (arrays->accumulate != 0 && arrays->accumulate != 1)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "arrays.accumulate is %d; allowed are 0 and 1",
                            arrays->accumulate);
    bool any = false;
    for (size_t i = 0; i < LAYER_TENSOR_SLOT_COUNT; ++i)
        any = any || (clattn__layer_is_gradient(i) && array_at(arrays, i).data);
    if (passes & CLATTN_BACKWARD && !any)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "no gradient is asked for: all of them are NULL");
    return CLATTN_SUCCESS;
}

/* ---- running ---- */

static clattn_status make_plan(struct run *run, const clattn_layer *layer, unsigned passes)
{
    clattn_runner *runner = run->runner;
    const double start = clattn__seconds_now();
    clattn_status status = CLATTN_SUCCESS;
    if (!runner->layer_plan || runner->layer_plan->passes != passes ||
        memcmp(&runner->layer, layer, sizeof *layer) != 0) {
        clattn_layer_plan_destroy(runner->layer_plan);
        runner->layer_plan = NULL;
        status = clattn_layer_plan_create(runner->context, layer, passes, &runner->layer_plan);
        runner->layer = *layer;
    }
    run->info.plan = clattn_layer_plan_describe(runner->layer_plan);
    run->info.plan_seconds = clattn__seconds_now() - start;
    return status;
}

/* One workspace for both passes, which run one after the other. */
static clattn_status make_workspace(struct run *run)
{
    const clattn_layer_plan *plan = run->runner->layer_plan;
    size_t forward, backward;
    clattn_status status = clattn_layer_workspace_size(plan, CLATTN_FORWARD, &forward);
    if (!status)
        status = clattn_layer_workspace_size(plan, CLATTN_BACKWARD, &backward);
    if (status)
        return status;
    run->info.workspace_bytes = forward > backward ? forward : backward;
    return clattn__transfer_buffer(&run->transfer, "workspace", run->info.workspace_bytes, &run->workspace);
}

static clattn_status upload(struct run *run)
{
    struct clattn__transfer *transfer = &run->transfer;
    const double start = clattn__seconds_now();
    clattn_status status = clattn__transfer_upload(transfer);
    for (size_t i = 0; i < transfer->count; ++i)
        set_tensor(&run->tensors, transfer->slots[i].index, transfer->buffers[i], transfer->arrays[i].stride);
    if (!status)
        status = make_workspace(run);
    if (!status)
        status = clattn__runner_finish(run->runner);
    run->info.upload_seconds = clattn__seconds_now() - start;
    return status;
}

static clattn_status run_kernels(struct run *run, unsigned passes)
{
    const clattn_layer_plan *plan = run->runner->layer_plan;
    cl_command_queue queue = run->runner->queue;
    const double start = clattn__seconds_now();
    clattn_status status = clattn_layer_enqueue_forward(plan, queue, &run->tensors, run->workspace, 0, NULL, NULL);
    if (!status && passes & CLATTN_BACKWARD)
        status = clattn_layer_enqueue_backward(plan, queue, &run->tensors, run->workspace, 0, NULL, NULL);
    if (!status)
        status = clattn__runner_finish(run->runner);
    run->info.kernel_seconds = clattn__seconds_now() - start;
    return status;
}

static clattn_status run_passes(struct run *run, const clattn_layer *layer, const clattn_layer_arrays *arrays,
                                unsigned passes)
{
    run->tensors.accumulate = arrays->accumulate;
    clattn_status status = check_arrays(layer, arrays, passes);
    if (!status)
        status = make_plan(run, layer, passes);
    if (!status)
        status = bind_arrays(run, layer, arrays, passes);
    if (!status)
        status = upload(run);
    if (!status)
        status = run_kernels(run, passes);
    const double start = clattn__seconds_now();
    if (!status)
        status = clattn__transfer_download(&run->transfer);
    run->info.download_seconds = clattn__seconds_now() - start;
    return status;
}

static clattn_status run_all(clattn_runner *runner, const clattn_layer *given_layer,
                             const clattn_layer_arrays *given_arrays, unsigned passes, clattn_run_info *info)
{
    clattn_layer layer;
    clattn_layer_arrays arrays;
    if (!runner || !given_layer || !given_arrays)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL",
                            !runner        ? "runner"
                            : !given_layer ? "layer"
                                           : "arrays");
    clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_layer), "layer", given_layer, &layer);
    if (!status)
        status = clattn__struct_read(CLATTN__STRUCT(clattn_layer_arrays), "arrays", given_arrays, &arrays);
    if (!status)
        status = clattn__check_info(info);
    if (status)
        return status;
    struct run run = {.runner = runner, .transfer = {.runner = runner}, .tensors = CLATTN_LAYER_TENSORS_INIT};
    status = run_passes(&run, &layer, &arrays, passes);
    if (status)
        clFinish(runner->queue); /* copies from the caller's arrays may still be running */
    clattn__transfer_release(&run.transfer);
    if (run.workspace)
        clReleaseMemObject(run.workspace);
    if (!status && info) {
        run.info.device_bytes = run.transfer.device_bytes;
        clattn__struct_write(&run.info, sizeof run.info, info);
    }
    return status;
}

clattn_status clattn_run_layer_forward(clattn_runner *runner, const clattn_layer *layer,
                                       const clattn_layer_arrays *arrays, clattn_run_info *info)
{
    return run_all(runner, layer, arrays, CLATTN_FORWARD, info);
}

clattn_status clattn_run_layer_backward(clattn_runner *runner, const clattn_layer *layer,
                                        const clattn_layer_arrays *arrays, clattn_run_info *info)
{
    return run_all(runner, layer, arrays, CLATTN_FORWARD | CLATTN_BACKWARD, info);
}
