/* The layer for arrays of the host, on the public functions of the first layer. */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "internal.h"

#include <string.h>
#include <time.h>

struct clattn_runner {
    clattn_allocator allocator;
    cl_context cl;
    cl_device_id device;
    cl_command_queue queue;
    clattn_context *context;
    clattn_plan *plan; /* of the last run */
};

/* One run: the arrays of a pass, and a buffer for each. */
struct run {
    clattn_runner *runner;
    struct clattn__role roles[ROLE_COUNT];
    clattn_array arrays[ROLE_COUNT];       /* strides filled in, by role */
    struct clattn__view views[ROLE_COUNT]; /* by role */
    cl_mem buffers[ROLE_COUNT];            /* by role */
    size_t count;
    cl_mem workspace;
    clattn_tensors tensors;
    clattn_run_info info;
};

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
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

/* ---- the arrays of a run ---- */

static clattn_array array_at(const clattn_arrays *arrays, size_t index)
{
    const clattn_array *const members[ROLE_COUNT] = {&arrays->q,          &arrays->k,   &arrays->v,   &arrays->mask,
                                                     &arrays->kv_lengths, &arrays->out, &arrays->lse, &arrays->dout,
                                                     &arrays->dq,         &arrays->dk,  &arrays->dv};
    return *members[index];
}

static clattn_tensor *tensor_at(clattn_tensors *tensors, size_t index)
{
    clattn_tensor *const members[ROLE_COUNT] = {&tensors->q,          &tensors->k,   &tensors->v,   &tensors->mask,
                                                &tensors->kv_lengths, &tensors->out, &tensors->lse, &tensors->dout,
                                                &tensors->dq,         &tensors->dk,  &tensors->dv};
    return members[index];
}

/* Checks one array and describes it as a view, judged by host addresses. */
static clattn_status place_array(struct run *run, size_t at, const clattn_array *given)
{
    const struct clattn__role *role = &run->roles[at];
    struct clattn__view *view = &run->views[at];
    clattn_array *array = &run->arrays[at];
    const size_t most = (size_t)1 << 58;
    if (given->stride[0] > most || given->stride[1] > most || given->stride[2] > most)
        return clattn__fail(CLATTN_INVALID_SIZE, "a stride of %s exceeds 2^58 elements", role->name);
    array->data = given->data;
    clattn__role_strides(role, given->stride, array->stride);
    const int64_t bytes = (int64_t)role->element_bytes;
    *view = (struct clattn__view){
        .name = role->name, .use = role->use, .base = (int64_t)(intptr_t)given->data, .run = role->depth * bytes};
    for (size_t i = 0; i < 3; ++i) {
        view->count[i] = role->count[i];
        view->stride[i] = (int64_t)array->stride[i] * bytes;
    }
    if (clattn__view_extent(view) < 0)
        return clattn__fail(CLATTN_INVALID_SIZE, "the strides of %s reach past 2^62 bytes", role->name);
    return CLATTN_SUCCESS;
}

/* The arrays that the pass has; those computed on the way (out and lse of a backward without them) have data NULL. */
static clattn_status place_arrays(struct run *run, const clattn_problem *problem, const clattn_arrays *arrays,
                                  unsigned pass)
{
    const bool backward = pass != CLATTN_FORWARD;
    size_t given = 0; /* views with data come first: only they can overlap on the host */
    struct clattn__view present[ROLE_COUNT];
    run->count = clattn__roles(problem, pass, run->roles);
    for (size_t i = 0; i < run->count; ++i) {
        const clattn_array array = array_at(arrays, run->roles[i].index);
        const bool made = run->roles[i].index == ROLE_OUT || run->roles[i].index == ROLE_LSE;
        if (!array.data && !run->roles[i].optional && !(backward && made))
            return clattn__fail(CLATTN_INVALID_ARGUMENT, "array %s is missing: its data is NULL", run->roles[i].name);
        if (backward && made && (!arrays->out.data || !arrays->lse.data))
            run->roles[i].use = TENSOR_OUTPUT; /* the forward runs first */
        const clattn_status status = place_array(run, i, &array);
        if (status)
            return status;
        if (array.data)
            present[given++] = run->views[i];
    }
    return clattn__views_check_overlap(present, given);
}

