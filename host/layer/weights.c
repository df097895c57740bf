/* SPDX-License-Identifier: Apache-2.0 */
/* Draws a layer's initial weights as PyTorch's nn.Linear does. */
#include "layer/layer.h"

#include "base/sizes.h"

#include <math.h>

/* SplitMix64 (Steele, Lea and Flood 2014). Its state is a counter, so each tensor can have its own
 * stream. */
static uint64_t next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Draws `count` numbers, uniform within +-1/sqrt(fan_in). `tensor` selects the stream of a seed. */
static void draw(float *numbers, int64_t count, int64_t fan_in, uint64_t seed, uint64_t tensor)
{
    if (!numbers)
        return;
    uint64_t state = seed ^ (tensor << 56);
    state = next(&state);
    const double bound = 1.0 / sqrt((double)fan_in);
    for (int64_t i = 0; i < count; ++i) {
        const double unit = (double)(next(&state) >> 11) * 0x1p-53; /* in [0, 1) */
        numbers[i] = (float)((2.0 * unit - 1.0) * bound);
    }
}

clattn_status clattn_layer_init_weights(const clattn_layer *layer, uint64_t seed, float *wq, float *bq, float *wkv,
                                        float *bkv, float *wo, float *bo)
{
    if (!layer)
        return clattn__fail(CLATTN_INVALID_ARGUMENT, "layer is NULL");
    clattn_layer l;
    clattn_status status = clattn__struct_read(CLATTN__STRUCT(clattn_layer), "layer", layer, &l);
    if (!status)
        status = clattn__layer_weights_check(&l);
    if (status)
        return status;
    const int64_t width = l.heads * l.dim_head, kv_width = 2 * l.kv_heads * l.dim_head;
    draw(wq, width * l.dim, l.dim, seed, 1);
    draw(bq, width, l.dim, seed, 2);
    draw(wkv, kv_width * l.context_dim, l.context_dim, seed, 3);
    draw(bkv, kv_width, l.context_dim, seed, 4);
    draw(wo, l.dim * width, width, seed, 5);
    draw(bo, l.dim, width, seed, 6);
    return CLATTN_SUCCESS;
}
