#include "data.h"
#include "random.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 }; /* elements before and after the view of an output */

#define MOST_BYTES 17179869184.0 /* of one buffer: refuses nonsense before it overflows */

/* ---- layout ---- */

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

static void set_dims(struct data_set *set, enum data_slot slot, int64_t b, int64_t h, int64_t rows, int64_t depth)
{
    struct data_view *view = &set->view[slot];

    view->buffer = -1;
    view->element_bytes = slot == SLOT_MASK ? 1 : 4;
    view->dim[0] = (size_t)b;
    view->dim[1] = (size_t)h;
    view->dim[2] = (size_t)rows;
    view->dim[3] = (size_t)depth;
    set_strides(view, (size_t)(h * rows * depth), (size_t)(rows * depth), (size_t)depth);
}

/* A buffer of `elements`, uninitialised. */
static int add_buffer(struct data_set *set, size_t elements, size_t element_bytes, int output)
{
    struct data_buffer *buffer = &set->buffer[set->buffers];

    buffer->bytes = elements * element_bytes;
    buffer->output = output;
    buffer->image = malloc(buffer->bytes);
    return buffer->image != NULL ? set->buffers++ : -1;
}

/* Gives a tensor its strides, and a buffer of its own. Inputs of the plain layout are just as large as their tensor. */
static int place(struct data_set *set, enum data_slot slot, enum case_layout layout)
{
    struct data_view *view = &set->view[slot];
    const size_t *dim = view->dim;
    int output = slot >= SLOT_OUT;
    int small = slot == SLOT_MASK || slot == SLOT_KV_LENGTHS;
    size_t guard = output || layout != LAYOUT_BHND ? GUARD : 0;

    view->offset = guard;
    view->default_strides = 1;
    if (layout == LAYOUT_PADDED) {
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

/* Three tensors in one buffer: (B,N, heads depth of the first, of the second, of the third). */
static int place_packed(struct data_set *set, enum data_slot first)
{
    struct data_view *view = &set->view[first];
    size_t rows = view->dim[2];
    size_t width = 0;
    int buffer;

    for (int n = 0; n < 3; n++) {
        width += view[n].dim[1] * view[n].dim[3];
    }
    buffer = add_buffer(set, 2 * GUARD + view->dim[0] * rows * width, 4, first >= SLOT_OUT);
    for (size_t n = 0, at = GUARD; n < 3; n++) {
        view[n].buffer = buffer;
        view[n].offset = at;
        view[n].default_strides = 0;
        set_strides(&view[n], rows * width, view[n].dim[3], width);
        at += view[n].dim[1] * view[n].dim[3];
    }
    return buffer >= 0 ? 0 : -1;
}

static int place_all(struct data_set *set, const struct test_case *c)
{
    const clattn_problem *p = &c->problem;
    int packed = c->layout == LAYOUT_PACKED;
    int status = 0;

    set_dims(set, SLOT_Q, p->batch, p->q_heads, p->q_len, p->qk_dim);
    set_dims(set, SLOT_K, p->batch, p->kv_heads, p->kv_len, p->qk_dim);
    set_dims(set, SLOT_V, p->batch, p->kv_heads, p->kv_len, p->v_dim);
    set_dims(set, SLOT_MASK, p->mask_dim[0], p->mask_dim[1], p->mask_dim[2], p->mask_dim[3]);
    set_dims(set, SLOT_KV_LENGTHS, p->kv_lengths ? p->batch : 0, 1, 1, 1);
    set_dims(set, SLOT_DOUT, p->batch, p->q_heads, p->q_len, p->v_dim);
    set_dims(set, SLOT_OUT, p->batch, p->q_heads, p->q_len, p->v_dim);
    set_dims(set, SLOT_LSE, p->batch, p->q_heads, p->q_len, 1);
    set_dims(set, SLOT_DQ, p->batch, p->q_heads, p->q_len, p->qk_dim);
    set_dims(set, SLOT_DK, p->batch, p->kv_heads, p->kv_len, p->qk_dim);
    set_dims(set, SLOT_DV, p->batch, p->kv_heads, p->kv_len, p->v_dim);
    for (int slot = 0; slot < SLOT_COUNT && status == 0; slot++) {
        if (packed && (slot == SLOT_Q || slot == SLOT_DQ)) {
            status = place_packed(set, (enum data_slot)slot);
        } else if (set->view[slot].buffer < 0 && set->view[slot].dim[0] != 0) {
            status = place(set, (enum data_slot)slot, c->layout);
        }
    }
    return status;
}

static int sizes_make_sense(const struct test_case *c)
{
    const clattn_problem *p = &c->problem;
    const int64_t sizes[] = {p->batch, p->q_heads, p->kv_heads, p->q_len, p->kv_len, p->qk_dim, p->v_dim};
    double rows = fmax((double)p->q_heads * (double)p->q_len, (double)p->kv_heads * (double)p->kv_len);
    const int64_t full[4] = {p->batch, p->q_heads, p->q_len, p->kv_len};
    double mask = 1.0;

    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        if (sizes[n] < 1) {
            return 0;
        }
    }
    for (int n = 0; n < 4; n++) {
        mask *= (double)p->mask_dim[n];
        if (p->mask_dim[n] != (p->mask_dim[0] == 0 ? 0 : 1) && p->mask_dim[n] != full[n]) {
            return 0;
        }
    }
    return mask < MOST_BYTES && p->q_heads % p->kv_heads == 0 &&
           (c->layout != LAYOUT_PACKED || p->q_len == p->kv_len) &&
           4.0 * (double)p->batch * rows * (double)(p->qk_dim + p->v_dim + 16) < MOST_BYTES;
}

/* ---- contents ---- */

static void fill_floats(unsigned char *bytes, size_t count, float value)
{
    for (size_t n = 0; n < count; n++) {
        memcpy(bytes + n * sizeof value, &value, sizeof value);
    }
}

static size_t row_count(const struct data_view *view)
{
    return view->dim[0] * view->dim[1] * view->dim[2];
}

static unsigned char *row_at(const struct data_set *set, enum data_slot slot, size_t row)
{
    const struct data_view *view = &set->view[slot];

    return set->buffer[view->buffer].image + data_row_offset(view, row);
}

/* What surrounds the views, everywhere; then NaN in the views of outputs. */
static void fill_surroundings(struct data_set *set)
{
    for (int n = 0; n < set->buffers; n++) {
        struct data_buffer *buffer = &set->buffer[n];

        for (size_t at = 0; at < buffer->bytes; at++) {
            buffer->image[at] = (unsigned char)(buffer->output ? at * 37 + 11 : 1);
        }
    }
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        const struct data_view *view = &set->view[slot];

        if (view->buffer >= 0 && slot >= SLOT_OUT) {
            for (size_t row = 0; row < row_count(view); row++) {
                fill_floats(row_at(set, (enum data_slot)slot, row), view->dim[3], NAN);
            }
        } else if (view->buffer >= 0 && slot != SLOT_MASK && slot != SLOT_KV_LENGTHS) {
            fill_floats(set->buffer[view->buffer].image, set->buffer[view->buffer].bytes / 4, NAN);
        }
    }
}

