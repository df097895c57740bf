/* SPDX-License-Identifier: Apache-2.0 */
/* From a caller's tensors to enqueued kernels. */
#include "launch/launch.h"

#include "attention/args.h"
#include "base/sizes.h"
#include "launch/bind.h"
#include "plan/arguments.h"
#include "select/split.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

/* A call being enqueued. */
struct launch {
    const clattn_plan *plan;
    cl_command_queue queue;
    cl_uint wait_count;
    const cl_event *wait_list;
    /* of the tensors that the caller gave, and the workspace */
    struct clattn__memory mem[BUFFER_COUNT];
    bool svm;                                         /* a tensor is in SVM */
    const struct clattn__stage *stages[KERNEL_COUNT]; /* to launch, in order */
    size_t stage_count;
    cl_event *done; /* events of the launches so far */
    size_t done_count;
};

/* ---- the call ---- */

/* dQ sums in the workspace, (B,Hq,N,D) after delta. */
static struct view contiguous_sums(const clattn_problem *p)
{
    const arg_long head = p->q_len * p->qk_dim, batch = p->q_heads * head;
    return (struct view){.offset = p->batch * p->q_heads * p->q_len, .batch = batch, .head = head, .row = p->qk_dim};
}

/* log2 of the factor that P is scaled down by, so that no sum of P V exceeds the largest V: log2 M,
 * plus the powers of two that the maximum may grow by before rescaling
 * (kernels/attention/softmax.cl). 0 for float16, whose values are too small for the sum to
 * overflow. */
static int softmax_headroom(const clattn_problem *p)
{
    int headroom = 8;
    while (headroom < 66 && p->kv_len > (int64_t)1 << (headroom - 8))
        ++headroom;
    return p->dtype == CLATTN_FLOAT16 ? 0 : headroom;
}

/* Query i sees the keys i + offset - left <= j <= i + offset + right, where the window begins and
 * ends. */
struct window {
    bool begins, ends;
    int64_t left, right;
};

/* Causality ends every window at the diagonal. */
static struct window window_of(const clattn_score *score)
{
    struct window window = {.begins = score->window && score->window_left >= 0,
                            .ends = score->causal || (score->window && score->window_right >= 0)};
    window.left = window.begins ? score->window_left : 0;
    window.right = score->causal || !window.ends ? 0 : score->window_right;
    return window;
}

bool clattn__diagonal_hides_rows(const clattn_score *score, int64_t q_len, int64_t kv_len)
{
    int64_t offset = kv_len - q_len;
    if (score->align != CLATTN_ALIGN_BOTTOM_RIGHT)
        offset = score->align == CLATTN_ALIGN_OFFSET ? score->offset : 0;
    const struct window window = window_of(score);
    const int64_t first = offset - window.left, last = offset + window.right;
    /* In order: the first query sees no key, or no query sees the last key; no query sees the first
     * key, or the last query sees no key. */
    return (window.ends && (last < 0 || last < kv_len - q_len)) ||
           (window.begins && (first > 0 || first > kv_len - q_len));
}

/* The numbers of a score (kernels/attention/score.cl). */
static void set_units(struct call *call, const clattn_problem *p, float scale)
{
    const bool bias = p->score.bias_dim[0] != 0, softcap = p->score.softcap != 0.0f;
    call->scale = bias ? 1.0f : softcap ? p->score.softcap : scale;
    call->scale_log2 = fabsf(call->scale) * 1.44269504088896340736f;
    /* With scores up to 1024 powers of two, rounding leaves P of the maximum within 2^-14 of 1,
     * which is 1 in 16 bits. */
    call->large = 1024.0f / call->scale_log2;
    call->product_scale = scale;
    call->bias_column = p->score.bias_dim[3] > 1;
    call->softcap = p->score.softcap;
    if (softcap)
        call->softcap_step = fmaxf(-FLT_MAX, fminf((float)((double)scale / (double)p->score.softcap), FLT_MAX));
}

