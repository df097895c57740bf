/* SPDX-License-Identifier: Apache-2.0 */
/* From a caller's tensors to enqueued kernels: what forward.c and backward.c have in common. */
#include "launch/launch.h"

#include "base/sizes.h"
#include "launch/place.h"
#include "select/split.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* ---- the call ---- */

/* By how many powers of two P is made smaller, so that a sum of P V is no larger than the largest V: as many as there are
 * keys, and those that a row's maximum may be left behind by (kernels/attention/softmax.cl). No float16 is that large. */
static int softmax_room(const clattn_problem *p)
{
    int room = 8;
    while (room < 66 && p->kv_len > (int64_t)1 << (room - 8))
        ++room;
    return p->dtype == CLATTN_FLOAT16 ? 0 : room;
}

bool clattn__diagonal_hides_rows(const clattn_score *score, int64_t q_len, int64_t kv_len)
{
    int64_t offset = kv_len - q_len;
    if (score->align != CLATTN_ALIGN_BOTTOM_RIGHT)
        offset = score->align == CLATTN_ALIGN_OFFSET ? score->offset : 0;
    /* The first query sees nothing, or nothing sees the last key. */
    return score->causal && (offset < 0 || offset < kv_len - q_len);
}

static void fill_call(const clattn_plan *plan, struct call *call)
{
    const clattn_problem *p = &plan->problem;
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
    call->causal = p->score.causal;
    call->bottom_right = p->score.align == CLATTN_ALIGN_BOTTOM_RIGHT;
    call->has_kv_lengths = p->kv_lengths;
    call->parts = plan->stages[KERNEL_FORWARD].config.splits;
    call->part_depth = clattn__split_depth(p);
    call->scale = plan->scale;
    call->unit = fabsf(plan->scale) * 1.44269504088896340736f;
    call->room_log2 = -(arg_float)softmax_room(p);
    call->large = 1024.0f / call->unit; /* P of the maximum is within 2^-14 of 1, and so 1 in 16 bits */
    call->room = ldexpf(1.0f, -softmax_room(p));
}

/* Where a kernel finds the tensor; key lengths, which have no heads, have a place of their own. */
static void set_view(struct call *call, const struct clattn__role *role, const clattn_tensor *tensor)
{
#define AT(slot, member, read, written, when, shape, elements) offsetof(struct call, member),
    static const size_t at[ROLE_COUNT] = {CLATTN__TENSORS(AT)};
#undef AT
    size_t stride[3];
    clattn__role_strides(role, tensor->stride, stride);
    const struct view view = {(arg_long)tensor->offset, (arg_long)stride[0], (arg_long)stride[1], (arg_long)stride[2]};
    if (role->index == ROLE_KV_LENGTHS) {
        call->kv_lengths = view.offset;
        call->kv_lengths_stride = view.batch;
    } else {
        memcpy((char *)call + at[role->index], &view, sizeof view);
    }
}

static clattn_status place_tensors(struct clattn__launch *launch, unsigned pass, const clattn_tensors *tensors,
                                   cl_mem workspace, struct call *call)
{
    const clattn_plan *plan = launch->plan;
    struct clattn__role roles[ROLE_COUNT];
    struct clattn__view views[ROLE_COUNT + 1];
    size_t view_count = 0;
    const size_t role_count = clattn__roles(&plan->problem, pass, roles);
    for (size_t i = BUFFER_parts; i < BUFFER_COUNT; ++i)
        launch->mem[i] = (struct clattn__memory){workspace, NULL};
    for (size_t i = 0; i < role_count; ++i) {
        const clattn_tensor *tensor = clattn__tensor_at(tensors, roles[i].index);
        if (!clattn__tensor_given(tensor) && roles[i].optional)
            continue;
        const clattn_status status = clattn__place_tensor(plan->context, &roles[i], tensor, &views[view_count++]);
        if (status)
            return status;
        set_view(call, &roles[i], tensor);
        launch->mem[roles[i].index] = clattn__tensor_memory(tensor);
    }
    call->store_lse = clattn__tensor_given(&tensors->lse);
    const size_t needed = clattn__workspace_bytes(plan, pass);
    clattn_status status = CLATTN_SUCCESS;
    if (needed)
        status = clattn__place_workspace(plan->context, needed, workspace, &views[view_count++]);
    return status ? status : clattn__views_check_overlap(views, view_count);
}

static bool is_of_forward(int kernel)
{
    return kernel == KERNEL_FORWARD || kernel == KERNEL_COMBINE;
}

static uint64_t launches(const struct clattn__stage *stage)
{
    return stage->used ? (stage->groups - 1) / stage->groups_per_launch + 1 : 0;
}

/* Room in launch->done for an event of every launch of the pass, so that nothing can run short once the first is
 * enqueued. */