static void fill_mask(struct data_set *set, const struct test_case *c, struct check_random *r)
{
    static const unsigned char trues[] = {1, 2, 128, 255};
    const struct data_view *view = &set->view[SLOT_MASK];
    int64_t depth = (int64_t)view->dim[3];

    for (size_t row = 0; view->buffer >= 0 && row < row_count(view); row++) {
        unsigned char *mask = row_at(set, SLOT_MASK, row);
        int64_t cut = check_random_below(r, depth + 1);

        for (int64_t j = 0; j < depth; j++) {
            int seen = check_random_below(r, 4) != 0;

            seen = c->mask == MASK_PREFIX ? j >= cut : c->mask == MASK_SUFFIX ? j < cut : seen;
            if (c->mask == MASK_FALSE || (c->mask == MASK_DEADROWS && row % 3 == 1)) {
                seen = 0;
            }
            mask[j] = seen ? trues[check_random_below(r, 4)] : 0;
        }
    }
}

static void fill_lengths(struct data_set *set, const struct test_case *c, struct check_random *r)
{
    const struct data_view *view = &set->view[SLOT_KV_LENGTHS];
    int64_t turn = check_random_below(r, 6);
    int32_t m = (int32_t)c->problem.kv_len;

    for (size_t b = 0; view->buffer >= 0 && b < view->dim[0]; b++) {
        const int32_t mixed[6] = {m,       (int32_t)check_random_below(r, m), 0,
                                  m + 100, (int32_t)check_random_below(r, m), -5};
        int32_t length = c->lengths == LENGTHS_SAME ? c->kv_length : mixed[(turn + (int64_t)b) % 6];

        memcpy(row_at(set, SLOT_KV_LENGTHS, b), &length, sizeof length);
    }
}

/* 1 when row `row` of K and V is padding for every query head that reads it. */
static int is_padding(const struct data_set *set, const clattn_problem *p, size_t row)
{
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    int64_t group = p->q_heads / p->kv_heads;
    int64_t j = (int64_t)row % p->kv_len;
    int64_t hk = (int64_t)row / p->kv_len % p->kv_heads;
    int64_t b = (int64_t)row / p->kv_len / p->kv_heads;

    data_arrays(set, &arrays);
    for (int64_t g = 0; g < group; g++) {
        if (!reference_padding(p, &arrays, b, hk * group + g, j)) {
            return 0;
        }
    }
    return 1;
}

