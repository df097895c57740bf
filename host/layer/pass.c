/* SPDX-License-Identifier: Apache-2.0 */
/* Checks a call of the layer, and locates its tensors. */
#include "layer/pass.h"

#include "base/sizes.h"
#include "launch/bind.h"

#include <stdint.h>

/* Lists every member as a tensor; blocks are contiguous. */
static void list_tensors(const clattn_layer_tensors *tensors, clattn_tensor list[LAYER_TENSOR_SLOT_COUNT])
{
#define BLOCK(slot, member, ...)                                                                                       \
    list[LAYER_##slot] = (clattn_tensor){.mem = tensors->member.mem, .offset = tensors->member.offset};
#define TENSOR(slot, member, ...) list[LAYER_##slot] = tensors->member;
    CLATTN__LAYER_TENSORS(BLOCK, BLOCK, TENSOR, TENSOR)
#undef TENSOR
#undef BLOCK
}

/* CLBlast uses 32-bit indices. */
static clattn_status check_reach(const struct clattn__tensor_slot *slot, const clattn_tensor *tensor)
{
    /* Used by attention only, not by CLBlast. */
    const bool strided = slot->index > LAYER_CONTEXT && slot->index < LAYER_WQ;
    if (strided || tensor->offset <= (size_t)(INT32_MAX - slot->depth))
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_SIZE, "offset of %s is %zu; its %lld elements must end before element 2^31",
                        slot->name, tensor->offset, (long long)slot->depth);
}

static clattn_status bind_tensors(const clattn_layer_plan *plan, unsigned which, const clattn_layer_tensors *tensors,
                                  cl_mem workspace)
{
    clattn_tensor list[LAYER_TENSOR_SLOT_COUNT];
    struct clattn__tensor_slot slots[LAYER_TENSOR_SLOT_COUNT];
    struct clattn__view views[LAYER_TENSOR_SLOT_COUNT + 1];
    size_t view_count = 0, needed = 0;
    list_tensors(tensors, list);
    const size_t slot_count = clattn__layer_slots(&plan->layer, plan->has_context, which, slots);
    clattn_status status = CLATTN_SUCCESS;
    for (size_t i = 0; !status && i < slot_count; ++i) {
        const clattn_tensor *tensor = &list[slots[i].index];
        if (!clattn__tensor_given(tensor) && slots[i].optional)
            continue;
        status = clattn__bind_tensor(plan->context, &slots[i], tensor, &views[view_count++]);
        if (!status)
            status = check_reach(&slots[i], tensor);
    }
    if (!status)
        status = clattn_layer_workspace_size(plan, which, &needed);
    if (!status)
        status = clattn__bind_workspace(plan->context, needed, workspace, &views[view_count++]);
    return status ? status : clattn__views_check_overlap(views, view_count);
}

static clattn_status check_gradients(const clattn_layer_plan *plan, const clattn_layer_tensors *t)
{
    if (t->accumulate != 0 && t->accumulate != 1)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "tensors.accumulate is %d; allowed are 0 and 1", t->accumulate);
    if (t->dcontext.mem && !plan->has_context)
        return clattn__fail(
            CLATTN_INVALID_ARGUMENT,
            "dcontext is given, but the layer has no context: dx is the gradient of queries, keys and values");
    clattn_tensor list[LAYER_TENSOR_SLOT_COUNT];
    list_tensors(t, list);
    for (size_t i = 0; i < LAYER_TENSOR_SLOT_COUNT; ++i)
        if (clattn__layer_is_gradient(i) && list[i].mem)
            return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_ARGUMENT, "no gradient is asked for: all of them are absent");
}

