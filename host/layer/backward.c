/* SPDX-License-Identifier: Apache-2.0 */
/* The layer's backward: from dout through the output projection, attention, and the projections to
 * Q, K and V. */
#include "layer/pass.h"

#include "launch/bind.h"

/* The gradients of attention that the call needs. */
struct needed {
    bool q, kv, bias, sink;
};

static bool needs_dout(struct needed needed)
{
    return needed.q || needed.kv || needed.bias || needed.sink;
}

static struct needed find_needed(const struct clattn__layer_pass *pass)
{
    const clattn_layer_tensors *t = &pass->tensors;
    const bool dx_from_kv = t->dx.mem && !pass->plan->has_context;
    return (struct needed){.q = t->dx.mem || t->dwq.mem || t->dbq.mem,
                           .kv = dx_from_kv || t->dcontext.mem || t->dwkv.mem || t->dbkv.mem,
                           .bias = pass->plan->backward_dbias && clattn__tensor_given(&t->dbias),
                           .sink = pass->plan->backward_dsink && clattn__tensor_given(&t->dsink)};
}

/* A block of the workspace. */
static clattn_block part(const struct clattn__layer_pass *pass, int64_t offset)
{
    return (clattn_block){pass->workspace, (size_t)offset};
}

static clattn_status enqueue_attention(struct clattn__layer_pass *pass, const clattn_plan *plan)
{
    cl_uint wait_count;
    const cl_event *wait_list;
    cl_event event;
    clattn__sequence_waits(&pass->sequence, &wait_count, &wait_list);
    const clattn_status status = clattn_enqueue_backward(plan, pass->sequence.queue, &pass->attention, pass->workspace,
                                                         wait_count, wait_list, &event);
    if (!status)
        clattn__sequence_advance(&pass->sequence, event);
    return status;
}

/* dQ, dK, dV, dbias and dsink of all heads from dO, as needed. Those of dbias and dsink are plans of
 * their own, which make their own delta: fewer than one for each subset, and delta costs little. */
static clattn_status attend(struct clattn__layer_pass *pass, struct needed needed)
{
    const clattn_layer_plan *plan = pass->plan;
    const clattn_layer *layer = &plan->layer;
    const struct clattn__layer_space *space = &plan->backward_space;
    const size_t values = (size_t)(layer->kv_heads * layer->dim_head);
    const clattn_plan *attention = !needed.kv ? plan->backward_dq : !needed.q ? plan->backward_dkdv : plan->backward;
    clattn_tensors *t = &pass->attention;
    cl_mem workspace = pass->workspace;
    t->dout = clattn__layer_heads(plan, workspace, (size_t)space->dout, layer->len, plan->out.in);
    t->dq = clattn__layer_heads(plan, workspace, (size_t)space->q, layer->len, plan->q.out);
    t->dk = clattn__layer_heads(plan, workspace, (size_t)space->kv, layer->context_len, plan->kv.out);
    t->dv = clattn__layer_heads(plan, workspace, (size_t)space->kv + values, layer->context_len, plan->kv.out);
    t->dbias = pass->tensors.dbias;
    t->dsink = pass->tensors.dsink;
    clattn_status status = CLATTN_SUCCESS;
    if (needed.q || needed.kv)
        status = enqueue_attention(pass, attention);
    if (!status && needed.bias)
        status = enqueue_attention(pass, plan->backward_dbias);
    if (!status && needed.sink)
        status = enqueue_attention(pass, plan->backward_dsink);
    return status;
}

/* If the gradient dw is requested and there may be rows that nothing sees: replaces `from`
 * (rows,width), one factor of dw, by a copy. A row of the copy is 0 if the same row of `partner`,
 * the other factor, is 0. */
static clattn_status blank(struct clattn__layer_pass *pass, int64_t rows, clattn_block dw, clattn_block partner,
                           int64_t partner_width, clattn_block *from, int64_t width)
{
    const clattn_layer_plan *plan = pass->plan;
    if (!dw.mem || !plan->blank.kernel)
        return CLATTN_SUCCESS;
    const struct clattn__blank_rows blanked = {.count = rows,
                                               .partner_width = partner_width,
                                               .width = width,
                                               .partner = partner,
                                               .from = *from,
                                               .to = part(pass, plan->backward_space.dout)};
    *from = blanked.to;
    return clattn__blank_enqueue(&plan->blank, &pass->sequence, &blanked);
}

