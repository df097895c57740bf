/* SPDX-License-Identifier: Apache-2.0 */
/* B batch, N len, M context_len, E dim, C context_dim, H heads, Hk kv_heads, D dim_head, as in
 * clattn.h. */
#include "layer_inputs.h"

#include <inttypes.h>

static void list_files(input_file in[LAYER_INPUTS], const options *o)
{
    const input_file files[LAYER_INPUTS] = {
        [LAYER_X] = {.option = "--x", .path = o->x, .types = INPUT_FLOATS, .axes = "(B,N,E)"},
        [LAYER_CONTEXT] = {.option = "--context", .path = o->context, .types = INPUT_FLOATS, .axes = "(B,M,C)"},
        [LAYER_WQ] = {.option = "--wq", .path = o->wq, .types = INPUT_FLOATS, .axes = "(H D,E)"},
        [LAYER_WKV] = {.option = "--wkv", .path = o->wkv, .types = INPUT_FLOATS, .axes = "(2 Hk D,C)"},
        [LAYER_WO] = {.option = "--wo", .path = o->wo, .types = INPUT_FLOATS, .axes = "(E,H D)"},
        [LAYER_BQ] = {.option = "--bq", .path = o->bq, .types = INPUT_FLOATS, .axes = "(H D)"},
        [LAYER_BKV] = {.option = "--bkv", .path = o->bkv, .types = INPUT_FLOATS, .axes = "(2 Hk D)"},
        [LAYER_BO] = {.option = "--bo", .path = o->bo, .types = INPUT_FLOATS, .axes = "(E)"},
        [LAYER_DOUT] = {.option = "--dout", .path = o->dout, .types = INPUT_FLOATS, .axes = "(B,N,E)"},
        [LAYER_KV_LEN] = {.option = "--kv-len", .path = o->kv_len, .types = INPUT_LENGTHS},
        [LAYER_SINK] = {.option = "--sink", .path = o->sink, .types = INPUT_FLOATS},
#define LIST(slot, member, of, shape, whole, fewer, help)                                                              \
    [LAYER_##slot] = {.option = "--" #member, .path = o->member, .types = of},
        SCORE_FILES(LIST)
#undef LIST
    };
    for (int i = 0; i < LAYER_INPUTS; i++) {
        in[i] = files[i];
    }
}

/* Sets D = rows of wq / H. */
static int check_wq(const input_file *wq, const clattn_layer *layer)
{
    const input_size columns = {1, "E", layer->dim, "--x"};
    const uint64_t rows = wq->file.header.dim[0];
    const uint64_t heads = (uint64_t)layer->heads;
    int code = input_check_sizes(wq, &columns, 1);
    if (code < 0 && rows % heads != 0) {
        code = input_bad_shape(wq, "a number of rows that --heads, %" PRIu64 ", divides", heads);
    }
    if (code < 0 && rows / heads > CLATTN_MAX_HEAD_DIM) {
        code = input_bad_shape(wq, "at most %d rows for each of the %" PRIu64 " heads", CLATTN_MAX_HEAD_DIM, heads);
    }
    return code;
}

static int check_wkv(const input_file in[LAYER_INPUTS], const clattn_layer *layer)
{
    const input_file *wkv = &in[LAYER_WKV];
    const bool has_context = in[LAYER_CONTEXT].path != NULL;
    const input_size columns = {1, has_context ? "C" : "E", layer->context_dim, has_context ? "--context" : "--x"};
    const int64_t rows = 2 * layer->kv_heads * layer->dim_head; /* at most twice the rows of wq */
    if (wkv->file.header.dim[0] != (uint64_t)rows) {
        return input_bad_shape(
            wkv, "%" PRId64 " rows, for K and V of %" PRId64 " heads (--kv-heads) of %" PRId64 ", as --wq has them",
            rows, layer->kv_heads, layer->dim_head);
    }
    return input_check_sizes(wkv, &columns, 1);
}

/* Checks all other files against the sizes from x, context, wq and wkv. */
static int check_others(const input_file in[LAYER_INPUTS], const clattn_layer *layer)
{
    const int64_t inner = layer->heads * layer->dim_head;
    const int64_t kv_inner = 2 * layer->kv_heads * layer->dim_head;
    const struct {
        int input;
        input_size size;
    } list[] = {{LAYER_CONTEXT, {0, "B", layer->batch, "--x"}}, {LAYER_WO, {0, "E", layer->dim, "--x"}},
                {LAYER_WO, {1, "H D", inner, "--wq"}},          {LAYER_BQ, {0, "H D", inner, "--wq"}},
                {LAYER_BKV, {0, "2 Hk D", kv_inner, "--wkv"}},  {LAYER_BO, {0, "E", layer->dim, "--x"}},
                {LAYER_DOUT, {0, "B", layer->batch, "--x"}},    {LAYER_DOUT, {1, "N", layer->len, "--x"}},
                {LAYER_DOUT, {2, "E", layer->dim, "--x"}}};
    int code = -1;
    for (size_t i = 0; i < sizeof list / sizeof list[0] && code < 0; i++) {
        code = in[list[i].input].path ? input_check_sizes(&in[list[i].input], &list[i].size, 1) : -1;
    }
    return code;
}

static void fill_layer(clattn_layer *layer, const input_file in[LAYER_INPUTS], const options *o)
{
    const uint64_t *x = in[LAYER_X].file.header.dim;
    const uint64_t *context = in[LAYER_CONTEXT].file.header.dim;
    const bool has_context = in[LAYER_CONTEXT].path != NULL;
    const clattn_layer initial = CLATTN_LAYER_INIT;
    *layer = initial;
    layer->batch = (int64_t)x[0];
    layer->len = (int64_t)x[1];
    layer->dim = (int64_t)x[2];
    layer->context_len = has_context ? (int64_t)context[1] : 0;
    layer->context_dim = has_context ? (int64_t)context[2] : layer->dim;
    layer->heads = o->heads;
    layer->kv_heads = o->kv_heads;
    layer->dim_head = (int64_t)in[LAYER_WQ].file.header.dim[0] / layer->heads;
    layer->score = o->score;
    layer->score.max_logit = o->max_logit != NULL;
    layer->q_tile = o->q_tile;
    layer->k_tile = o->k_tile;
}

static int64_t keys(const clattn_layer *layer)
{
    return layer->context_len != 0 ? layer->context_len : layer->len;
}

int layer_inputs_open(input_file in[LAYER_INPUTS], const options *o, clattn_layer *layer)
{
    list_files(in, o);
    int code = input_files_open(in, LAYER_INPUTS);
    if (code >= 0) {
        return code;
    }
    fill_layer(layer, in, o);
    const score_sizes sizes = {layer->batch, layer->heads, layer->len, keys(layer)};
    code = check_wq(&in[LAYER_WQ], layer);
    code = code < 0 ? check_wkv(in, layer) : code;
    code = code < 0 ? check_others(in, layer) : code;
#define CHECK(slot, member, of, shape, whole, fewer, help)                                                             \
    code = code < 0 ? input_check_score(&in[LAYER_##slot], whole, fewer, &sizes, layer->score.shape) : code;
    SCORE_FILES(CHECK)
#undef CHECK
    layer->score.bias_float32 = layer->score.bias_dim[0] != 0; /* so the file was read */
    code = code < 0 ? input_check_lengths(&in[LAYER_KV_LEN], layer->batch, &layer->kv_lengths) : code;
    code = code < 0 ? input_check_sinks(&in[LAYER_SINK], layer->heads, &layer->score.sinks) : code;
    return code;
}

int layer_inputs_read(input_file in[LAYER_INPUTS], const clattn_layer *layer, clattn_layer_arrays *arrays)
{
    int code = input_files_read(in, LAYER_INPUTS);
    if (code >= 0) {
        return code;
    }
    input_warn_lengths(&in[LAYER_KV_LEN], layer->batch, keys(layer));
    arrays->x = in[LAYER_X].data;
    arrays->context = in[LAYER_CONTEXT].data;
    arrays->wq = in[LAYER_WQ].data;
    arrays->wkv = in[LAYER_WKV].data;
    arrays->wo = in[LAYER_WO].data;
    arrays->bq = in[LAYER_BQ].data;
    arrays->bkv = in[LAYER_BKV].data;
    arrays->bo = in[LAYER_BO].data;
    arrays->dout = in[LAYER_DOUT].data;
#define TAKE(slot, member, of, shape, whole, fewer, help) arrays->member.data = in[LAYER_##slot].data;
    SCORE_FILES(TAKE)
#undef TAKE
    arrays->kv_lengths.data = in[LAYER_KV_LEN].data;
    arrays->sink.data = in[LAYER_SINK].data;
    return -1;
}