static void fill_call(const clattn_plan *plan, struct call *call)
{
    const clattn_problem *p = &plan->problem;
    const struct window window = window_of(&p->score);
    memset(call, 0, sizeof *call);
    call->mask_column = p->score.mask_dim[3] > 1;
    call->N = p->q_len;
    call->M = p->kv_len;
    call->offset = p->score.align == CLATTN_ALIGN_OFFSET ? p->score.offset : 0;
    call->B = (arg_int)p->batch;
    call->Hq = (arg_int)p->q_heads;
    call->Hk = (arg_int)p->kv_heads;
    call->D = (arg_int)p->qk_dim;
    call->Dv = (arg_int)p->v_dim;
    call->pack = plan->pack;
    call->causal = window.ends;
    call->window_begins = window.begins;
    call->window_left = window.left;
    call->window_right = window.right;
    call->bottom_right = p->score.align == CLATTN_ALIGN_BOTTOM_RIGHT;
    call->has_kv_lengths = p->kv_lengths;
    call->splits = plan->splits;
    call->partial_depth = clattn__partial_depth(p);
    call->dq_sums = contiguous_sums(p);
    set_units(call, p, plan->scale);
    call->headroom_log2 = -(arg_float)softmax_headroom(p);
    call->headroom = ldexpf(1.0f, -softmax_headroom(p));
}

/* Sets the tensor's view in struct call, or for key lengths, which have no heads, their two
 * members. */
static void set_view(struct call *call, const struct clattn__tensor_slot *slot, size_t offset,
                     const struct clattn__view *bound)
{
#define AT(slot, member, read, written, when, shape, elements) offsetof(struct call, member),
    static const size_t at[TENSOR_SLOT_COUNT] = {CLATTN__TENSORS(AT)};
#undef AT
    const int64_t bytes = (int64_t)slot->element_bytes, *stride = bound->stride;
    const struct view view = {(arg_long)offset, stride[0] / bytes, stride[1] / bytes, stride[2] / bytes};
    if (slot->index == TENSOR_SLOT_KV_LENGTHS) {
        call->kv_lengths = view.offset;
        call->kv_lengths_stride = view.batch;
    } else {
        memcpy((char *)call + at[slot->index], &view, sizeof view);
    }
}

static clattn_status bind_tensors(struct launch *launch, unsigned pass, const clattn_tensors *tensors, cl_mem workspace,
                                  struct call *call)
{
    const clattn_plan *plan = launch->plan;
    struct clattn__tensor_slot slots[TENSOR_SLOT_COUNT];
    struct clattn__view views[TENSOR_SLOT_COUNT + 1];
    size_t view_count = 0;
    const size_t slot_count = clattn__slots(&plan->problem, pass, slots);
    for (size_t i = BUFFER_partials; i < BUFFER_COUNT; ++i)
        launch->mem[i] = (struct clattn__memory){workspace, NULL};
    for (size_t i = 0; i < slot_count; ++i) {
        const clattn_tensor *tensor = clattn__tensor_at(tensors, slots[i].index);
        if (!clattn__tensor_given(tensor) && slots[i].optional)
            continue;
        struct clattn__view *view = &views[view_count++];
        const clattn_status status = clattn__bind_tensor(plan->context, &slots[i], tensor, view);
        if (status)
            return status;
        set_view(call, &slots[i], tensor->offset, view);
        launch->mem[slots[i].index] = clattn__tensor_memory(tensor);
        launch->svm = launch->svm || tensor->svm;
    }
    call->store_lse = clattn__tensor_given(&tensors->lse);
    call->store_max_logit = clattn__tensor_given(&tensors->max_logit);
    const size_t needed = clattn__workspace_bytes(plan, pass);
    clattn_status status = CLATTN_SUCCESS;
    if (needed)
        status = clattn__bind_workspace(plan->context, needed, workspace, &views[view_count++]);
    return status ? status : clattn__views_check_overlap(views, view_count);
}

