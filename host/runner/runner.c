/* SPDX-License-Identifier: Apache-2.0 */
/* The runner: attention on host arrays, by the library's public functions. */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "runner/runner.h"

#include "base/sizes.h"
#include "tensor/slots.h"

#include <string.h>
#include <time.h>

double clattn__seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

clattn_status clattn__runner_finish(const clattn_runner *runner)
{
    const cl_int error = clFinish(runner->queue);
    return error ? clattn__fail_opencl(error, "clFinish") : CLATTN_SUCCESS;
}

/* ---- life ---- */

clattn_status clattn_runner_create(const char *which, const clattn_options *options, clattn_runner **result)
{
    if (!result)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "runner is NULL");
    *result = NULL;
    cl_device_id device;
    clattn_status status = clattn_find_device(which, &device);
    if (status)
        return status;
    cl_int error;
    cl_context cl = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateContext");
    clattn_context *context;
    status = clattn_context_create(cl, device, options, &context);
    clattn_runner *runner = NULL;
    if (!status) {
        runner = clattn__allocate(&context->allocator, sizeof *runner);
        if (!runner)
            status = clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for a runner");
    }
    if (!runner) {
        clattn_context_destroy(context);
        clReleaseContext(cl);
        return status;
    }
    *runner = (clattn_runner){.allocator = context->allocator, .cl = cl, .device = device, .context = context};
    runner->queue = clCreateCommandQueue(cl, device, 0, &error);
    if (error) {
        runner->queue = NULL;
        clattn_runner_destroy(runner);
        return clattn__fail_opencl(error, "clCreateCommandQueue");
    }
    *result = runner;
    return CLATTN_SUCCESS;
}

void clattn_runner_destroy(clattn_runner *runner)
{
    if (!runner)
        return;
    const clattn_allocator allocator = runner->allocator;
    clattn_plan_destroy(runner->plan);
    clattn_layer_plan_destroy(runner->layer_plan);
    if (runner->queue)
        clReleaseCommandQueue(runner->queue);
    clattn_context_destroy(runner->context);
    clReleaseContext(runner->cl);
    clattn__release(&allocator, runner);
}

clattn_context *clattn_runner_context(clattn_runner *runner)
{
    return runner ? runner->context : NULL;
}

cl_device_id clattn_runner_device(const clattn_runner *runner)
{
    return runner ? runner->device : NULL;
}

/* ---- one run ---- */

struct run {
    clattn_runner *runner;
    struct clattn__transfer transfer;
    cl_mem workspace;
    clattn_tensors tensors;
    clattn_run_info info;
};

/* Lists the arrays of the passes. A backward without out or lse runs forward too, and has both on the
 * device. */
static clattn_status bind_arrays(struct run *run, const clattn_problem *problem, const clattn_arrays *arrays,
                                 unsigned passes)
{
    const bool backward = passes != CLATTN_FORWARD;
    struct clattn__transfer *transfer = &run->transfer;
    transfer->count = clattn__slots(problem, passes, transfer->slots);
    for (size_t i = 0; i < transfer->count; ++i) {
        struct clattn__tensor_slot *slot = &transfer->slots[i];
        const bool made = slot->index == TENSOR_SLOT_OUT || slot->index == TENSOR_SLOT_LSE;
        transfer->arrays[i] = clattn__array_at(arrays, slot->index);
        if (backward && made)
            slot->optional = false;
        else if (!transfer->arrays[i].data && !slot->optional)
            return clattn__fail(CLATTN_INVALID_ARGUMENT, "array %s is missing: its data is NULL", slot->name);
    }
    return clattn__transfer_bind(transfer);
}

/* Creates buffers for all arrays, and the tensors in them. */
static clattn_status upload(struct run *run)
{
    struct clattn__transfer *transfer = &run->transfer;
    const clattn_status status = clattn__transfer_upload(transfer);
    for (size_t i = 0; i < transfer->count; ++i) {
        clattn_tensor *tensor = clattn__tensor_at(&run->tensors, transfer->slots[i].index);
        tensor->mem = transfer->buffers[i];
        memcpy(tensor->stride, transfer->arrays[i].stride, sizeof tensor->stride);
    }
    return status;
}

static clattn_status make_plan(struct run *run, const clattn_problem *problem, unsigned passes)
{
    clattn_runner *runner = run->runner;
    const double start = clattn__seconds_now();
    clattn_status status = CLATTN_SUCCESS;
    if (!runner->plan || runner->passes != passes || memcmp(&runner->problem, problem, sizeof *problem) != 0) {
        clattn_plan_destroy(runner->plan);
        runner->plan = NULL;
        runner->problem = *problem;
        runner->passes = passes;
        status = clattn_plan_create(runner->context, problem, passes, &runner->plan);
    }
    run->info.plan = clattn_plan_describe(runner->plan);
    run->info.plan_seconds = clattn__seconds_now() - start;
    return status;
}

