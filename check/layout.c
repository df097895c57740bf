/* SPDX-License-Identifier: Apache-2.0 */
#include "layout.h"

#include "half.h"

#include <math.h>
#include <stdlib.h>

enum { GUARD = 64 }; /* elements before and after the view of an output */

#define MOST_BYTES 17179869184.0 /* limit of one buffer; refuses invalid sizes before they overflow */

size_t data_count(const struct data_view *view)
{
    return view->dim[0] * view->dim[1] * view->dim[2] * view->dim[3];
}

size_t data_row_offset(const struct data_view *view, size_t row)
{
    size_t r = row % view->dim[2];
    size_t h = row / view->dim[2] % view->dim[1];
    size_t b = row / view->dim[2] / view->dim[1];

    return (view->offset + b * view->stride[0] + h * view->stride[1] + r * view->stride[2]) * view->element_bytes;
}

/* Elements from the start of the buffer to the end of the view. */
static size_t view_end(const struct data_view *view)
{
    size_t rows = view->dim[0] * view->dim[1] * view->dim[2];

    return data_row_offset(view, rows - 1) / view->element_bytes + view->dim[3];
}

static void set_strides(struct data_view *view, size_t batch, size_t head, size_t row)
{
    view->stride[0] = batch;
    view->stride[1] = head;
    view->stride[2] = row;
}

static void set_dims(struct data_set *set, enum data_slot slot, clattn_dtype dtype, int64_t b, int64_t h, int64_t rows,
                     int64_t depth)
{
    struct data_view *view = &set->view[slot];

    view->buffer = -1;
    view->dtype = dtype;
    view->element_bytes = slot == SLOT_MASK ? 1 : element_bytes(dtype);
    view->dim[0] = (size_t)b;
    view->dim[1] = (size_t)h;
    view->dim[2] = (size_t)rows;
    view->dim[3] = (size_t)depth;
    set_strides(view, (size_t)(h * rows * depth), (size_t)(rows * depth), (size_t)depth);
}

/* Adds an uninitialised buffer of `elements` elements of `size` bytes. Returns its index, or -1
 * when memory is short. */
static int add_buffer(struct data_set *set, size_t elements, size_t size, int output)
{
    struct data_buffer *buffer = &set->buffer[set->buffers];

    buffer->bytes = elements * size;
    buffer->output = output;
    buffer->image = malloc(buffer->bytes);
    return buffer->image != NULL ? set->buffers++ : -1;
}

/* Sets a tensor's offset and strides and adds its buffer. Inputs of the contiguous layout have no
 * guard. */
static int place(struct data_set *set, enum data_slot slot, enum case_layout layout, uint64_t seed)
{
    struct data_view *view = &set->view[slot];
    const size_t *dim = view->dim;
    int output = slot >= SLOT_OUT;
    int small = slot == SLOT_MASK || slot == SLOT_KV_LENGTHS || slot == SLOT_ALIBI || slot == SLOT_BIAS ||
                slot == SLOT_DBIAS || slot == SLOT_SINK || slot == SLOT_DSINK;
    size_t guard = layout != LAYOUT_RANDOM && (output || layout != LAYOUT_BHND) ? GUARD : 0;

    view->offset = guard;
    view->default_strides = 1;
    if (layout == LAYOUT_RANDOM) {
        layout_random(view, slot, seed);
    } else if (layout == LAYOUT_PADDED) {
        size_t row = dim[3] + 1 + (size_t)slot % 4;
        size_t head = dim[2] * row + 5;

        view->offset = guard + 1 + (size_t)slot % 3;
        view->default_strides = 0;
        set_strides(view, dim[1] * head + 7, head, row);
    } else if ((layout == LAYOUT_BNHD || layout == LAYOUT_PACKED) && !small) {
        view->default_strides = 0;
        set_strides(view, dim[2] * dim[1] * dim[3], dim[3], dim[1] * dim[3]);
    } else if (layout == LAYOUT_BROADCAST && !small && !output) {
        view->default_strides = 0;
        view->stride[slot == SLOT_Q ? 0 : slot == SLOT_DOUT ? 2 : 1] = 0;
    }
    view->buffer = add_buffer(set, view_end(view) + guard, view->element_bytes, output);
    return view->buffer >= 0 ? 0 : -1;
}

/* Three tensors in one buffer (B, N, h0 d0 + h1 d1 + h2 d2), h heads of depth d each. */
static int place_packed(struct data_set *set, enum data_slot first, size_t guard)
{
    struct data_view *view = &set->view[first];
    size_t rows = view->dim[2];
    size_t width = 0;
    int buffer;

    for (int n = 0; n < 3; n++) {
        width += view[n].dim[1] * view[n].dim[3];
    }
    buffer = add_buffer(set, 2 * guard + view->dim[0] * rows * width, view->element_bytes, first >= SLOT_OUT);
    for (size_t n = 0, at = guard; n < 3; n++) {
        view[n].buffer = buffer;
        view[n].offset = at;
        view[n].default_strides = 0;
        set_strides(&view[n], rows * width, view[n].dim[3], width);
        at += view[n].dim[1] * view[n].dim[3];
    }
    return buffer >= 0 ? 0 : -1;
}