static clattn_status reserve_events(struct clattn__launch *launch, unsigned pass)
{
    uint64_t count = 0;
    for (int kernel = 0; kernel < KERNEL_COUNT; ++kernel) {
        if (kernel == KERNEL_MAPS || is_of_forward(kernel) == (pass == CLATTN_FORWARD))
            count += launches(launch->stages[kernel]);
    }
    if (count <= SIZE_MAX / sizeof *launch->done)
        launch->done = clattn__allocate(&launch->plan->context->allocator, (size_t)count * sizeof *launch->done);
    return launch->done ? CLATTN_SUCCESS : clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the events of a call");
}

clattn_status clattn__launch_begin(struct clattn__launch *launch, const clattn_plan *plan, unsigned pass,
                                   cl_command_queue queue, const clattn_tensors *given, cl_mem workspace,
                                   cl_uint wait_count, const cl_event *wait_list, struct call *call)
{
    clattn_tensors tensors;
    memset(launch, 0, sizeof *launch);
    if (!plan || !queue || !given)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", !plan ? "plan" : !queue ? "queue" : "tensors");
    clattn_status status = clattn__struct_take(CLATTN__STRUCT(clattn_tensors), "tensors", given, &tensors);
    if (!status)
        status = clattn__check_wait_list(wait_count, wait_list);
    if (status)
        return status;
    if (!(plan->passes & pass))
        return clattn__fail(CLATTN_NOT_PLANNED, "the plan was created for passes 0x%x, without %s", plan->passes,
                            pass == CLATTN_FORWARD ? "CLATTN_FORWARD" : "any of CLATTN_BACKWARD");
    status = clattn__check_queue(plan->context, queue);
    launch->plan = plan;
    launch->queue = queue;
    launch->wait_count = wait_count;
    launch->wait_list = wait_list;
    fill_call(plan, call);
    if (!status)
        status = place_tensors(launch, plan->passes & pass, &tensors, workspace, call);
    for (int kernel = 0; !status && kernel < KERNEL_COUNT; ++kernel)
        launch->stages[kernel] = clattn__stage_for(plan, (enum clattn__kernel)kernel, call);
    return status ? status : reserve_events(launch, pass);
}

const struct clattn__stage *clattn__stage_for(const clattn_plan *plan, enum clattn__kernel kernel,
                                              const struct call *call)
{
    const struct clattn__stage *stage = &plan->stages[kernel];
    const struct clattn__stage *fallback = &plan->fallbacks[kernel];
    return fallback->used && !stage->solver->takes(&plan->problem, kernel, call) ? fallback : stage;
}

const struct clattn__stage *clattn__stage_for_contiguous(const clattn_plan *plan, enum clattn__kernel kernel)
{
    const clattn_tensor contiguous = CLATTN_NO_TENSOR;
    struct clattn__role roles[ROLE_COUNT];
    struct call call;
    fill_call(plan, &call);
    const unsigned passes = is_of_forward((int)kernel) ? CLATTN_FORWARD : plan->passes & CLATTN_BACKWARD;
    const size_t count = clattn__roles(&plan->problem, passes, roles);
    for (size_t i = 0; i < count; ++i)
        set_view(&call, &roles[i], &contiguous);
    return clattn__stage_for(plan, kernel, &call);
}

clattn_status clattn__launch_stage(struct clattn__launch *launch, enum clattn__kernel kernel, struct call *call,
                                   size_t after)
{
    const struct clattn__stage *stage = launch->stages[kernel];
    const cl_uint wait_count = after ? (cl_uint)after : launch->wait_count;
    if (clattn__stage_has_maps(stage))
        call->maps = (arg_long)clattn__maps_at(launch->plan, kernel);
    clattn_status status = CLATTN_SUCCESS;
    for (uint64_t first = 0; !status && first < stage->groups; first += stage->groups_per_launch) {
        const uint64_t left = stage->groups - first;
        const uint64_t groups = left < stage->groups_per_launch ? left : stage->groups_per_launch;
        /* The counter by which work-groups take turns is for one launch. */
        const bool stay = stage->most_groups && groups == stage->groups && groups > stage->most_groups;
        const size_t local = stage->config.group_size, global = (stay ? stage->most_groups : (size_t)groups) * local;
        call->first_group = (arg_long)first;
        call->end_group = (arg_long)(first + groups);
        pthread_mutex_lock(launch->plan->lock);
        status = clattn__set_arguments(stage, call, launch->mem);
        if (!status) {
            const cl_int error =
                clEnqueueNDRangeKernel(launch->queue, stage->kernel, 1, NULL, &global, &local, wait_count,
                                       after ? launch->done : launch->wait_list, &launch->done[launch->done_count]);
            if (error)
                status = clattn__fail_opencl(error, "clEnqueueNDRangeKernel");
            else
                ++launch->done_count;
        }
        pthread_mutex_unlock(launch->plan->lock);
    }
    return status;
}

clattn_status clattn__launch_end(struct clattn__launch *launch, clattn_status status, cl_event *event)
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
