/* From a caller's tensors to enqueued kernels: what forward.c and backward.c have in common. */
#include "launch.h"

#include <math.h>
#include <string.h>

/* ---- checks ---- */

static clattn_status check_queue(const clattn_plan *plan, cl_command_queue queue)
{
    cl_context cl = NULL;
    cl_device_id device = NULL;
    cl_int error = clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof cl, &cl, NULL);
    if (!error)
        error = clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
    if (error)
        return clattn__fail_opencl(error, "clGetCommandQueueInfo(queue)");
    if (cl != plan->context->cl || device != plan->context->id)
        return clattn__fail(CLATTN_WRONG_CONTEXT, "queue is of another %s than the plan",
                            cl != plan->context->cl ? "OpenCL context" : "device");
    return CLATTN_SUCCESS;
}

/* Size of a buffer, its root (itself, or what it is a sub-buffer of), and its byte within that. */
static clattn_status query_buffer(const clattn_plan *plan, const char *name, cl_mem mem, size_t *size, cl_mem *root,
                                  size_t *origin)
{
    cl_context cl = NULL;
    cl_mem parent = NULL;
    *origin = 0;
    cl_int error = clGetMemObjectInfo(mem, CL_MEM_CONTEXT, sizeof cl, &cl, NULL);
    if (!error)
        error = clGetMemObjectInfo(mem, CL_MEM_SIZE, sizeof *size, size, NULL);
    if (!error)
        error = clGetMemObjectInfo(mem, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
    if (!error && parent)
        error = clGetMemObjectInfo(mem, CL_MEM_OFFSET, sizeof *origin, origin, NULL);
    if (error) {
        char call[64] = "clGetMemObjectInfo(";
        strcat(strcat(call, name), ")");
        return clattn__fail_opencl(error, call);
    }
    *root = parent ? parent : mem;
    if (cl != plan->context->cl)
        return clattn__fail(CLATTN_WRONG_CONTEXT, "buffer of %s is of another OpenCL context than the plan", name);
    return CLATTN_SUCCESS;
}

/* Fits a tensor to its buffer: its view for the overlap check, and what the kernels get. */
static clattn_status place_tensor(const clattn_plan *plan, const struct clattn__role *role, const clattn_tensor *tensor,
                                  struct clattn__view *view, struct view *argument)
{
    size_t size, origin, stride[3];
    cl_mem root;
    const clattn_status status = query_buffer(plan, role->name, tensor->mem, &size, &root, &origin);
    if (status)
        return status;
    clattn__role_strides(role, tensor->stride, stride);
    const size_t most = (size_t)1 << 58;
    if (tensor->offset > most || stride[0] > most || stride[1] > most || stride[2] > most)
        return clattn__fail(CLATTN_BUFFER_TOO_SMALL, "offset or a stride of %s exceeds 2^58 elements", role->name);
    const int64_t bytes = (int64_t)role->element_bytes;
    *view = (struct clattn__view){.name = role->name, .use = role->use, .memory = root, .run = role->depth * bytes};
    for (size_t i = 0; i < 3; ++i) {
        view->count[i] = role->count[i];
        view->stride[i] = (int64_t)stride[i] * bytes;
    }
    const int64_t extent = clattn__view_extent(view);
    const int64_t offset = (int64_t)tensor->offset * bytes;
    if (extent < 0 || (uint64_t)extent + (uint64_t)offset > size)
        return clattn__fail(CLATTN_BUFFER_TOO_SMALL,
                            "%s reaches to byte %llu of its buffer (offset and strides included), which has %zu",
                            role->name, extent < 0 ? ~0ull : (unsigned long long)extent + (unsigned long long)offset,
                            size);
    view->base = (int64_t)origin + offset;
    *argument = (struct view){(arg_long)tensor->offset, (arg_long)stride[0], (arg_long)stride[1], (arg_long)stride[2]};
    return CLATTN_SUCCESS;
}

static clattn_status place_workspace(const clattn_plan *plan, unsigned pass, cl_mem workspace,
                                     struct clattn__view *view, size_t *view_count)
{
    size_t needed, size, origin;
    cl_mem root;
    clattn_status status = clattn_plan_workspace_size(plan, pass, &needed);
    if (status || needed == 0)
        return status;
    if (!workspace)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "workspace is NULL; the pass needs %zu bytes", needed);
    status = query_buffer(plan, "workspace", workspace, &size, &root, &origin);
    if (!status && size < needed)
        status = clattn__fail(CLATTN_BUFFER_TOO_SMALL, "workspace has %zu bytes; the pass needs %zu", size, needed);
    *view = (struct clattn__view){.name = "workspace",
                                  .use = TENSOR_OUTPUT,
                                  .memory = root,
                                  .base = (int64_t)origin,
                                  .run = (int64_t)needed,
                                  .count = {1, 1, 1}};
    *view_count += 1;
    return status;
}

