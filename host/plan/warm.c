/* SPDX-License-Identifier: Apache-2.0 */
/* Some drivers finish compiling a kernel at its first launch, for that launch's work-group. So each
 * kernel of a plan is launched once, with almost no work: creating a plan compiles everything, an
 * enqueue nothing. */
#include "plan/plan.h"

#include "plan/arguments.h"

#include "opencl/program.h"

enum {
    SCRATCH_BYTES = 1 << 20, /* a row of CLATTN_MAX_HEAD_DIM floats; two floats for each of 2^16 batches */
    /* PoCL compiles once for launches with fewer work-items, and once for larger ones. */
    SMALL_ITEMS = 65535
};

/* The smallest call: one query and one key of one head. Strides are 0, so every batch's rows are at
 * the start of the scratch buffer, and partial results have no depth: nothing reaches further than
 * a row, or two floats per batch. Its results are meaningless. */
static void next_to_nothing(const clattn_problem *problem, int batches, struct call *call)
{
    *call = (struct call){.N = 1, .M = 1, .B = batches, .Hq = 1, .Hk = 1, .pack = 1, .splits = 1, .store_lse = 1};
    call->D = (arg_int)problem->qk_dim;
    call->Dv = (arg_int)problem->v_dim;
    call->end_group = batches;
}

/* Launches the kernel with the scratch buffer for every buffer argument. */
static clattn_status launch(cl_command_queue queue, const struct clattn__stage *stage, const struct call *call,
                            cl_mem scratch)
{
    const size_t local = stage->config.group_size, global = (size_t)call->end_group * local;
    struct clattn__memory buffers[BUFFER_COUNT];
    for (size_t i = 0; i < BUFFER_COUNT; ++i)
        buffers[i] = (struct clattn__memory){scratch, NULL};
    const clattn_status status = clattn__set_arguments(stage, stage->kernel, call, buffers);
    if (status)
        return status;
    const cl_int error = clEnqueueNDRangeKernel(queue, stage->kernel, 1, NULL, &global, &local, 0, NULL, NULL);
    return error ? clattn__fail_opencl(error, "clEnqueueNDRangeKernel") : CLATTN_SUCCESS;
}

/* Always waits for the launch. */
static clattn_status launch_on_scratch(const clattn_context *context, cl_command_queue queue,
                                       const struct clattn__stage *stage, const struct call *call)
{
    const float zero = 0.0f;
    cl_int error;
    cl_mem scratch = clCreateBuffer(context->cl, CL_MEM_READ_WRITE, SCRATCH_BYTES, NULL, &error);
    if (error)
        return clattn__fail_opencl(error, "clCreateBuffer(scratch of a first launch)");
    error = clEnqueueFillBuffer(queue, scratch, &zero, sizeof zero, 0, SCRATCH_BYTES, 0, NULL, NULL);
    clattn_status status = error ? clattn__fail_opencl(error, "clEnqueueFillBuffer(scratch of a first launch)")
                                 : launch(queue, stage, call, scratch);
    error = clFinish(queue);
    if (error && !status)
        status = clattn__fail_opencl(error, "clFinish");
    clReleaseMemObject(scratch);
    return status;
}

/* Warms up for launches of `groups` work-groups. */
static clattn_status warm(const clattn_plan *plan, const struct clattn__stage *stage, cl_program program,
                          uint64_t groups)
{
    clattn_context *context = plan->context;
    const size_t local = stage->config.group_size;
    const bool large = groups > (SMALL_ITEMS - 1) / local;
    struct call call;
    cl_int error;
    if (clattn__program_warm(context, program, large, local))
        return CLATTN_SUCCESS;
    next_to_nothing(&plan->problem, large ? (int)(SMALL_ITEMS / local + 1) : 1, &call);
    cl_command_queue queue = clCreateCommandQueue(context->cl, context->id, 0, &error);
    clattn_status status = CLATTN_SUCCESS;
    if (error) {
        status = clattn__fail_opencl(error, "clCreateCommandQueue");
    } else {
        status = launch_on_scratch(context, queue, stage, &call);
        clReleaseCommandQueue(queue);
    }
    if (status)
        clattn__program_warm(context, program, large, 0); /* the next plan tries */
    return status;
}

clattn_status clattn__warm(const clattn_plan *plan, const struct clattn__stage *stage, cl_program program)
{
    const uint64_t rest = stage->groups % stage->groups_per_launch;
    if (!plan->context->device.compiles_at_launch || stage->solver->traits & SOLVER_TENSOR_MAPS ||
        stage->config.kernel == KERNEL_TENSOR_MAPS)
        return CLATTN_SUCCESS;
    const clattn_status status = warm(plan, stage, program, stage->groups_per_launch);
    return status || !rest ? status : warm(plan, stage, program, rest);
}