/* ---- buffers ---- */

static clattn_status make_buffer(struct run *run, const char *name, size_t bytes, cl_mem *buffer)
{
    cl_int error;
    *buffer = clCreateBuffer(run->runner->cl, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error) {
        *buffer = NULL;
        char call[64] = "clCreateBuffer(";
        strcat(strcat(call, name), ")");
        return clattn__fail_opencl(error, call);
    }
    run->info.device_bytes += bytes;
    return CLATTN_SUCCESS;
}

/* A buffer for each array, as long as its span, with the inputs in it. */
static clattn_status upload(struct run *run)
{
    for (size_t i = 0; i < run->count; ++i) {
        const struct clattn__role *role = &run->roles[i];
        const size_t bytes = (size_t)clattn__view_extent(&run->views[i]);
        if (!run->arrays[i].data && role->optional)
            continue;
        const clattn_status status = make_buffer(run, role->name, bytes, &run->buffers[i]);
        if (status)
            return status;
        if (role->use == TENSOR_INPUT) {
            const cl_int error = clEnqueueWriteBuffer(run->runner->queue, run->buffers[i], CL_FALSE, 0, bytes,
                                                      run->arrays[i].data, 0, NULL, NULL);
            if (error)
                return clattn__fail_opencl(error, "clEnqueueWriteBuffer");
        }
        clattn_tensor *tensor = tensor_at(&run->tensors, role->index);
        tensor->mem = run->buffers[i];
        memcpy(tensor->stride, run->arrays[i].stride, sizeof tensor->stride);
    }
    return CLATTN_SUCCESS;
}

/* Copies the elements of an output, and nothing between them, from the span it had on the device. */
static void scatter(const struct clattn__view *view, const char *span, char *data)
{
    for (int64_t b = 0; b < view->count[0]; ++b)
        for (int64_t h = 0; h < view->count[1]; ++h)
            for (int64_t r = 0; r < view->count[2]; ++r) {
                const int64_t at = b * view->stride[0] + h * view->stride[1] + r * view->stride[2];
                memcpy(data + at, span + at, (size_t)view->run);
            }
}

/* Reads every output before the first is written, so that a failure leaves the caller's arrays as they were. */
static clattn_status download(struct run *run)
{
    const clattn_allocator *allocator = &run->runner->allocator;
    char *spans[ROLE_COUNT] = {NULL};
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < run->count; ++i) {
        if (run->roles[i].use != TENSOR_OUTPUT || !run->arrays[i].data)
            continue;
        const size_t bytes = (size_t)clattn__view_extent(&run->views[i]);
        spans[i] = clattn__allocate(allocator, bytes);
        if (!spans[i])
            status =
                clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to read back %s, %zu bytes", run->roles[i].name, bytes);
        const cl_int error = status ? CL_SUCCESS
                                    : clEnqueueReadBuffer(run->runner->queue, run->buffers[i], CL_TRUE, 0, bytes,
                                                          spans[i], 0, NULL, NULL);
        if (error)
            status = clattn__fail_opencl(error, "clEnqueueReadBuffer");
    }
    for (size_t i = 0; i < run->count; ++i) {
        if (!status && spans[i])
            scatter(&run->views[i], spans[i], run->arrays[i].data);
        clattn__release(allocator, spans[i]);
    }
    return status;
}

/* ---- running ---- */

static clattn_status finish(struct run *run)
{
    const cl_int error = clFinish(run->runner->queue);
    return error ? clattn__fail_opencl(error, "clFinish") : CLATTN_SUCCESS;
}

/* The runner keeps the plan of its last run: the next one is often the same. */
static clattn_status make_plan(struct run *run, const clattn_problem *problem, unsigned passes)
{
    clattn_runner *runner = run->runner;
    const double start = seconds_now();
    clattn_status status = CLATTN_SUCCESS;
    if (!runner->plan || runner->plan->passes != passes ||
        memcmp(&runner->plan->problem, problem, sizeof *problem) != 0) {
        clattn_plan_destroy(runner->plan);
        runner->plan = NULL;
        status = clattn_plan_create(runner->context, problem, passes, &runner->plan);
    }
    run->info.plan = clattn_plan_describe(runner->plan);
    run->info.plan_seconds = seconds_now() - start;
    return status;
}