/* ---- the call ---- */

/* Member `index` (ROLE_Q, ..) of the struct. */
static const clattn_tensor *tensor_at(const clattn_tensors *tensors, size_t index)
{
    const clattn_tensor *const members[ROLE_COUNT] = {
        &tensors->q,   &tensors->k,    &tensors->v,  &tensors->mask, &tensors->kv_lengths, &tensors->out,
        &tensors->lse, &tensors->dout, &tensors->dq, &tensors->dk,   &tensors->dv};
    return members[index];
}

/* Where the kernels find the tensor that is member `index` of clattn_tensors. */
static struct view *argument_of(struct call *call, size_t index, struct view *lengths)
{
    struct view *const arguments[ROLE_COUNT] = {&call->q,   &call->k,    &call->v,  &call->mask, lengths,  &call->out,
                                                &call->lse, &call->dout, &call->dq, &call->dk,   &call->dv};
    return arguments[index];
}

static void fill_call(const clattn_plan *plan, struct call *call)
{
    const clattn_problem *p = &plan->problem;
    memset(call, 0, sizeof *call);
    call->mask_column = p->mask_dim[3] > 1;
    call->N = p->q_len;
    call->M = p->kv_len;
    call->offset = p->align == CLATTN_ALIGN_OFFSET ? p->offset : 0;
    call->B = (arg_int)p->batch;
    call->Hq = (arg_int)p->q_heads;
    call->Hk = (arg_int)p->kv_heads;
    call->D = (arg_int)p->qk_dim;
    call->Dv = (arg_int)p->v_dim;
    call->pack = plan->pack;
    call->causal = p->causal;
    call->bottom_right = p->align == CLATTN_ALIGN_BOTTOM_RIGHT;
    call->has_kv_lengths = p->kv_lengths;
    call->scale = plan->scale;
    call->scale_log2 = plan->scale * 1.44269504088896340736f;
}

static clattn_status place_tensors(struct clattn__launch *launch, unsigned pass, const clattn_tensors *tensors,
                                   cl_mem workspace, struct call *call)
{
    const clattn_plan *plan = launch->plan;
    struct clattn__role roles[ROLE_COUNT];
    struct clattn__view views[ROLE_COUNT + 1];
    struct view lengths = {0, 0, 0, 0};
    size_t view_count = 0;
    const size_t role_count = clattn__roles(&plan->problem, pass, roles);
    for (size_t i = 0; i < ROLE_COUNT; ++i)
        launch->mem[i] = tensors->q.mem;
    for (size_t i = 0; i < role_count; ++i) {
        const clattn_tensor *tensor = tensor_at(tensors, roles[i].index);
        if (!tensor->mem && roles[i].optional)
            continue;
        if (!tensor->mem)
            return clattn__fail(CLATTN_INVALID_ARGUMENT, "tensor %s is missing: its mem is NULL", roles[i].name);
        launch->mem[roles[i].index] = tensor->mem;
        const clattn_status status =
            place_tensor(plan, &roles[i], tensor, &views[view_count++], argument_of(call, roles[i].index, &lengths));
        if (status)
            return status;
    }
    call->kv_lengths = lengths.offset;
    call->kv_lengths_stride = lengths.batch;
    call->store_lse = tensors->lse.mem != NULL;
    const clattn_status status = place_workspace(plan, pass, workspace, &views[view_count], &view_count);
    return status ? status : clattn__views_check_overlap(views, view_count);
}

