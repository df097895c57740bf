/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_seen.h"

#include "visible.h"

clattn_problem layer_problem(const clattn_layer *layer)
{
    const struct layer_shape s = layer_shape(layer);
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = s.b;
    p.q_heads = s.h;
    p.kv_heads = s.hk;
    p.q_len = s.n;
    p.kv_len = s.m;
    p.qk_dim = p.v_dim = s.d;
    p.kv_lengths = layer->kv_lengths;
    p.score = layer->score;
    return p;
}

int layer_query_sees(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t i)
{
    for (int64_t h = 0; h < p->q_heads; h++) {
        for (int64_t j = 0; j < p->kv_len; j++) {
            if (visible_pair(p, a, b, h, i, j)) {
                return 1;
            }
        }
    }
    return 0;
}

int layer_key_is_seen(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t j)
{
    for (int64_t h = 0; h < p->q_heads; h++) {
        for (int64_t i = 0; i < p->q_len; i++) {
            if (visible_pair(p, a, b, h, i, j)) {
                return 1;
            }
        }
    }
    return 0;
}

int layer_key_is_padding(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t j)
{
    for (int64_t h = 0; h < p->q_heads; h++) {
        if (!visible_padding(p, a, b, h, j)) {
            return 0;
        }
    }
    return 1;
}
