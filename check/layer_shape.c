/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_shape.h"

struct layer_shape layer_shape(const clattn_layer *layer)
{
    struct layer_shape s;

    s.self = layer->context_len == 0;
    s.b = layer->batch;
    s.n = layer->len;
    s.m = s.self ? s.n : layer->context_len;
    s.e = layer->dim;
    s.c = layer->context_dim != 0 ? layer->context_dim : s.e;
    s.h = layer->heads != 0 ? layer->heads : 8;
    s.hk = layer->kv_heads != 0 ? layer->kv_heads : s.h;
    s.d = layer->dim_head != 0 ? layer->dim_head : 64;
    s.inner = s.h * s.d;
    s.kv_inner = 2 * s.hk * s.d;
    return s;
}

size_t layer_count(const clattn_layer *layer, enum layer_slot slot)
{
    const struct layer_shape s = layer_shape(layer);
    const int64_t *mask = layer->score.mask_dim;
    const int64_t rows = s.b * s.n;
    const int64_t context = s.self ? 0 : s.b * s.m * s.c;
    const int64_t saved = 2 * rows * s.inner + s.b * s.m * s.kv_inner + rows * s.h;
    const int64_t counts[LAYER_SLOTS] = {rows * s.e,
                                         context,
                                         mask[0] * mask[1] * mask[2] * mask[3],
                                         layer->kv_lengths ? s.b : 0,
                                         s.inner * s.e,
                                         s.kv_inner * s.c,
                                         s.e * s.inner,
                                         s.inner,
                                         s.kv_inner,
                                         s.e,
                                         rows * s.e,
                                         saved,
                                         rows * s.e,
                                         rows * s.e,
                                         context,
                                         s.inner * s.e,
                                         s.kv_inner * s.c,
                                         s.e * s.inner,
                                         s.inner,
                                         s.kv_inner,
                                         s.e};

    return (size_t)counts[slot];
}

const char *layer_slot_name(enum layer_slot slot)
{
    static const char *const names[LAYER_SLOTS] = {"x",        "context", "mask", "kv_lengths", "wq",    "wkv",  "wo",
                                                   "bq",       "bkv",     "bo",   "out",        "saved", "dout", "dx",
                                                   "dcontext", "dwq",     "dwkv", "dwo",        "dbq",   "dbkv", "dbo"};

    return names[slot];
}
