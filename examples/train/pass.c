/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of a pass. */
#include "pass.h"

#include <stdlib.h>

enum { ALIGNMENT = 64 }; /* elements: tensors start at cache lines, aligned for vector loads */

/* Places tensors in one buffer. A first round without a buffer finds its size. */
static clattn_block cut(struct pass *pass, size_t *at, size_t count)
{
    const clattn_block block = nn_after(pass->memory, *at);
    *at += (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return block;
}

/* Places all tensors; returns the number of elements of the buffer. */
static size_t cut_all(struct pass *p, size_t saved)
{
    const struct sizes *s = &p->model->sizes;
    const size_t wide = p->rows * s->dim;
    size_t at = 0;
    for (size_t i = 0; i < s->blocks; ++i) {
        struct pass_block *b = &p->blocks[i];
        b->x = cut(p, &at, wide);
        b->stats_1 = cut(p, &at, 2 * p->rows);
        b->norm_1 = cut(p, &at, wide);
        b->saved = cut(p, &at, saved);
        b->middle = cut(p, &at, wide);
        b->stats_2 = cut(p, &at, 2 * p->rows);
        b->norm_2 = cut(p, &at, wide);
        b->hidden = cut(p, &at, 4 * wide);
        b->active = cut(p, &at, 4 * wide);
    }
    p->end = cut(p, &at, wide);
    p->stats = cut(p, &at, 2 * p->rows);
    p->norm = cut(p, &at, wide);
    p->logits = cut(p, &at, p->rows * s->vocabulary);
    p->losses = cut(p, &at, p->rows);
    p->branch = cut(p, &at, wide);
    p->dx = cut(p, &at, wide);
    p->dhidden = cut(p, &at, 4 * wide);
    return at;
}

static cl_mem workspace(const struct pass *p, unsigned pass)
{
    size_t bytes = 0;
    nn_try_clattn(clattn_layer_workspace_size(p->plan, pass, &bytes), "clattn_layer_workspace_size");
    return bytes ? nn_buffer(p->model->nn, (bytes + 3) / 4).mem : NULL;
}

static clattn_block make_positions(const struct pass *p)
{
    const size_t length = p->model->sizes.length;
    int32_t *positions = malloc(p->rows * sizeof *positions);
    if (!positions)
        nn_fail("malloc", "no memory");
    for (size_t r = 0; r < p->rows; ++r)
        positions[r] = (int32_t)(r % length);
    const clattn_block block = nn_from_ints(p->model->nn, positions, p->rows);
    free(positions);
    return block;
}

void pass_open(struct pass *pass, struct model *model, size_t batch, int attention)
{
    struct nn *nn = model->nn;
    const clattn_layer layer = model_layer(&model->sizes, batch);
    const clattn_block none = {NULL, 0};
    size_t saved = 0;
    pass->model = model;
    pass->batch = batch;
    pass->rows = batch * model->sizes.length;
    pass->attention = attention;
    nn_try_clattn(clattn_layer_plan_create(nn->attention, &layer, CLATTN_FORWARD | CLATTN_BACKWARD, &pass->plan),
                  "clattn_layer_plan_create");
    nn_try_clattn(clattn_layer_saved_size(pass->plan, &saved), "clattn_layer_saved_size");
    pass->forward_space = workspace(pass, CLATTN_FORWARD);
    pass->backward_space = workspace(pass, CLATTN_BACKWARD);
    pass->ids = nn_buffer(nn, pass->rows);
    pass->targets = nn_buffer(nn, pass->rows);
    pass->positions = make_positions(pass);
    pass->blocks = calloc(model->sizes.blocks, sizeof *pass->blocks);
    pass->losses_read = calloc(pass->rows, sizeof *pass->losses_read);
    if (!pass->blocks || !pass->losses_read)
        nn_fail("calloc", "no memory");
    pass->memory = none;
    pass->memory = nn_buffer(nn, cut_all(pass, saved / sizeof(float)));
    cut_all(pass, saved / sizeof(float));
}

void pass_close(struct pass *pass)
{
    const clattn_block spaces[] = {{pass->forward_space, 0}, {pass->backward_space, 0}};
    nn_release(spaces[0]);
    nn_release(spaces[1]);
    nn_release(pass->ids);
    nn_release(pass->targets);
    nn_release(pass->positions);
    nn_release(pass->memory);
    free(pass->blocks);
    free(pass->losses_read);
    clattn_layer_plan_destroy(pass->plan);
}