/* One workspace for both passes, which run one after the other. */
static clattn_status make_workspace(struct run *run, unsigned passes)
{
    const clattn_plan *plan = run->runner->plan;
    size_t forward = 0, backward = 0;
    clattn_status status = CLATTN_SUCCESS;
    if (passes & CLATTN_FORWARD)
        status = clattn_plan_workspace_size(plan, CLATTN_FORWARD, &forward);
    if (!status && passes & CLATTN__GRADIENTS)
        status = clattn_plan_workspace_size(plan, passes & CLATTN__GRADIENTS, &backward);
    run->info.workspace_bytes = forward > backward ? forward : backward;
    if (!status && run->info.workspace_bytes)
        status = clattn__transfer_buffer(&run->transfer, "workspace", run->info.workspace_bytes, &run->workspace);
    return status;
}

static clattn_status run_kernels(struct run *run, unsigned passes)
{
    const clattn_plan *plan = run->runner->plan;
    clattn_status status = CLATTN_SUCCESS;
    const double start = clattn__seconds_now();
    if (passes & CLATTN_FORWARD)
        status = clattn_enqueue_forward(plan, run->runner->queue, &run->tensors, run->workspace, 0, NULL, NULL);
    if (!status && passes & CLATTN__GRADIENTS)
        status = clattn_enqueue_backward(plan, run->runner->queue, &run->tensors, run->workspace, 0, NULL, NULL);
    if (!status)
        status = clattn__runner_finish(run->runner);
    run->info.kernel_seconds = clattn__seconds_now() - start;
    return status;
}

/* passes: what to enqueue; its gradients are those requested. */
static clattn_status run_passes(struct run *run, const clattn_problem *problem, const clattn_arrays *arrays,
                                unsigned passes)
{
    clattn_status status = make_plan(run, problem, passes);
    if (!status)
        status = bind_arrays(run, problem, arrays, passes);
    double start = clattn__seconds_now();
    if (!status)
        status = upload(run);
    if (!status)
        status = make_workspace(run, passes);
    if (!status)
        status = clattn__runner_finish(run->runner);
    run->info.upload_seconds = clattn__seconds_now() - start;
    if (!status)
        status = run_kernels(run, passes);
    start = clattn__seconds_now();
    if (!status)
        status = clattn__transfer_download(&run->transfer);
    run->info.download_seconds = clattn__seconds_now() - start;
    return status;
}

static clattn_status run_all(clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                             unsigned passes, clattn_run_info *info)
{
    struct run run = {.runner = runner, .transfer = {.runner = runner}, .tensors = CLATTN_TENSORS_INIT};
    clattn_status status = run_passes(&run, problem, arrays, passes);
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

clattn_status clattn__check_info(const clattn_run_info *info)
{
    return info ? clattn__struct_check(CLATTN__STRUCT(clattn_run_info), "info", info->struct_size) : CLATTN_SUCCESS;
}

static clattn_status take_call(const clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                               const clattn_run_info *info, clattn_problem *taken_problem, clattn_arrays *taken_arrays)
{
    if (!runner || !problem || !arrays)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL",
                            !runner    ? "runner"
                            : !problem ? "problem"
                                       : "arrays");
    clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_problem), "problem", problem, taken_problem);
    if (!status)
        status = clattn__struct_read(CLATTN__STRUCT(clattn_arrays), "arrays", arrays, taken_arrays);
    return status ? status : clattn__check_info(info);
}

clattn_status clattn_run_forward(clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                                 clattn_run_info *info)
{
    clattn_problem p;
    clattn_arrays a;
    const clattn_status status = take_call(runner, problem, arrays, info, &p, &a);
    return status ? status : run_all(runner, &p, &a, CLATTN_FORWARD, info);
}

clattn_status clattn_run_backward(clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                                  clattn_run_info *info)
{
    clattn_problem p;
    clattn_arrays a;
    const clattn_status status = take_call(runner, problem, arrays, info, &p, &a);
    if (status)
        return status;
    unsigned passes = 0;
    passes |= a.dq.data ? CLATTN_BACKWARD_DQ : 0;
    passes |= a.dk.data ? CLATTN_BACKWARD_DK : 0;
    passes |= a.dv.data ? CLATTN_BACKWARD_DV : 0;
    passes |= a.dbias.data ? CLATTN_BACKWARD_DBIAS : 0;
    passes |= a.dsink.data ? CLATTN_BACKWARD_DSINK : 0;
    if (!passes)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "no gradient is asked for: dq, dk and dv are all NULL");
    if (!a.out.data || !a.lse.data)
        passes |= CLATTN_FORWARD;
    return run_all(runner, &p, &a, passes, info);
}
