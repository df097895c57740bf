/* SPDX-License-Identifier: Apache-2.0 */
/* Checks whether clattn can compute a layer. */
#include "layer/layer.h"

#include "api/api.h"

#include <inttypes.h>
#include <string.h>

/* CLBlast counts elements in an int. */
#define MAX_ELEMENTS INT32_MAX

static clattn_status check_range(const char *name, int64_t value, int64_t low, int64_t high)
{
    if (value >= low && value <= high)
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_SIZE, "layer.%s is %" PRId64 "; allowed are %" PRId64 " to %" PRId64, name,
                        value, low, high);
}

static clattn_status check_product(const char *what, int64_t rows, int64_t columns)
{
    if (rows <= MAX_ELEMENTS / columns)
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_SIZE, "%s has %" PRId64 " x %" PRId64 " elements; allowed are less than 2^31",
                        what, rows, columns);
}

static clattn_status check_dims(const clattn_layer *layer)
{
    const struct {
        const char *name;
        int64_t value, low, high;
    } sizes[] = {
        {"dim", layer->dim, 1, MAX_ELEMENTS},
        {"context_dim", layer->context_dim, 0, MAX_ELEMENTS},
        {"heads", layer->heads, 0, MAX_ELEMENTS},
        {"kv_heads", layer->kv_heads, 0, MAX_ELEMENTS},
        {"dim_head", layer->dim_head, 0, CLATTN_MAX_HEAD_DIM},
        {"context_len", layer->context_len, 0, MAX_ELEMENTS},
        {"batch", layer->batch, 0, MAX_ELEMENTS},
        {"len", layer->len, 0, MAX_ELEMENTS},
    };
    for (size_t i = 0; i < ARRAY_SIZE(sizes); ++i) {
        const clattn_status status = check_range(sizes[i].name, sizes[i].value, sizes[i].low, sizes[i].high);
        if (status)
            return status;
    }
    return CLATTN_SUCCESS;
}

clattn_status clattn__layer_weights_check(clattn_layer *layer)
{
    clattn_status status = check_dims(layer);
    if (status)
        return status;
    layer->context_dim = layer->context_dim ? layer->context_dim : layer->dim;
    layer->heads = layer->heads ? layer->heads : 8;
    layer->kv_heads = layer->kv_heads ? layer->kv_heads : layer->heads;
    layer->dim_head = layer->dim_head ? layer->dim_head : 64;
    if (layer->heads % layer->kv_heads)
        return clattn__fail(CLATTN_INVALID_SIZE,
                            "layer.heads is %" PRId64 "; it must be a multiple of layer.kv_heads, %" PRId64,
                            layer->heads, layer->kv_heads);
    status = check_product("a row of Q (heads x dim_head)", layer->heads, layer->dim_head);
    if (!status)
        status = check_product("a row of K and V (kv_heads x 2 dim_head)", layer->kv_heads, 2 * layer->dim_head);
    if (!status)
        status = check_product("wq or wo", layer->heads * layer->dim_head, layer->dim);
    if (!status)
        status = check_product("wkv", 2 * layer->kv_heads * layer->dim_head, layer->context_dim);
    return status;
}

static clattn_status check_activations(const clattn_layer *layer)
{
    clattn_status status = check_range("batch", layer->batch, 1, MAX_ELEMENTS);
    if (!status)
        status = check_range("len", layer->len, 1, MAX_ELEMENTS);
    if (!status)
        status = check_product("x (batch x len rows)", layer->batch, layer->len);
    if (!status)
        status = check_product("the context (batch x context_len rows)", layer->batch, layer->context_len);
    if (status)
        return status;
    const int64_t rows = layer->batch * layer->len, keys = layer->batch * layer->context_len;
    status = check_product("x", rows, layer->dim);
    if (!status)
        status = check_product("context", keys, layer->context_dim);
    if (!status)
        status = check_product("Q", rows, layer->heads * layer->dim_head);
    if (!status)
        status = check_product("K and V", keys, 2 * layer->kv_heads * layer->dim_head);
    if (!status && clattn__layer_saved(layer).count > MAX_ELEMENTS)
        status = clattn__fail(CLATTN_INVALID_SIZE, "saved has %" PRId64 " elements; allowed are less than 2^31",
                              clattn__layer_saved(layer).count);
    return status;
}

clattn_status clattn__layer_check(clattn_layer *layer)
{
    const bool has_context = layer->context_len != 0;
    clattn_status status = clattn__layer_weights_check(layer);
    if (status)
        return status;
    if (!has_context && layer->context_dim != layer->dim)
        return clattn__fail(CLATTN_INVALID_SIZE,
                            "layer.context_dim is %" PRId64 " and layer.context_len is 0; without a context it must be "
                            "0 or layer.dim, %" PRId64,
                            layer->context_dim, layer->dim);
    if (!has_context)
        layer->context_len = layer->len;
    status = check_activations(layer);
    if (status)
        return status;
    if (layer->score.dlse)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "layer.score.dlse is %d; allowed is 0: lse is no output of a layer, and has no gradient",
                            layer->score.dlse);
    const clattn_problem problem = clattn__layer_problem(layer);
    status = clattn__problem_check(&problem);
    if (status) { /* members have the same names in both structs */
        char reason[512];
        strncpy(reason, clattn_last_error(), sizeof reason - 1);
        reason[sizeof reason - 1] = '\0';
        return clattn__fail(status, "the layer's attention: %s", reason);
    }
    return CLATTN_SUCCESS;
}