static clattn_status check_call(const clattn_layer_plan *plan, unsigned which, cl_command_queue queue,
                                const clattn_layer_tensors *tensors, cl_uint wait_count, const cl_event *wait_list)
{
    clattn_status status = clattn__check_wait_list(wait_count, wait_list);
    if (status)
        return status;
    if (!(plan->passes & which))
        return clattn__fail(CLATTN_NOT_PLANNED, "the plan was created for passes 0x%x, without %s", plan->passes,
                            which == CLATTN_FORWARD ? "CLATTN_FORWARD" : "CLATTN_BACKWARD");
    if (tensors->context.mem && !plan->has_context)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "context is given, but the layer has none: its context_len is 0");
    status = clattn__check_queue(plan->context, queue);
    return status || which == CLATTN_FORWARD ? status : check_gradients(plan, tensors);
}

clattn_tensor clattn__layer_heads(const clattn_layer_plan *plan, cl_mem mem, size_t offset, int64_t len, int64_t width)
{
    return (clattn_tensor){
        .mem = mem, .offset = offset, .stride = {(size_t)(len * width), (size_t)plan->layer.dim_head, (size_t)width}};
}

/* Locates the tensors in `saved`, and attention's views of them. */
static void find_parts(struct clattn__layer_pass *pass, clattn_block saved)
{
    const clattn_layer *layer = &pass->plan->layer;
    const struct clattn__saved at = clattn__layer_saved(layer);
    const int64_t width = pass->plan->q.out, kv_width = pass->plan->kv.out;
    const size_t values = (size_t)(layer->kv_heads * layer->dim_head); /* from a row's K to its V */
    pass->q = (clattn_block){saved.mem, saved.offset + (size_t)at.q};
    pass->kv = (clattn_block){saved.mem, saved.offset + (size_t)at.kv};
    pass->out = (clattn_block){saved.mem, saved.offset + (size_t)at.out};
    clattn_tensors *t = &pass->attention;
    t->q = clattn__layer_heads(pass->plan, saved.mem, pass->q.offset, layer->len, width);
    t->k = clattn__layer_heads(pass->plan, saved.mem, pass->kv.offset, layer->context_len, kv_width);
    t->v = clattn__layer_heads(pass->plan, saved.mem, pass->kv.offset + values, layer->context_len, kv_width);
    t->out = clattn__layer_heads(pass->plan, saved.mem, pass->out.offset, layer->len, width);
    t->lse = (clattn_tensor){.mem = saved.mem, .offset = saved.offset + (size_t)at.lse};
#define HAND_ON(slot, member, read, written, when, shape, elements) t->member = pass->tensors.member;
    CLATTN__SCORE_TENSORS(HAND_ON)
#undef HAND_ON
    t->max_logit = pass->tensors.max_logit;
}

clattn_status clattn__layer_pass_begin(struct clattn__layer_pass *pass, const clattn_layer_plan *plan, unsigned which,
                                       cl_command_queue queue, const clattn_layer_tensors *given, cl_mem workspace,
                                       cl_uint wait_count, const cl_event *wait_list)
{
    *pass = (struct clattn__layer_pass){.plan = plan, .workspace = workspace, .attention = CLATTN_TENSORS_INIT};
    const clattn_layer_tensors *tensors = &pass->tensors;
    if (!plan || !queue || !given)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", !plan ? "plan" : !queue ? "queue" : "tensors");
    clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_layer_tensors), "tensors", given, &pass->tensors);
    if (!status)
        status = check_call(plan, which, queue, tensors, wait_count, wait_list);
    if (!status)
        status = bind_tensors(plan, which, tensors, workspace);
    if (!status)
        status = clattn__sequence_begin(&pass->sequence, queue, wait_count, wait_list);
    if (status)
        return status;
    const bool forward = which == CLATTN_FORWARD;
    const struct clattn__layer_space *space = forward ? &plan->forward_space : &plan->backward_space;
    pass->sequence.temporary = workspace;
    pass->sequence.ones = (clattn_block){workspace, (size_t)space->ones};
    pass->context = plan->has_context ? tensors->context : tensors->x;
    find_parts(pass, tensors->saved.mem ? tensors->saved : (clattn_block){workspace, (size_t)space->saved});
    return CLATTN_SUCCESS;
}