static int sizes_make_sense(const struct test_case *c)
{
    const clattn_problem *p = &c->problem;
    const int64_t sizes[] = {p->batch, p->q_heads, p->kv_heads, p->q_len, p->kv_len, p->qk_dim, p->v_dim};
    double rows = fmax((double)p->q_heads * (double)p->q_len, (double)p->kv_heads * (double)p->kv_len);
    const int64_t full[4] = {p->batch, p->q_heads, p->q_len, p->kv_len};
    const int64_t *alibi = p->score.alibi_dim;
    double mask = 1.0, bias = 4.0;

    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        if (sizes[n] < 1) {
            return 0;
        }
    }
    for (int n = 0; n < 4; n++) {
        const int64_t dims[2] = {p->score.mask_dim[n], p->score.bias_dim[n]};
        const int64_t least[2] = {p->score.mask_dim[0] == 0 ? 0 : 1, p->score.bias_dim[0] == 0 ? 0 : 1};

        mask *= (double)dims[0];
        bias *= (double)dims[1];
        for (int of = 0; of < 2; of++) {
            if (dims[of] != least[of] && dims[of] != full[n]) {
                return 0;
            }
        }
    }
    for (int n = 0; n < 2; n++) {
        if (alibi[n] != (alibi[0] == 0 ? 0 : 1) && alibi[n] != full[n]) {
            return 0;
        }
    }
    return mask < MOST_BYTES && bias < MOST_BYTES && p->q_heads % p->kv_heads == 0 &&
           (c->layout != LAYOUT_PACKED || p->q_len == p->kv_len) &&
           4.0 * (double)p->batch * rows * (double)(p->qk_dim + p->v_dim + 16) < MOST_BYTES;
}

int layout_make(struct data_set *set, const struct test_case *c)
{
    const clattn_problem *p = &c->problem;
    int random_packed = c->layout == LAYOUT_RANDOM && p->q_len == p->kv_len && c->seed % 3 == 0;
    size_t guard = random_packed ? 0 : GUARD;
    int packed = c->layout == LAYOUT_PACKED || random_packed;
    int status = 0;

    if (!sizes_make_sense(c)) {
        return -1;
    }
    set_dims(set, SLOT_Q, p->dtype, p->batch, p->q_heads, p->q_len, p->qk_dim);
    set_dims(set, SLOT_K, p->dtype, p->batch, p->kv_heads, p->kv_len, p->qk_dim);
    set_dims(set, SLOT_V, p->dtype, p->batch, p->kv_heads, p->kv_len, p->v_dim);
    set_dims(set, SLOT_MASK, CLATTN_FLOAT32, p->score.mask_dim[0], p->score.mask_dim[1], p->score.mask_dim[2],
             p->score.mask_dim[3]);
    set_dims(set, SLOT_KV_LENGTHS, CLATTN_FLOAT32, p->kv_lengths ? p->batch : 0, 1, 1, 1);
    set_dims(set, SLOT_DOUT, p->dtype, p->batch, p->q_heads, p->q_len, p->v_dim);
    set_dims(set, SLOT_ALIBI, CLATTN_FLOAT32, p->score.alibi_dim[0], p->score.alibi_dim[1], 1, 1);
    set_dims(set, SLOT_BIAS, p->score.bias_float32 ? CLATTN_FLOAT32 : p->dtype, p->score.bias_dim[0],
             p->score.bias_dim[1], p->score.bias_dim[2], p->score.bias_dim[3]);
    set_dims(set, SLOT_SINK, CLATTN_FLOAT32, p->score.sinks, p->q_heads, 1, 1);
    set_dims(set, SLOT_DLSE, CLATTN_FLOAT32, p->score.dlse ? p->batch : 0, p->q_heads, p->q_len, 1);
    set_dims(set, SLOT_OUT, p->dtype, p->batch, p->q_heads, p->q_len, p->v_dim);
    set_dims(set, SLOT_LSE, CLATTN_FLOAT32, p->batch, p->q_heads, p->q_len, 1);
    set_dims(set, SLOT_DQ, p->dtype, p->batch, p->q_heads, p->q_len, p->qk_dim);
    set_dims(set, SLOT_DK, p->dtype, p->batch, p->kv_heads, p->kv_len, p->qk_dim);
    set_dims(set, SLOT_DV, p->dtype, p->batch, p->kv_heads, p->kv_len, p->v_dim);
    set_dims(set, SLOT_DBIAS, p->score.bias_float32 ? CLATTN_FLOAT32 : p->dtype, p->score.bias_dim[0],
             p->score.bias_dim[1], p->score.bias_dim[2], p->score.bias_dim[3]);
    set_dims(set, SLOT_DSINK, CLATTN_FLOAT32, p->score.sinks, p->q_heads, 1, 1);
    set_dims(set, SLOT_MAX_LOGIT, CLATTN_FLOAT32, p->score.max_logit ? p->batch : 0, p->q_heads, p->q_len, 1);
    for (int slot = 0; slot < SLOT_COUNT && status == 0; slot++) {
        if (packed && (slot == SLOT_Q || slot == SLOT_DQ)) {
            status = place_packed(set, (enum data_slot)slot, guard);
        } else if (set->view[slot].buffer < 0 && set->view[slot].dim[0] != 0) {
            status = place(set, (enum data_slot)slot, c->layout, c->seed);
        }
    }
    return status;
}
