/* SPDX-License-Identifier: Apache-2.0 */
/* Forward, loss and backward of the formulas at the head of model.h. */
#include "pass.h"

#define EPSILON 1e-5f /* of the layer norms */

static clattn_block parameter(const struct pass *p, enum model_part part, size_t block)
{
    return model_parameter(p->model, part, block);
}

static clattn_block gradient(const struct pass *p, enum model_part part, size_t block)
{
    return model_gradient(p->model, part, block);
}

/* ---- forward ---- */

static clattn_layer_tensors layer_tensors(const struct pass *p, size_t block)
{
    clattn_layer_tensors t = CLATTN_LAYER_TENSORS_INIT;
    t.x = p->blocks[block].norm_1;
    t.wq = parameter(p, MODEL_wq, block);
    t.wkv = parameter(p, MODEL_wkv, block);
    t.wo = parameter(p, MODEL_wo, block);
    t.saved = p->blocks[block].saved;
    return t;
}

/* branch = layer(norm_1) */
static void attend(struct pass *p, size_t block)
{
    struct nn *nn = p->model->nn;
    clattn_layer_tensors t = layer_tensors(p, block);
    t.bq = parameter(p, MODEL_bq, block);
    t.bkv = parameter(p, MODEL_bkv, block);
    t.bo = parameter(p, MODEL_bo, block);
    t.out = p->branch;
    nn_try_clattn(clattn_layer_enqueue_forward(p->plan, nn->queue, &t, p->forward_space, 0, NULL, NULL),
                  "clattn_layer_enqueue_forward");
}

static void forward_block(struct pass *p, size_t block, clattn_block out)
{
    struct nn *nn = p->model->nn;
    const struct pass_block *b = &p->blocks[block];
    const size_t dim = p->model->sizes.dim, rows = p->rows;
    nn_layer_norm(nn, rows, dim, EPSILON, b->x, parameter(p, MODEL_gain_1, block), parameter(p, MODEL_bias_1, block),
                  b->norm_1, b->stats_1);
    if (p->attention)
        attend(p, block);
    else
        nn_zero(nn, p->branch, rows * dim);
    nn_add(nn, rows * dim, b->x, p->branch, b->middle);
    nn_layer_norm(nn, rows, dim, EPSILON, b->middle, parameter(p, MODEL_gain_2, block),
                  parameter(p, MODEL_bias_2, block), b->norm_2, b->stats_2);
    nn_linear(nn, rows, dim, 4 * dim, b->norm_2, parameter(p, MODEL_w1, block), parameter(p, MODEL_b1, block),
              b->hidden);
    nn_gelu(nn, rows * 4 * dim, b->hidden, b->active);
    nn_linear(nn, rows, 4 * dim, dim, b->active, parameter(p, MODEL_w2, block), parameter(p, MODEL_b2, block),
              p->branch);
    nn_add(nn, rows * dim, b->middle, p->branch, out);
}

void pass_forward(struct pass *pass, const int32_t *ids)
{
    struct nn *nn = pass->model->nn;
    const struct sizes *s = &pass->model->sizes;
    const clattn_block token = parameter(pass, MODEL_token, 0), none = {NULL, 0};
    nn_write(nn, pass->ids, ids, pass->rows);
    nn_gather(nn, pass->rows, s->dim, token, pass->ids, 0, pass->blocks[0].x);
    nn_gather(nn, pass->rows, s->dim, parameter(pass, MODEL_position, 0), pass->positions, 1, pass->blocks[0].x);
    for (size_t block = 0; block < s->blocks; ++block)
        forward_block(pass, block, block + 1 < s->blocks ? pass->blocks[block + 1].x : pass->end);
    nn_layer_norm(nn, pass->rows, s->dim, EPSILON, pass->end, parameter(pass, MODEL_gain_end, 0),
                  parameter(pass, MODEL_bias_end, 0), pass->norm, pass->stats);
    nn_linear(nn, pass->rows, s->dim, s->vocabulary, pass->norm, token, none, pass->logits);
}

void pass_score(struct pass *pass, const int32_t *targets, int gradient)
{
    struct nn *nn = pass->model->nn;
    const clattn_block none = {NULL, 0};
    nn_write(nn, pass->targets, targets, pass->rows);
    nn_cross_entropy(nn, pass->rows, pass->model->sizes.vocabulary, pass->logits, pass->targets,
                     1.0f / (float)pass->rows, pass->losses, gradient ? pass->logits : none);
}