const struct clattn__stage *clattn__stage_for_contiguous(const clattn_plan *plan, enum clattn__kernel kernel)
{
    static const size_t contiguous[4] = {0, 0, 0, 0};
    struct clattn__tensor_slot slots[TENSOR_SLOT_COUNT];
    struct clattn__view view;
    struct call call;
    fill_call(plan, &call);
    const size_t count = clattn__slots(&plan->problem, plan->passes & clattn__kernel_passes[kernel], slots);
    for (size_t i = 0; i < count && clattn__slot_view(&slots[i], contiguous, &view); ++i)
        set_view(&call, &slots[i], 0, &view);
    return clattn__stage_for(plan, kernel, &call);
}

/* ---- before the first launch ---- */

static clattn_status check(const clattn_plan *plan, unsigned pass, cl_command_queue queue, const clattn_tensors *given,
                           cl_uint wait_count, const cl_event *wait_list, clattn_tensors *tensors)
{
    if (!plan || !queue || !given)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", !plan ? "plan" : !queue ? "queue" : "tensors");
    clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_tensors), "tensors", given, tensors);
    if (!status)
        status = clattn__check_wait_list(wait_count, wait_list);
    if (status)
        return status;
    if (!(plan->passes & pass))
        return clattn__fail(CLATTN_NOT_PLANNED, "the plan was created for passes 0x%x, without %s", plan->passes,
                            pass == CLATTN_FORWARD ? "CLATTN_FORWARD" : "any of CLATTN_BACKWARD");
    return clattn__check_queue(plan->context, queue);
}

/* Reserves an event per launch, so that memory cannot run out after the first enqueue. */
static clattn_status reserve_events(struct launch *launch)
{
    uint64_t count = 0;
    for (size_t i = 0; i < launch->stage_count; ++i)
        count += (launch->stages[i]->groups - 1) / launch->stages[i]->groups_per_launch + 1;
    if (count <= SIZE_MAX / sizeof *launch->done)
        launch->done = clattn__allocate(&launch->plan->context->allocator, (size_t)count * sizeof *launch->done);
    return launch->done ? CLATTN_SUCCESS : clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the events of a call");
}

/* ---- launches ---- */

/* Sets the position of the stage's tensor maps in the workspace, and the tile rows of each map.
 * Tensor maps describe tensors to the copy engine of nvidia_wgmma (its tensor_map.cl). One kernel
 * writes a set of them for each stage that uses them; for that kernel, the position is the first
 * set's. Sets that are not needed have 0 rows. */
static void set_maps(const clattn_plan *plan, unsigned pass, const struct clattn__stage *stage, struct call *call)
{
    const struct clattn__stage *readers[CLATTN__MAP_SETS];
    const size_t count = clattn__stages_with_maps(plan, pass, readers);
    if (!count)
        return;
    call->tensor_maps =
        (arg_long)clattn__maps_offset(plan, pass, stage->config.kernel == KERNEL_TENSOR_MAPS ? readers[0] : stage);
    for (size_t i = 0; i < ARRAY_SIZE(call->query_rows); ++i) {
        const struct clattn__config *config = i < count ? &readers[i]->config : NULL;
        const bool keys_stationary = config && clattn__config_keys_stationary(config->kernel);
        call->query_rows[i] = !config ? 0 : keys_stationary ? config->tile_cols : config->tile_rows;
        call->key_rows[i] = !config ? 0 : keys_stationary ? config->tile_rows : config->tile_cols;
    }
}

/* Gets the kernel object for this call. With tensors in SVM it is a new object: after an argument
 * was a pointer once, some drivers never accept a buffer for it again. */
static clattn_status begin_kernel(const struct launch *launch, const struct clattn__stage *stage, cl_kernel *kernel)
{
    cl_int error = CL_SUCCESS;
    *kernel = launch->svm ? clCreateKernel(stage->program, stage->solver->program, &error) : stage->kernel;
    return error ? clattn__fail_opencl(error, "clCreateKernel") : CLATTN_SUCCESS;
}

static void end_kernel(const struct launch *launch, cl_kernel kernel)
{
    if (launch->svm && kernel)
        clReleaseKernel(kernel);
}

/* Enqueues a stage after the first `after` events of launch->done (0: after the call's own wait
 * list), and adds its events to launch->done. */
