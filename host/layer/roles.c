/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a layer's calls: their shapes, what lies in `saved`, and the attention between the projections. */
#include "layer/layer.h"

#include "tensor/slots.h"

#include <string.h>

clattn_problem clattn__layer_problem(const clattn_layer *layer)
{
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    problem.batch = layer->batch;
    problem.q_heads = layer->heads;
    problem.kv_heads = layer->kv_heads;
    problem.q_len = layer->len;
    problem.kv_len = layer->context_len;
    problem.qk_dim = problem.v_dim = layer->dim_head;
    problem.score = layer->score;
    problem.kv_lengths = layer->kv_lengths;
    problem.q_tile = layer->q_tile;
    problem.k_tile = layer->k_tile;
    return problem;
}

struct clattn__saved clattn__layer_saved(const clattn_layer *layer)
{
    const int64_t width = layer->heads * layer->dim_head, kv_width = 2 * layer->kv_heads * layer->dim_head;
    const int64_t rows = layer->batch * layer->len, keys = layer->batch * layer->context_len;
    struct clattn__saved saved = {.q = 0};
    saved.kv = saved.q + rows * width;
    saved.out = saved.kv + keys * kv_width;
    saved.lse = saved.out + rows * width;
    saved.count = saved.lse + rows * layer->heads;
    return saved;
}

/* A contiguous float tensor. */
static void add(struct clattn__role *role, const char *name, size_t index, enum clattn__tensor_use use, int64_t rows,
                int64_t columns)
{
    *role = (struct clattn__role){.name = name,
                                  .index = index,
                                  .use = use,
                                  .element_bytes = sizeof(float),
                                  .count = {1, 1, 1},
                                  .depth = rows * columns};
}

/* One that may be absent. */
static void add_optional(struct clattn__role *role, const char *name, size_t index, enum clattn__tensor_use use,
                         int64_t rows, int64_t columns)
{
    add(role, name, index, use, rows, columns);
    role->optional = true;
}

/* The mask and the key lengths, as attention takes them. */
static size_t add_masks(const clattn_layer *layer, struct clattn__role *roles)
{
    const clattn_problem problem = clattn__layer_problem(layer);
    struct clattn__role all[ROLE_COUNT];
    const size_t all_count = clattn__roles(&problem, CLATTN_FORWARD, all);
    size_t count = 0;
    for (size_t i = 0; i < all_count; ++i) {
        if (all[i].index != ROLE_MASK && all[i].index != ROLE_KV_LENGTHS)
            continue;
        roles[count] = all[i];
        roles[count++].index = all[i].index == ROLE_MASK ? LAYER_MASK : LAYER_KV_LENGTHS;
    }
    return count;
}

size_t clattn__layer_roles(const clattn_layer *layer, bool has_context, unsigned pass,
                           struct clattn__role roles[LAYER_ROLE_COUNT])
{
    const int64_t rows = layer->batch * layer->len, keys = layer->batch * layer->context_len;
    const int64_t dim = layer->dim, context_dim = layer->context_dim;
    const int64_t width = layer->heads * layer->dim_head, kv_width = 2 * layer->kv_heads * layer->dim_head;
    const enum clattn__tensor_use in = TENSOR_INPUT, out = TENSOR_OUTPUT;
    size_t n = 0;
    add(&roles[n++], "x", LAYER_X, in, rows, dim);
    if (has_context)
        add(&roles[n++], "context", LAYER_CONTEXT, in, keys, context_dim);
    n += add_masks(layer, &roles[n]);
    add(&roles[n++], "wq", LAYER_WQ, in, width, dim);
    add(&roles[n++], "wkv", LAYER_WKV, in, kv_width, context_dim);
    add(&roles[n++], "wo", LAYER_WO, in, dim, width);
    if (pass == CLATTN_FORWARD) {
        add_optional(&roles[n++], "bq", LAYER_BQ, in, 1, width);
        add_optional(&roles[n++], "bkv", LAYER_BKV, in, 1, kv_width);
        add_optional(&roles[n++], "bo", LAYER_BO, in, 1, dim);
        add(&roles[n++], "out", LAYER_OUT, out, rows, dim);
        add_optional(&roles[n++], "saved", LAYER_SAVED, out, 1, clattn__layer_saved(layer).count);
        return n;
    }
    add(&roles[n++], "saved", LAYER_SAVED, in, 1, clattn__layer_saved(layer).count);
    add(&roles[n++], "dout", LAYER_DOUT, in, rows, dim);
    add_optional(&roles[n++], "dx", LAYER_DX, out, rows, dim);
    if (has_context)
        add_optional(&roles[n++], "dcontext", LAYER_DCONTEXT, out, keys, context_dim);
    add_optional(&roles[n++], "dwq", LAYER_DWQ, out, width, dim);
    add_optional(&roles[n++], "dwkv", LAYER_DWKV, out, kv_width, context_dim);
    add_optional(&roles[n++], "dwo", LAYER_DWO, out, dim, width);
    add_optional(&roles[n++], "dbq", LAYER_DBQ, out, 1, width);
    add_optional(&roles[n++], "dbkv", LAYER_DBKV, out, 1, kv_width);
    add_optional(&roles[n++], "dbo", LAYER_DBO, out, 1, dim);
    return n;
}
