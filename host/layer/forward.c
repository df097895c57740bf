/* SPDX-License-Identifier: Apache-2.0 */
/* The layer's forward: projections to Q, K and V, attention, output projection. */
#include "layer/pass.h"

/* Computes O of all heads, and L. */
static clattn_status attend(struct clattn__layer_pass *pass)
{
    cl_uint wait_count;
    const cl_event *wait_list;
    cl_event event;
    clattn__sequence_waits(&pass->sequence, &wait_count, &wait_list);
    const clattn_status status = clattn_enqueue_forward(pass->plan->forward, pass->sequence.queue, &pass->attention,
                                                        pass->workspace, wait_count, wait_list, &event);
    if (!status)
        clattn__sequence_advance(&pass->sequence, event);
    return status;
}

static clattn_status enqueue(struct clattn__layer_pass *pass)
{
    const clattn_layer_plan *plan = pass->plan;
    const clattn_layer_tensors *t = &pass->tensors;
    struct clattn__sequence *sequence = &pass->sequence;
    const int64_t most_rows = plan->q.rows > plan->kv.rows ? plan->q.rows : plan->kv.rows;
    clattn_status status = CLATTN_SUCCESS;
    if (t->bq.mem || t->bkv.mem || t->bo.mem)
        status = clattn__sequence_fill_ones(sequence, most_rows);
    if (!status)
        status = clattn__projection_forward(sequence, &plan->q, t->x, t->wq, t->bq, pass->q);
    if (!status)
        status = clattn__projection_forward(sequence, &plan->kv, pass->context, t->wkv, t->bkv, pass->kv);
    if (!status)
        status = attend(pass);
    if (!status)
        status = clattn__projection_forward(sequence, &plan->out, pass->out, t->wo, t->bo, t->out);
    return status;
}

clattn_status clattn_layer_enqueue_forward(const clattn_layer_plan *plan, cl_command_queue queue,
                                           const clattn_layer_tensors *tensors, cl_mem workspace, cl_uint wait_count,
                                           const cl_event *wait_list, cl_event *event)
{
    struct clattn__layer_pass pass;
    const clattn_status status =
        clattn__layer_pass_begin(&pass, plan, CLATTN_FORWARD, queue, tensors, workspace, wait_count, wait_list);
    return status ? status : clattn__sequence_end(&pass.sequence, enqueue(&pass), event);
}