double pass_loss(struct pass *pass)
{
    double sum = 0.0;
    nn_read(pass->model->nn, pass->losses, pass->losses_read, pass->rows);
    for (size_t r = 0; r < pass->rows; ++r)
        sum += pass->losses_read[r];
    return sum / (double)pass->rows;
}

/* ---- backward: every gradient of a parameter is added to model->gradients ---- */

/* branch = gradient of norm_1; dx is the gradient of the layer's output. */
static void attend_backward(struct pass *p, size_t block)
{
    struct nn *nn = p->model->nn;
    clattn_layer_tensors t = layer_tensors(p, block);
    t.dout = p->dx;
    t.dx = p->branch;
    t.dwq = gradient(p, MODEL_wq, block);
    t.dwkv = gradient(p, MODEL_wkv, block);
    t.dwo = gradient(p, MODEL_wo, block);
    t.dbq = gradient(p, MODEL_bq, block);
    t.dbkv = gradient(p, MODEL_bkv, block);
    t.dbo = gradient(p, MODEL_bo, block);
    t.accumulate = 1;
    nn_try_clattn(clattn_layer_enqueue_backward(p->plan, nn->queue, &t, p->backward_space, 0, NULL, NULL),
                  "clattn_layer_enqueue_backward");
}

/* On entry dx is the gradient of the block's output, on return that of its input: the residual
 * passes it on, and each of the two branches adds its gradient. */
static void backward_block(struct pass *p, size_t block)
{
    struct nn *nn = p->model->nn;
    const struct pass_block *b = &p->blocks[block];
    const size_t dim = p->model->sizes.dim, rows = p->rows;
    nn_linear_dw(nn, rows, 4 * dim, dim, p->dx, b->active, gradient(p, MODEL_w2, block), gradient(p, MODEL_b2, block));
    nn_linear_dx(nn, rows, 4 * dim, dim, p->dx, parameter(p, MODEL_w2, block), p->dhidden);
    nn_gelu_backward(nn, rows * 4 * dim, b->hidden, p->dhidden, p->dhidden);
    nn_linear_dw(nn, rows, dim, 4 * dim, p->dhidden, b->norm_2, gradient(p, MODEL_w1, block),
                 gradient(p, MODEL_b1, block));
    nn_linear_dx(nn, rows, dim, 4 * dim, p->dhidden, parameter(p, MODEL_w1, block), p->branch);
    nn_layer_norm_backward(nn, rows, dim, b->middle, parameter(p, MODEL_gain_2, block), b->stats_2, p->branch, p->dx,
                           gradient(p, MODEL_gain_2, block), gradient(p, MODEL_bias_2, block));
    if (!p->attention)
        return;
    attend_backward(p, block);
    nn_layer_norm_backward(nn, rows, dim, b->x, parameter(p, MODEL_gain_1, block), b->stats_1, p->branch, p->dx,
                           gradient(p, MODEL_gain_1, block), gradient(p, MODEL_bias_1, block));
}

void pass_backward(struct pass *pass)
{
    struct nn *nn = pass->model->nn;
    const struct sizes *s = &pass->model->sizes;
    const size_t rows = pass->rows;
    const clattn_block dtoken = gradient(pass, MODEL_token, 0), none = {NULL, 0};
    nn_zero(nn, pass->model->gradients, model_count(pass->model));
    nn_linear_dw(nn, rows, s->dim, s->vocabulary, pass->logits, pass->norm, dtoken, none);
    nn_linear_dx(nn, rows, s->dim, s->vocabulary, pass->logits, parameter(pass, MODEL_token, 0), pass->branch);
    nn_zero(nn, pass->dx, rows * s->dim);
    nn_layer_norm_backward(nn, rows, s->dim, pass->end, parameter(pass, MODEL_gain_end, 0), pass->stats, pass->branch,
                           pass->dx, gradient(pass, MODEL_gain_end, 0), gradient(pass, MODEL_bias_end, 0));
    for (size_t block = s->blocks; block-- > 0;)
        backward_block(pass, block);
    nn_gather_backward(nn, rows, s->dim, s->vocabulary, pass->dx, pass->ids, dtoken);
    nn_gather_backward(nn, rows, s->dim, s->length, pass->dx, pass->positions, gradient(pass, MODEL_position, 0));
}