/* Room in launch->done for an event of every launch of the pass, so that nothing can run short once the first is
 * enqueued. */
static clattn_status reserve_events(struct clattn__launch *launch, unsigned pass)
{
    uint64_t count = 0;
    for (int kernel = 0; kernel < KERNEL_COUNT; ++kernel) {
        const struct clattn__stage *stage = &launch->plan->stages[kernel];
        if (stage->used && (kernel == KERNEL_FORWARD) == (pass == CLATTN_FORWARD))
            count += (stage->groups - 1) / stage->groups_per_launch + 1;
    }
    if (count <= SIZE_MAX / sizeof *launch->done)
        launch->done = clattn__allocate(&launch->plan->context->allocator, (size_t)count * sizeof *launch->done);
    return launch->done ? CLATTN_SUCCESS : clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the events of a call");
}

clattn_status clattn__launch_begin(struct clattn__launch *launch, const clattn_plan *plan, unsigned pass,
                                   cl_command_queue queue, const clattn_tensors *tensors, cl_mem workspace,
                                   cl_uint wait_count, const cl_event *wait_list, struct call *call)
{
    memset(launch, 0, sizeof *launch);
    if (!plan || !queue || !tensors)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "%s is NULL", !plan ? "plan" : !queue ? "queue" : "tensors");
    if (tensors->struct_size != sizeof *tensors)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "tensors.struct_size is %zu; it must be sizeof(clattn_tensors), %zu here",
                            tensors->struct_size, sizeof *tensors);
    if (!wait_count != !wait_list)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "wait_count is %u and wait_list is %s", (unsigned)wait_count,
                            wait_list ? "not NULL" : "NULL");
    for (cl_uint i = 0; i < wait_count; ++i)
        if (!wait_list[i])
            return clattn__fail(CLATTN_INVALID_ARGUMENT, "wait_list[%u] is NULL", (unsigned)i);
    if (!(plan->passes & pass))
        return clattn__fail(CLATTN_NOT_PLANNED, "the plan was created for passes 0x%x, without %s", plan->passes,
                            pass == CLATTN_FORWARD ? "CLATTN_FORWARD" : "any of CLATTN_BACKWARD");
    clattn_status status = check_queue(plan, queue);
    launch->plan = plan;
    launch->queue = queue;
    launch->wait_count = wait_count;
    launch->wait_list = wait_list;
    fill_call(plan, call);
    if (!status)
        status = place_tensors(launch, plan->passes & pass, tensors, workspace, call);
    return status ? status : reserve_events(launch, pass);
}

static clattn_status set_arguments(const struct clattn__stage *stage, const struct call *call, const cl_mem *buffers,
                                   size_t buffer_count)
{
    cl_int error = clSetKernelArg(stage->kernel, 0, sizeof *call, call);
    for (size_t i = 0; !error && i < buffer_count; ++i)
        error = clSetKernelArg(stage->kernel, (cl_uint)i + 1, sizeof buffers[i], &buffers[i]);
    return error ? clattn__fail_opencl(error, "clSetKernelArg") : CLATTN_SUCCESS;
}

clattn_status clattn__launch_stage(struct clattn__launch *launch, enum clattn__kernel kernel, struct call *call,
                                   const cl_mem *buffers, size_t buffer_count, size_t after)
{
    const struct clattn__stage *stage = &launch->plan->stages[kernel];
    const cl_uint wait_count = after ? (cl_uint)after : launch->wait_count;
    clattn_status status = CLATTN_SUCCESS;
    for (uint64_t first = 0; !status && first < stage->groups; first += stage->groups_per_launch) {
        const uint64_t left = stage->groups - first;
        const uint64_t groups = left < stage->groups_per_launch ? left : stage->groups_per_launch;
        const size_t local = stage->config.group_size, global = (size_t)groups * local;
        call->first_group = (arg_long)first;
        pthread_mutex_lock(launch->plan->lock);
        status = set_arguments(stage, call, buffers, buffer_count);
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