static clattn_status launch_stage(struct launch *launch, const struct clattn__stage *stage, struct call *call,
                                  size_t after)
{
    const cl_uint wait_count = after ? (cl_uint)after : launch->wait_count;
    cl_kernel kernel;
    clattn_status status = begin_kernel(launch, stage, &kernel);
    for (uint64_t first = 0; !status && first < stage->groups; first += stage->groups_per_launch) {
        const uint64_t left = stage->groups - first;
        const uint64_t groups = left < stage->groups_per_launch ? left : stage->groups_per_launch;
        /* The tile scheduler's counter serves a single launch. */
        const bool persistent =
            stage->persistent_groups && groups == stage->groups && groups > stage->persistent_groups;
        const size_t local = stage->config.group_size,
                     global = (persistent ? stage->persistent_groups : (size_t)groups) * local;
        call->pack = stage->config.packed ? launch->plan->pack : 1;
        call->first_group = (arg_long)first;
        call->end_group = (arg_long)(first + groups);
        pthread_mutex_lock(launch->plan->lock);
        status = clattn__set_arguments(stage, kernel, call, launch->mem);
        if (!status) {
            const cl_int error =
                clEnqueueNDRangeKernel(launch->queue, kernel, 1, NULL, &global, &local, wait_count,
                                       after ? launch->done : launch->wait_list, &launch->done[launch->done_count]);
            if (error)
                status = clattn__fail_opencl(error, "clEnqueueNDRangeKernel");
            else
                ++launch->done_count;
        }
        pthread_mutex_unlock(launch->plan->lock);
    }
    end_kernel(launch, kernel);
    return status;
}

/* Launches each stage after the stages whose results it reads, concurrently with the others. */
static clattn_status launch_stages(struct launch *launch, unsigned pass, struct call *call)
{
    size_t end[KERNEL_COUNT]; /* end of each stage's events in launch->done */
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < launch->stage_count; ++i) {
        const struct clattn__stage *stage = launch->stages[i];
        size_t after = 0;
        for (size_t j = 0; j < i; ++j)
            if (launch->stages[j]->makes & stage->reads)
                after = end[j];
        set_maps(launch->plan, pass, stage, call);
        status = launch_stage(launch, stage, call, after);
        end[i] = launch->done_count;
    }
    return status;
}

/* Gives the caller one event for all of launch->done, and releases those. Returns `status`, or the
 * marker's error. */
static clattn_status end(struct launch *launch, clattn_status status, cl_event *event)
{
    if (!status && event && launch->done_count == 1) {
        *event = launch->done[0];
        launch->done_count = 0;
    } else if (!status && event) {
        const cl_int error =
            clEnqueueMarkerWithWaitList(launch->queue, (cl_uint)launch->done_count, launch->done, event);
        if (error)
            status = clattn__fail_opencl(error, "clEnqueueMarkerWithWaitList");
    }
    for (size_t i = 0; i < launch->done_count; ++i)
        clReleaseEvent(launch->done[i]);
    if (launch->done)
        clattn__release(&launch->plan->context->allocator, launch->done);
    return status;
}

clattn_status clattn__launch(const clattn_plan *plan, unsigned pass, cl_command_queue queue,
                             const clattn_tensors *given, cl_mem workspace, cl_uint wait_count,
                             const cl_event *wait_list, cl_event *event)
{
    struct launch launch = {.plan = plan, .queue = queue, .wait_count = wait_count, .wait_list = wait_list};
    clattn_tensors tensors;
    struct call call;
    clattn_status status = check(plan, pass, queue, given, wait_count, wait_list, &tensors);
    if (status)
        return status;
    fill_call(plan, &call);
    status = bind_tensors(&launch, plan->passes & pass, &tensors, workspace, &call);
    if (status)
        return status;
    launch.stage_count = clattn__stages_for(plan, pass, &call, launch.stages);
    status = reserve_events(&launch);
    if (!status)
        status = launch_stages(&launch, pass, &call);
    return end(&launch, status, event);
}
