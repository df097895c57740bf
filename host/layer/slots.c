/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a layer's calls: their shapes, the layout of `saved`, and the layer's attention as
 * a problem. */
#include "layer/layer.h"

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

enum { BOTH_PASSES = CLATTN_FORWARD | CLATTN_BACKWARD };
enum when { ALWAYS, WITH_CONTEXT };

static const struct line {
    const char *name;
    unsigned read, written, absent;
    enum when when;
    size_t attention; /* TENSOR_SLOT_.. for attention's tensors, else TENSOR_SLOT_COUNT */
} lines[LAYER_TENSOR_SLOT_COUNT] = {
#define BLOCK(line, member, read, written, absent, when, m, n)                                                         \
    {#member, read, written, absent, when, TENSOR_SLOT_COUNT},
#define TENSOR(line, member, ...) {#member, 0, 0, 0, ALWAYS, TENSOR_SLOT_##line},
#define ATTENTION_OUTPUT(line, member, written) {#member, 0, written, written, ALWAYS, TENSOR_SLOT_##line},
    CLATTN__LAYER_TENSORS(BLOCK, BLOCK, TENSOR, ATTENTION_OUTPUT)
#undef ATTENTION_OUTPUT
#undef TENSOR
#undef BLOCK
};

bool clattn__layer_is_gradient(size_t index)
{
    return lines[index].written == CLATTN_BACKWARD;
}

/* Floats of each block; 0 for attention's tensors. */
static void count_floats(const clattn_layer *layer, int64_t count[LAYER_TENSOR_SLOT_COUNT])
{
    const int64_t rows = layer->batch * layer->len, keys = layer->batch * layer->context_len;
    const int64_t dim = layer->dim, context_dim = layer->context_dim, saved = clattn__layer_saved(layer).count;
    const int64_t width = layer->heads * layer->dim_head, kv_width = 2 * layer->kv_heads * layer->dim_head;
#define BLOCK(line, member, read, written, absent, when, m, n) count[LAYER_##line] = (m) * (n);
#define TENSOR(line, ...) count[LAYER_##line] = 0;
    CLATTN__LAYER_TENSORS(BLOCK, BLOCK, TENSOR, TENSOR)
#undef TENSOR
#undef BLOCK
}

/* Attention's slot for one of its tensors; false: the layer does not have it. */
static bool find_attention_slot(const clattn_layer *layer, size_t index, struct clattn__tensor_slot *slot)
{
    const clattn_problem problem = clattn__layer_problem(layer);
    struct clattn__tensor_slot all[TENSOR_SLOT_COUNT];
    const bool gradient = lines[index].written == CLATTN_BACKWARD;
    const size_t count = clattn__slots(&problem, gradient ? CLATTN__GRADIENTS : CLATTN_FORWARD, all);
    for (size_t i = 0; i < count; ++i) {
        *slot = all[i];
        slot->index = index;
        slot->optional = slot->optional || lines[index].absent;
        if (all[i].index == lines[index].attention)
            return true;
    }
    return false;
}

size_t clattn__layer_slots(const clattn_layer *layer, bool has_context, unsigned pass,
                           struct clattn__tensor_slot slots[LAYER_TENSOR_SLOT_COUNT])
{
    int64_t floats[LAYER_TENSOR_SLOT_COUNT];
    size_t count = 0;
    count_floats(layer, floats);
    for (size_t i = 0; i < LAYER_TENSOR_SLOT_COUNT; ++i) {
        const struct line *line = &lines[i];
        const bool there = line->when == ALWAYS || has_context;
        if (line->attention != TENSOR_SLOT_COUNT && line->written && !(line->written & pass))
            continue;
        if (line->attention != TENSOR_SLOT_COUNT)
            count += find_attention_slot(layer, i, &slots[count]);
        else if (there && (line->read | line->written) & pass)
            slots[count++] = (struct clattn__tensor_slot){.name = line->name,
                                                          .index = i,
                                                          .use = line->written & pass ? TENSOR_OUTPUT : TENSOR_INPUT,
                                                          .optional = line->absent & pass,
                                                          .element_bytes = sizeof(float),
                                                          .count = {1, 1, 1},
                                                          .depth = floats[i]};
    }
    return count;
}