/* dw and db of the projection of x. Rows whose gradient is 0 add nothing. */
static clattn_status enqueue_dw(struct clattn__layer_pass *pass, const struct clattn__projection *projection,
                                clattn_block dy, clattn_block x, clattn_block dw, clattn_block db)
{
    const clattn_status status = blank(pass, projection->rows, dw, dy, projection->out, &x, projection->in);
    return status ? status
                  : clattn__projection_dw(&pass->sequence, projection, dy, x, dw, db, pass->tensors.accumulate);
}

/* dwo and dbo. A query that sees no key has O = 0: its row of dout goes into dbo only. */
static clattn_status enqueue_dwo(struct clattn__layer_pass *pass)
{
    const struct clattn__projection *out = &pass->plan->out;
    const clattn_layer_tensors *t = &pass->tensors;
    const clattn_block none = CLATTN_NO_BLOCK;
    clattn_block dout = t->dout;
    clattn_status status = blank(pass, out->rows, t->dwo, pass->out, out->in, &dout, out->out);
    if (!status)
        status = clattn__projection_dw(&pass->sequence, out, dout, pass->out, t->dwo, none, t->accumulate);
    if (!status)
        status = clattn__projection_dw(&pass->sequence, out, t->dout, pass->out, none, t->dbo, t->accumulate);
    return status;
}

/* The gradients of the inputs and weights of Q, K and V. */
static clattn_status enqueue_inputs(struct clattn__layer_pass *pass, struct needed needed)
{
    const clattn_layer_plan *plan = pass->plan;
    const clattn_layer_tensors *t = &pass->tensors;
    struct clattn__sequence *sequence = &pass->sequence;
    const bool both = !plan->has_context;
    const clattn_block dq = part(pass, plan->backward_space.q), dkv = part(pass, plan->backward_space.kv);
    const clattn_block dcontext = both ? t->dx : t->dcontext;
    clattn_status status = attend(pass, needed);
    if (!status)
        status = enqueue_dw(pass, &plan->q, dq, t->x, t->dwq, t->dbq);
    if (!status)
        status = enqueue_dw(pass, &plan->kv, dkv, pass->context, t->dwkv, t->dbkv);
    if (!status && t->dx.mem)
        status = clattn__projection_dx(sequence, &plan->q, dq, t->wq, t->dx, false);
    if (!status && dcontext.mem)
        status = clattn__projection_dx(sequence, &plan->kv, dkv, t->wkv, dcontext, both);
    return status;
}

static clattn_status enqueue(struct clattn__layer_pass *pass)
{
    const clattn_layer_plan *plan = pass->plan;
    const clattn_layer_tensors *t = &pass->tensors;
    struct clattn__sequence *sequence = &pass->sequence;
    const struct needed needed = find_needed(pass);
    const int64_t most_rows = plan->q.rows > plan->kv.rows ? plan->q.rows : plan->kv.rows;
    clattn_status status = CLATTN_SUCCESS;
    if (t->dbq.mem || t->dbkv.mem || t->dbo.mem)
        status = clattn__sequence_fill_ones(sequence, most_rows);
    if (!status)
        status = enqueue_dwo(pass);
    if (!status && needs_dout(needed))
        status =
            clattn__projection_dx(sequence, &plan->out, t->dout, t->wo, part(pass, plan->backward_space.dout), false);
    if (!status && needs_dout(needed))
        status = enqueue_inputs(pass, needed);
    return status;
}

clattn_status clattn_layer_enqueue_backward(const clattn_layer_plan *plan, cl_command_queue queue,
                                            const clattn_layer_tensors *tensors, cl_mem workspace, cl_uint wait_count,
                                            const cl_event *wait_list, cl_event *event)
{
    struct clattn__layer_pass pass;
    const clattn_status status =
        clattn__layer_pass_begin(&pass, plan, CLATTN_BACKWARD, queue, tensors, workspace, wait_count, wait_list);
    return status ? status : clattn__sequence_end(&pass.sequence, enqueue(&pass), event);
}
