/* SPDX-License-Identifier: Apache-2.0 */
/* A problem's tensors on the device, and runs of its kernels for checking or timing. */
#include "tune/trial.h"

#include <math.h>
#include <string.h>

unsigned clattn__trial_pass(const struct clattn__trial *trial, enum clattn__kernel kernel)
{
    return clattn__config_has_tiles(kernel) ? trial->passes & clattn__kernel_passes[kernel] : 0;
}

/* ---- numbers ---- */

/* Stores a multiple of 1/32 below 2 in magnitude, which every dtype holds exactly. */
static void put_element(clattn_dtype dtype, void *data, size_t at, int thirty_seconds)
{
    const float x = (float)thirty_seconds / 32.0f;
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (dtype == CLATTN_FLOAT32)
        ((uint32_t *)data)[at] = bits;
    else if (dtype == CLATTN_BFLOAT16)
        ((uint16_t *)data)[at] = (uint16_t)(bits >> 16);
    else /* never subnormal: the exponent's bias changes from 127 to 15 */
        ((uint16_t *)data)[at] =
            thirty_seconds ? (uint16_t)((bits >> 16 & 0x8000) | ((bits & 0x7fffffff) - (112u << 23)) >> 13) : 0;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float get_element(clattn_dtype dtype, const void *data, size_t at)
{
    if (dtype == CLATTN_FLOAT32)
        return ((const float *)data)[at];
    const uint32_t bits = ((const uint16_t *)data)[at];
    if (dtype == CLATTN_BFLOAT16)
        return float_of(bits << 16);
    const uint32_t exponent = bits >> 10 & 31, fraction = bits & 1023;
    const float size = exponent == 0    ? (float)fraction * 0x1p-24f
                       : exponent == 31 ? float_of(0x7f800000 | fraction << 13)
                                        : float_of((exponent + 112) << 23 | fraction << 13);
    return bits & 0x8000 ? -size : size;
}

static size_t slot_elements(const struct clattn__tensor_slot *slot)
{
    return (size_t)(slot->count[0] * slot->count[1] * slot->count[2] * slot->depth);
}

static clattn_dtype slot_dtype(const clattn_problem *problem, const struct clattn__tensor_slot *slot)
{
    return slot->elements == FLOAT ? CLATTN_FLOAT32 : problem->dtype;
}

/* Key lengths are M; three of four mask elements are 1. Float32 inputs are ALiBi slopes, which are
 * multiplied by distances: 0 or 1/32. All else is random, uniform within +-2. */
static void fill(const clattn_problem *problem, const struct clattn__tensor_slot *slot, void *data)
{
    uint32_t state = (uint32_t)slot->index + 1;
    const size_t count = slot_elements(slot);
    for (size_t i = 0; i < count; ++i) {
        state = state * 1664525u + 1013904223u;
        if (slot->elements == INT)
            ((int32_t *)data)[i] = (int32_t)(problem->kv_len < INT32_MAX ? problem->kv_len : INT32_MAX);
        else if (slot->elements == BYTE)
            ((unsigned char *)data)[i] = state >> 30 != 0;
        else if (slot->elements == FLOAT)
            put_element(CLATTN_FLOAT32, data, i, (int)(state >> 31));
        else
            put_element(problem->dtype, data, i, (int)(state >> 25) % 127 - 63);
    }
}

/* Both results are float32 sums of the same inputs in another order, rounded once. NaN differs from
 * everything. Inputs have a size of about 1: if all results are small, they are differences of
 * larger terms, with the errors of those. */
static bool agree(const clattn_problem *problem, const struct clattn__tensor_slot *slot, const void *found,
                  const void *expected)
{
    const clattn_dtype dtype = slot_dtype(problem, slot);
    const float factor = dtype == CLATTN_FLOAT32 ? 1e-4f : dtype == CLATTN_FLOAT16 ? 2e-3f : 1.6e-2f;
    const size_t count = slot_elements(slot);
    float largest = 0.1f;
    for (size_t i = 0; i < count; ++i) {
        const float size = fabsf(get_element(dtype, expected, i));
        largest = size > largest && isfinite(size) ? size : largest;
    }
    for (size_t i = 0; i < count; ++i) {
        const float a = get_element(dtype, found, i), b = get_element(dtype, expected, i);
        if (a != b && !(fabsf(a - b) <= factor * largest))
            return false;
    }
    return true;
}

/* ---- life ---- */

static clattn_status open_device(struct clattn__trial *trial, const clattn_context *context)
{
    clattn_options options = CLATTN_OPTIONS_INIT;
    options.allocator = context->allocator;
    options.cache_dir = ""; /* hundreds of kernels that nobody needs again */
    options.engine = context->engine;
    options.max_launch_flops = context->max_launch_flops;
    options.build_options = context->build_options;
    struct clattn_runner *runner = &trial->runner;
    *runner = (struct clattn_runner){.allocator = context->allocator, .cl = context->cl, .device = context->id};
    clattn_status status = clattn_context_create(context->cl, context->id, &options, &runner->context);
    if (status)
        return status;
    cl_int error;
    runner->queue = clCreateCommandQueue(context->cl, context->id, 0, &error);
    if (error) {
        runner->queue = NULL;
        return clattn__fail_opencl(error, "clCreateCommandQueue");
    }
    return CLATTN_SUCCESS;
}

/* Host memory for every tensor: of inputs until they are on the device, of outputs until the
 * end. */
static clattn_status make_arrays(struct clattn__trial *trial)
{
    struct clattn__transfer *transfer = &trial->transfer;
    const clattn_allocator *allocator = &trial->runner.allocator;
    for (size_t i = 0; i < transfer->count; ++i) {
        struct clattn__tensor_slot *slot = &transfer->slots[i];
        const size_t bytes = slot_elements(slot) * slot->element_bytes;
        if (slot->index == TENSOR_SLOT_OUT || slot->index == TENSOR_SLOT_LSE)
            slot->use = TENSOR_OUTPUT; /* forward runs before any backward */
        trial->found[i] = clattn__allocate(allocator, bytes);
        trial->expected[i] = slot->use == TENSOR_OUTPUT ? clattn__allocate(allocator, bytes) : NULL;
        if (!trial->found[i] || (slot->use == TENSOR_OUTPUT && !trial->expected[i]))
            return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for %s, %zu bytes", slot->name, bytes);
        if (slot->use == TENSOR_INPUT)
            fill(&trial->problem, slot, trial->found[i]);
        transfer->arrays[i].data = trial->found[i];
    }
    return CLATTN_SUCCESS;
}

static clattn_status upload(struct clattn__trial *trial)
{
    struct clattn__transfer *transfer = &trial->transfer;
    clattn_status status = clattn__transfer_bind(transfer);
    if (!status)
        status = clattn__transfer_upload(transfer);
    const clattn_status finished = clattn__runner_finish(&trial->runner);
    for (size_t i = 0; i < transfer->count; ++i) {
        clattn__tensor_at(&trial->tensors, transfer->slots[i].index)->mem = transfer->buffers[i];
        transfer->arrays[i].data = NULL;
        if (transfer->slots[i].use == TENSOR_INPUT) {
            clattn__release(&trial->runner.allocator, trial->found[i]);
            trial->found[i] = NULL;
        }
    }
    return status ? status : finished;
}

clattn_status clattn__trial_open(struct clattn__trial *trial, const clattn_context *context,
                                 const clattn_problem *problem, unsigned passes)
{
    memset(trial, 0, sizeof *trial);
    trial->problem = *problem;
    trial->passes = passes;
    trial->tensors = (clattn_tensors)CLATTN_TENSORS_INIT;
    trial->transfer.runner = &trial->runner;
    clattn_status status = open_device(trial, context);
    if (status)
        return status;
    const unsigned backward = passes & CLATTN_BACKWARD;
    trial->transfer.count = clattn__slots(problem, backward ? backward : CLATTN_FORWARD, trial->transfer.slots);
    status = make_arrays(trial);
    return status ? status : upload(trial);
}

void clattn__trial_close(struct clattn__trial *trial)
{
    struct clattn_runner *runner = &trial->runner;
    clattn__transfer_release(&trial->transfer);
    for (size_t i = 0; i < TENSOR_SLOT_COUNT; ++i) {
        clattn__release(&runner->allocator, trial->found[i]);
        clattn__release(&runner->allocator, trial->expected[i]);
    }
    if (trial->workspace)
        clReleaseMemObject(trial->workspace);
    if (runner->queue)
        clReleaseCommandQueue(runner->queue);
    clattn_context_destroy(runner->context);
}

/* ---- runs ---- */

static clattn_status make_workspace(struct clattn__trial *trial, const clattn_plan *plan, unsigned pass)
{
    size_t bytes;
    const clattn_status status = clattn_plan_workspace_size(plan, pass, &bytes);
    if (status || bytes <= trial->workspace_bytes)
        return status;
    if (trial->workspace)
        clReleaseMemObject(trial->workspace);
    trial->workspace = NULL;
    trial->workspace_bytes = 0;
    const clattn_status made = clattn__transfer_buffer(&trial->transfer, "workspace", bytes, &trial->workspace);
    trial->workspace_bytes = made ? 0 : bytes;
    return made;
}

static clattn_status run(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel, int times)
{
    const unsigned pass = clattn__trial_pass(trial, kernel);
    clattn_status status = make_workspace(trial, plan, pass);
    for (int i = 0; !status && i < times; ++i)
        status = (pass == CLATTN_FORWARD ? clattn_enqueue_forward : clattn_enqueue_backward)(
            plan, trial->runner.queue, &trial->tensors, trial->workspace, 0, NULL, NULL);
    const clattn_status finished = clattn__runner_finish(&trial->runner);
    return status ? status : finished;
}

static bool writes(const struct clattn__trial *trial, enum clattn__kernel kernel, size_t at)
{
    return (clattn__written_by(trial->transfer.slots[at].index) & clattn__trial_pass(trial, kernel)) != 0;
}

/* Fills the kernel's outputs with NaN, runs it, and reads them back. */
static clattn_status run_once(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel)
{
    struct clattn__transfer *transfer = &trial->transfer;
    const unsigned char ones = 0xff;
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < transfer->count; ++i) {
        if (!writes(trial, kernel, i))
            continue;
        const size_t bytes = slot_elements(&transfer->slots[i]) * transfer->slots[i].element_bytes;
        const cl_int error =
            clEnqueueFillBuffer(trial->runner.queue, transfer->buffers[i], &ones, sizeof ones, 0, bytes, 0, NULL, NULL);
        if (error)
            status = clattn__fail_opencl(error, "clEnqueueFillBuffer");
    }
    if (!status)
        status = run(trial, plan, kernel, 1);
    for (size_t i = 0; i < transfer->count; ++i)
        transfer->arrays[i].data = writes(trial, kernel, i) ? trial->found[i] : NULL;
    return status ? status : clattn__transfer_download(transfer);
}