/* The factor of the numbers of a row, by data kind. */
static float row_factor(const struct test_case *c, enum data_slot slot, size_t row)
{
    const clattn_problem *p = &c->problem;
    double scale = p->scale != 0.0f ? fabs((double)p->scale) : 1.0 / sqrt((double)p->qk_dim);

    if (c->data == DATA_LARGE && (slot == SLOT_Q || slot == SLOT_K)) {
        return (float)sqrt(15.0 / (scale * sqrt((double)p->qk_dim))); /* a score's deviation is 15 */
    }
    if (c->data == DATA_RISING && slot == SLOT_K) {
        double rise = (double)(row % (size_t)p->kv_len + 1) / (double)p->kv_len;

        return (float)(rise * 5.0 / (scale * (double)p->qk_dim * 0.64)); /* E|x| E|y| = 0.64; scores grow up to 5 */
    }
    return 1.0f;
}

static void fill_row(unsigned char *bytes, size_t count, const struct test_case *c, enum data_slot slot, size_t row,
                     struct check_random *r)
{
    float factor = row_factor(c, slot, row);
    int positive = c->data == DATA_RISING && (slot == SLOT_Q || slot == SLOT_K);

    for (size_t n = 0; n < count; n++) {
        float x = c->data == DATA_UNIFORM ? check_random_uniform(r) : check_random_normal(r);

        fill_floats(bytes + 4 * n, 1, factor * (positive ? fabsf(x) : x));
    }
}

/* Padding rows first, and then the others, as rows of a broadcast layout may share their numbers. */
static void fill_tensor(struct data_set *set, const struct test_case *c, enum data_slot slot, struct check_random *r)
{
    static const float poison[3] = {NAN, INFINITY, -INFINITY};
    const struct data_view *view = &set->view[slot];
    int planted = c->data == DATA_NANPAD && (slot == SLOT_K || slot == SLOT_V);

    for (size_t row = 0; planted && row < row_count(view); row++) {
        if (is_padding(set, &c->problem, row)) {
            fill_floats(row_at(set, slot, row), view->dim[3], poison[row % 3]);
        }
    }
    for (size_t row = 0; row < row_count(view); row++) {
        unsigned char *bytes = row_at(set, slot, row);

        if (planted && is_padding(set, &c->problem, row)) {
            continue;
        }
        if (c->data == DATA_EQUAL && slot == SLOT_K && row % view->dim[2] != 0) {
            memcpy(bytes, row_at(set, slot, row - row % view->dim[2]), view->dim[3] * 4);
        } else {
            fill_row(bytes, view->dim[3], c, slot, row, r);
        }
    }
}

int data_make(const struct test_case *c, struct data_set *set)
{
    struct check_random r = {c->seed};

    memset(set, 0, sizeof *set);
    if (!sizes_make_sense(c) || place_all(set, c) != 0) {
        data_free(set);
        return -1;
    }
    fill_surroundings(set);
    fill_mask(set, c, &r);
    fill_lengths(set, c, &r);
    fill_tensor(set, c, SLOT_Q, &r);
    fill_tensor(set, c, SLOT_K, &r);
    fill_tensor(set, c, SLOT_V, &r);
    fill_tensor(set, c, SLOT_DOUT, &r);
    return 0;
}

void data_free(struct data_set *set)
{
    for (int n = 0; n < SLOT_COUNT; n++) {
        free(set->buffer[n].image);
        set->buffer[n].image = NULL;
    }
    set->buffers = 0;
}

void data_arrays(const struct data_set *set, clattn_arrays *arrays)
{
    clattn_array *const slots[SLOT_COUNT] = {&arrays->q,          &arrays->k,    &arrays->v,   &arrays->mask,
                                             &arrays->kv_lengths, &arrays->dout, &arrays->out, &arrays->lse,
                                             &arrays->dq,         &arrays->dk,   &arrays->dv};

    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        const struct data_view *view = &set->view[slot];

        if (view->buffer < 0) {
            *slots[slot] = (clattn_array)CLATTN_NO_ARRAY;
            continue;
        }
        slots[slot]->data = row_at(set, (enum data_slot)slot, 0);
        memcpy(slots[slot]->stride, view->stride, sizeof view->stride);
        if (view->default_strides) {
            memset(slots[slot]->stride, 0, sizeof view->stride);
        }
    }
}