static clattn_status make_workspace(struct run *run, unsigned pass)
{
    clattn_status status = clattn_plan_workspace_size(run->runner->plan, pass, &run->info.workspace_bytes);
    if (!status && run->info.workspace_bytes)
        status = make_buffer(run, "workspace", run->info.workspace_bytes, &run->workspace);
    return status;
}

static clattn_status run_kernels(struct run *run, unsigned passes)
{
    const clattn_plan *plan = run->runner->plan;
    clattn_status status = CLATTN_SUCCESS;
    const double start = seconds_now();
    if (passes & CLATTN_FORWARD)
        status = clattn_enqueue_forward(plan, run->runner->queue, &run->tensors, NULL, 0, NULL, NULL);
    if (!status && passes & CLATTN_BACKWARD)
        status = clattn_enqueue_backward(plan, run->runner->queue, &run->tensors, run->workspace, 0, NULL, NULL);
    if (!status)
        status = finish(run);
    run->info.kernel_seconds = seconds_now() - start;
    return status;
}

/* passes: what is enqueued; the gradients among them are those wanted. */
static clattn_status run_passes(struct run *run, const clattn_problem *problem, const clattn_arrays *arrays,
                                unsigned passes)
{
    const unsigned pass = passes & CLATTN_BACKWARD ? passes & CLATTN_BACKWARD : CLATTN_FORWARD;
    clattn_status status = make_plan(run, problem, passes);
    if (!status)
        status = place_arrays(run, problem, arrays, pass);
    double start = seconds_now();
    if (!status)
        status = upload(run);
    if (!status)
        status = make_workspace(run, pass);
    if (!status)
        status = finish(run);
    run->info.upload_seconds = seconds_now() - start;
    if (!status)
        status = run_kernels(run, passes);
    start = seconds_now();
    if (!status)
        status = download(run);
    run->info.download_seconds = seconds_now() - start;
    return status;
}

static clattn_status run_all(clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                             unsigned passes, clattn_run_info *info)
{
    struct run run = {.runner = runner, .tensors = CLATTN_TENSORS_INIT};
    clattn_status status = run_passes(&run, problem, arrays, passes);
    if (status)
        clFinish(runner->queue); /* copies from the caller's arrays may be under way */
    for (size_t i = 0; i < run.count; ++i)
        if (run.buffers[i])
            clReleaseMemObject(run.buffers[i]);
    if (run.workspace)
        clReleaseMemObject(run.workspace);
    if (!status && info) {
        run.info.struct_size = info->struct_size;
        *info = run.info;
    }
    return status;
}

static clattn_status check_call(const clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                                const clattn_run_info *info)
{
    if (!runner || !problem || !arrays)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL",
                            !runner    ? "runner"
                            : !problem ? "problem"
                                       : "arrays");
    if (arrays->struct_size != sizeof *arrays)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "arrays.struct_size is %zu; it must be sizeof(clattn_arrays), %zu here",
                            arrays->struct_size, sizeof *arrays);
    if (info && info->struct_size != sizeof *info)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "info.struct_size is %zu; it must be sizeof(clattn_run_info), %zu here", info->struct_size,
                            sizeof *info);
    return CLATTN_SUCCESS;
}

clattn_status clattn_run_forward(clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                                 clattn_run_info *info)
{
    const clattn_status status = check_call(runner, problem, arrays, info);
    return status ? status : run_all(runner, problem, arrays, CLATTN_FORWARD, info);
}

clattn_status clattn_run_backward(clattn_runner *runner, const clattn_problem *problem, const clattn_arrays *arrays,
                                  clattn_run_info *info)
{
    const clattn_status status = check_call(runner, problem, arrays, info);
    if (status)
        return status;
    unsigned passes = 0;
    passes |= arrays->dq.data ? CLATTN_BACKWARD_DQ : 0;
    passes |= arrays->dk.data ? CLATTN_BACKWARD_DK : 0;
    passes |= arrays->dv.data ? CLATTN_BACKWARD_DV : 0;
    if (!passes)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "no gradient is asked for: dq, dk and dv are all NULL");
    if (!arrays->out.data || !arrays->lse.data)
        passes |= CLATTN_FORWARD;
    return run_all(runner, problem, arrays, passes, info);
}