clattn_status clattn__trial_record(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel)
{
    const clattn_status status = run_once(trial, plan, kernel);
    for (size_t i = 0; !status && i < trial->transfer.count; ++i)
        if (writes(trial, kernel, i)) {
            void *found = trial->found[i];
            trial->found[i] = trial->expected[i];
            trial->expected[i] = found;
        }
    return status;
}

clattn_status clattn__trial_verify(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel,
                                   bool *right)
{
    const clattn_status status = run_once(trial, plan, kernel);
    *right = !status;
    for (size_t i = 0; *right && i < trial->transfer.count; ++i)
        if (writes(trial, kernel, i))
            *right = agree(&trial->problem, &trial->transfer.slots[i], trial->found[i], trial->expected[i]);
    return status;
}

/* Times whole runs by the host's clock, launches included, as a caller sees them: an event of a
 * backward covers two kernels, and not every driver sets its time stamps. Short runs are repeated
 * for some milliseconds. */
clattn_status clattn__trial_time(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel,
                                 double give_up, double *seconds)
{
    enum { MOST_SAMPLES = 5 };
    double sample[MOST_SAMPLES];
    int repeat = 1, samples = MOST_SAMPLES, count = 0;
    while (count < samples) {
        const double start = clattn__seconds_now();
        const clattn_status status = run(trial, plan, kernel, repeat);
        if (status)
            return status;
        double now = (clattn__seconds_now() - start) / repeat;
        if (count == 0 && repeat == 1 && now < 0.002 && now <= give_up) {
            repeat = (int)(0.004 / (now > 4e-5 ? now : 4e-5)) + 1;
            continue;
        }
        if (count == 0 && now > 0.5)
            samples = 3;
        int at = count++; /* insertion sort */
        for (; at > 0 && sample[at - 1] > now; --at)
            sample[at] = sample[at - 1];
        sample[at] = now;
        if (sample[0] > give_up)
            break;
    }
    *seconds = sample[count / 2];
    return CLATTN_SUCCESS;
}
