/* SPDX-License-Identifier: Apache-2.0 */
#include "network.h"

#include <stdlib.h>

/* ---- making ---- */

static void plan_attention(struct network *net, size_t batch, size_t length)
{
    clattn_layer layer = CLATTN_LAYER_INIT;
    layer.batch = (int64_t)batch;
    layer.len = (int64_t)length;
    layer.dim = WIDTH;
    layer.heads = HEADS;
    layer.dim_head = WIDTH / HEADS;
    layer.score.mask_dim[0] = layer.batch;
    layer.score.mask_dim[1] = layer.score.mask_dim[2] = 1;
    layer.score.mask_dim[3] = layer.len;
    nn_try_clattn(clattn_layer_plan_create(net->nn->attention, &layer, CLATTN_FORWARD, &net->attention),
                  "clattn_layer_plan_create");
    size_t bytes = 0;
    nn_try_clattn(clattn_layer_workspace_size(net->attention, CLATTN_FORWARD, &bytes), "clattn_layer_workspace_size");
    net->workspace = bytes ? nn_buffer(net->nn, (bytes + 3) / 4) : (clattn_block)CLATTN_NO_BLOCK;
}

static void make_positions(struct network *net, size_t length)
{
    int32_t *positions = malloc(net->rows * sizeof *positions);
    if (!positions) {
        nn_fail("positions", "out of memory");
    }
    for (size_t r = 0; r < net->rows; ++r) {
        positions[r] = (int32_t)(r % length);
    }
    net->positions = nn_from_ints(net->nn, positions, net->rows);
    free(positions);
}

static cl_mem make_mask(struct nn *nn, const unsigned char *mask, size_t count)
{
    cl_int error;
    cl_mem mem = clCreateBuffer(nn->cl, CL_MEM_READ_ONLY, count, NULL, &error);
    nn_try(error, "clCreateBuffer");
    nn_try(clEnqueueWriteBuffer(nn->queue, mem, CL_TRUE, 0, count, mask, 0, NULL, NULL), "clEnqueueWriteBuffer");
    return mem;
}

void network_create(struct network *net, struct nn *nn, const struct weights *weights, size_t batch, size_t length,
                    const int32_t *tokens, const unsigned char *mask)
{
    net->nn = nn;
    net->weights = weights;
    net->rows = batch * length;
    plan_attention(net, batch, length);
    net->words = nn_from_ints(nn, tokens, net->rows);
    net->segments = nn_buffer(nn, net->rows);
    make_positions(net, length);
    net->mask = make_mask(nn, mask, net->rows);
    net->x = nn_buffer(nn, net->rows * WIDTH);
    net->branch = nn_buffer(nn, net->rows * WIDTH);
    net->inner = nn_buffer(nn, net->rows * INNER);
}

void network_release(struct network *net)
{
    nn_release(net->words);
    nn_release(net->segments);
    nn_release(net->positions);
    nn_try(clReleaseMemObject(net->mask), "clReleaseMemObject");
    nn_release(net->x);
    nn_release(net->branch);
    nn_release(net->inner);
    nn_release(net->workspace);
    clattn_layer_plan_destroy(net->attention);
}

/* ---- running ---- */

static void embed(struct network *net)
{
    const struct weights *w = net->weights;
    nn_gather(net->nn, net->rows, WIDTH, w->word, net->words, 0, net->x);
    nn_gather(net->nn, net->rows, WIDTH, w->position, net->positions, 1, net->x);
    nn_gather(net->nn, net->rows, WIDTH, w->segment, net->segments, 1, net->x);
    nn_layer_norm(net->nn, net->rows, WIDTH, EPSILON, net->x, w->in_norm, w->in_norm_bias, net->x,
                  (clattn_block)CLATTN_NO_BLOCK);
}

/* x = norm(x + branch) with gain and bias of a layer. */
static void add_and_norm(struct network *net, clattn_block gain, clattn_block bias, size_t layer)
{
    nn_add(net->nn, net->rows * WIDTH, net->x, net->branch, net->x);
    nn_layer_norm(net->nn, net->rows, WIDTH, EPSILON, net->x, nn_after(gain, layer * WIDTH),
                  nn_after(bias, layer * WIDTH), net->x, (clattn_block)CLATTN_NO_BLOCK);
}

static void attend(struct network *net, size_t layer)
{
    const struct weights *w = net->weights;
    clattn_layer_tensors tensors = CLATTN_LAYER_TENSORS_INIT;
    tensors.x = net->x;
    tensors.mask.mem = net->mask;
    tensors.wq = nn_after(w->wq, layer * WIDTH * WIDTH);
    tensors.bq = nn_after(w->wq_bias, layer * WIDTH);
    tensors.wkv = nn_after(w->wkv, layer * 2 * WIDTH * WIDTH);
    tensors.bkv = nn_after(w->wkv_bias, layer * 2 * WIDTH);
    tensors.wo = nn_after(w->wo, layer * WIDTH * WIDTH);
    tensors.bo = nn_after(w->wo_bias, layer * WIDTH);
    tensors.out = net->branch;
    nn_try_clattn(
        clattn_layer_enqueue_forward(net->attention, net->nn->queue, &tensors, net->workspace.mem, 0, NULL, NULL),
        "clattn_layer_enqueue_forward");
    add_and_norm(net, w->mid_norm, w->mid_norm_bias, layer);
}

static void transform(struct network *net, size_t layer)
{
    const struct weights *w = net->weights;
    nn_linear(net->nn, net->rows, WIDTH, INNER, net->x, nn_after(w->widen, layer * INNER * WIDTH),
              nn_after(w->widen_bias, layer * INNER), net->inner);
    nn_gelu(net->nn, net->rows * INNER, net->inner, net->inner);
    nn_linear(net->nn, net->rows, INNER, WIDTH, net->inner, nn_after(w->narrow, layer * WIDTH * INNER),
              nn_after(w->narrow_bias, layer * WIDTH), net->branch);
    add_and_norm(net, w->out_norm, w->out_norm_bias, layer);
}

void network_run(struct network *net)
{
    embed(net);
    for (size_t layer = 0; layer < LAYERS; ++layer) {
        attend(net, layer);
        transform(net, layer);
    }
}
