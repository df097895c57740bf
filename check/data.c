/* SPDX-License-Identifier: Apache-2.0 */
#include "data.h"
#include "half.h"
#include "in_threads.h"
#include "layout.h"
#include "random.h"
#include "visible.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Elements that are worth starting a thread for. */
enum { LEAST_ELEMENTS = 1 << 20 };

/* Sets `count` elements to `value`; each memcpy doubles the number already set. */
static void fill_elements(clattn_dtype dtype, unsigned char *bytes, size_t count, float value)
{
    const size_t element = element_bytes(dtype);

    if (count > 0) {
        elements_write(dtype, &value, 1, bytes);
    }
    for (size_t done = 1; done < count; done *= 2) {
        memcpy(bytes + done * element, bytes, (done < count - done ? done : count - done) * element);
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

/* Outputs: the guard pattern, then NaN in the views. Inputs: NaN; mask and key lengths: bytes of
 * 1. */
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
                fill_elements(view->dtype, row_at(set, (enum data_slot)slot, row), view->dim[3], NAN);
            }
        } else if (view->buffer >= 0 && slot != SLOT_MASK && slot != SLOT_KV_LENGTHS) {
            struct data_buffer *buffer = &set->buffer[view->buffer];

            fill_elements(view->dtype, buffer->image, buffer->bytes / view->element_bytes, NAN);
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

static void fill_alibi(struct data_set *set, const struct test_case *c, struct check_random *r)
{
    const struct data_view *view = &set->view[SLOT_ALIBI];

    for (size_t row = 0; view->buffer >= 0 && row < row_count(view); row++) {
        const float head = (float)(row % view->dim[1]), batch = (float)(row / view->dim[1]);
        const float usual = exp2f(-8.0f * (head + 1.0f) / (float)view->dim[1]) * (1.0f - 0.01f * batch);
        const float varied = check_random_below(r, 4) == 0 ? 0.0f : 0.3f * check_random_normal(r);
        const float slope = c->alibi == ALIBI_VARIED ? varied : usual;

        memcpy(row_at(set, SLOT_ALIBI, row), &slope, sizeof slope);
    }
}

/* With NaN in padding, a whole bias has NaN too where the pair is hidden by anything else. */
static float bias_element(const clattn_problem *p, const clattn_arrays *a, size_t row, int64_t j, float value)
{
    const int64_t i = (int64_t)row % p->q_len, at = (int64_t)row / p->q_len;

    return visible_pair(p, a, at / p->q_heads, at % p->q_heads, i, j) ? value : NAN;
}

static void fill_bias(struct data_set *set, const struct test_case *c, struct check_random *r)
{
    const struct data_view *view = &set->view[SLOT_BIAS];
    clattn_arrays a = CLATTN_ARRAYS_INIT;
    clattn_problem p = c->problem;
    const int64_t *dim = c->problem.score.bias_dim;
    const int whole = dim[0] == p.batch && dim[1] == p.q_heads && dim[2] == p.q_len && dim[3] == p.kv_len;

    memset(p.score.bias_dim, 0, sizeof p.score.bias_dim);
    data_arrays(set, &a);
    for (size_t row = 0; view->buffer >= 0 && row < row_count(view); row++) {
        for (size_t j = 0; j < view->dim[3]; j++) {
            float x = check_random_normal(r);

            if (c->bias == BIAS_HIDE && (check_random_below(r, 4) == 0 || row % 3 == 1)) {
                x = -INFINITY;
            }
            if (whole && c->data == DATA_NANPAD) {
                x = bias_element(&p, &a, row, (int64_t)j, x);
            }
            elements_write(view->dtype, &x, 1, row_at(set, SLOT_BIAS, row) + j * view->element_bytes);
        }
    }
}
static void fill_sinks(struct data_set *set, const struct test_case *c, struct check_random *r)
{
    const struct data_view *view = &set->view[SLOT_SINK];

    for (size_t row = 0; view->buffer >= 0 && row < row_count(view); row++) {
        const float normal = check_random_normal(r);
        const float sink = c->sink == SINK_NONE ? -INFINITY : c->sink == SINK_LARGE ? 7.0f + normal : normal;

        memcpy(row_at(set, SLOT_SINK, row), &sink, sizeof sink);
    }
}
/* With data=nanpad, rows that see no key are NaN. They are filled first, as a broadcast layout has
 * other rows in their place. */
static int fill_dlse(struct data_set *set, const struct test_case *c, struct check_random *r)
{
    const struct data_view *view = &set->view[SLOT_DLSE];
    const clattn_problem *p = &c->problem;
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    int64_t *keys;

    if (view->buffer < 0) {
        return 0;
    }
    keys = malloc((size_t)p->kv_len * sizeof *keys);
    data_arrays(set, &arrays);
    for (int seeing = 0; keys != NULL && seeing < 2; seeing++) {
        for (size_t row = 0; row < row_count(view); row++) {
            const int64_t i = (int64_t)row % p->q_len, bh = (int64_t)row / p->q_len;
            const int sees =
                c->data != DATA_NANPAD || visible_keys(p, &arrays, bh / p->q_heads, bh % p->q_heads, i, keys) > 0;
            const float value = sees && seeing ? check_random_normal(r) : NAN;

            if (sees == seeing) {
                memcpy(row_at(set, SLOT_DLSE, row), &value, sizeof value);
            }
        }
    }
    free(keys);
    return keys != NULL ? 0 : -1;
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
        if (!visible_padding(p, &arrays, b, hk * group + g, j)) {
            return 0;
        }
    }
    return 1;
}

/* The factor of a row's random numbers, by data kind. */
static float row_factor(const struct test_case *c, enum data_slot slot, size_t row)
{
    const clattn_problem *p = &c->problem;
    double scale = p->score.scale != 0.0f ? fabs((double)p->score.scale) : 1.0 / sqrt((double)p->qk_dim);

    if (c->data == DATA_LARGE && (slot == SLOT_Q || slot == SLOT_K)) {
        return (float)sqrt(15.0 / (scale * sqrt((double)p->qk_dim))); /* standard deviation of a score: 15 */
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
    clattn_dtype dtype = c->problem.dtype;
    int positive = c->data == DATA_RISING && (slot == SLOT_Q || slot == SLOT_K);
    float x[64];

    for (size_t n = 0; n < count; n++) {
        float y = c->data == DATA_UNIFORM ? check_random_uniform(r) : check_random_normal(r);

        x[n % 64] = factor * (positive ? fabsf(y) : y);
        if (n % 64 == 63 || n + 1 == count) {
            elements_write(dtype, x, n % 64 + 1, bytes + n / 64 * 64 * element_bytes(dtype));
        }
    }
}

/* Rows of a contiguous tensor in which no row copies another: threads may fill them in any
 * order. */
struct rows_to_fill {
    struct data_set *set;
    const struct test_case *c;
    enum data_slot slot;
    struct check_random first;
    size_t draws; /* per row */
};

static int fill_rows(void *self, size_t first, size_t past)
{
    const struct rows_to_fill *f = self;
    const size_t depth = f->set->view[f->slot].dim[3];
    struct check_random r = f->first;

    check_random_skip(&r, first * f->draws);
    for (size_t row = first; row < past; row++) {
        fill_row(row_at(f->set, f->slot, row), depth, f->c, f->slot, row, &r);
    }
    return 0;
}

static void fill_plain_tensor(struct data_set *set, const struct test_case *c, enum data_slot slot,
                              struct check_random *r)
{
    const struct data_view *view = &set->view[slot];
    const size_t draws = view->dim[3] * (c->data == DATA_UNIFORM ? 1 : CHECK_NORMAL_DRAWS), rows = row_count(view);
    struct rows_to_fill f = {set, c, slot, *r, draws};

    in_threads(rows, LEAST_ELEMENTS / view->dim[3] + 1, fill_rows, &f);
    check_random_skip(r, rows * draws);
}

/* Padding rows first, then the others, which overwrite shared rows of a broadcast layout. */
static void fill_tensor(struct data_set *set, const struct test_case *c, enum data_slot slot, struct check_random *r)
{
    static const float poison[3] = {NAN, INFINITY, -INFINITY};
    const struct data_view *view = &set->view[slot];
    int planted = c->data == DATA_NANPAD && (slot == SLOT_K || slot == SLOT_V);

    if (view->default_strides && !planted && c->data != DATA_EQUAL) {
        fill_plain_tensor(set, c, slot, r);
        return;
    }
    for (size_t row = 0; planted && row < row_count(view); row++) {
        if (is_padding(set, &c->problem, row)) {
            fill_elements(view->dtype, row_at(set, slot, row), view->dim[3], poison[row % 3]);
        }
    }
    for (size_t row = 0; row < row_count(view); row++) {
        unsigned char *bytes = row_at(set, slot, row);

        if (planted && is_padding(set, &c->problem, row)) {
            continue;
        }
        if (c->data == DATA_EQUAL && slot == SLOT_K && row % view->dim[2] != 0) {
            memmove(bytes, row_at(set, slot, row - row % view->dim[2]), view->dim[3] * view->element_bytes);
        } else {
            fill_row(bytes, view->dim[3], c, slot, row, r);
        }
    }
}

struct elements_to_widen {
    clattn_dtype dtype;
    const unsigned char *from;
    float *to;
};

static int widen_elements(void *self, size_t first, size_t past)
{
    const struct elements_to_widen *w = self;

    elements_read(w->dtype, w->from + first * element_bytes(w->dtype), past - first, w->to + first);
    return 0;
}

/* Converts 16-bit inputs to float for the reference. */
static int widen(struct data_set *set)
{
    static const enum data_slot inputs[] = {SLOT_Q, SLOT_K, SLOT_V, SLOT_DOUT, SLOT_BIAS};

    for (size_t n = 0; n < sizeof inputs / sizeof inputs[0]; n++) {
        const struct data_view *view = &set->view[inputs[n]];
        struct data_buffer *buffer;

        if (view->buffer < 0) {
            continue;
        }
        buffer = &set->buffer[view->buffer];
        size_t count = buffer->bytes / view->element_bytes;

        if (view->dtype != CLATTN_FLOAT32 && buffer->wide == NULL) {
            struct elements_to_widen w = {view->dtype, buffer->image, NULL};

            w.to = buffer->wide = malloc(count * sizeof *buffer->wide);
            if (buffer->wide == NULL) {
                return -1;
            }
            in_threads(count, LEAST_ELEMENTS, widen_elements, &w);
        }
    }
    return 0;
}

int data_make(const struct test_case *c, struct data_set *set)
{
    struct check_random r = {c->seed};

    memset(set, 0, sizeof *set);
    if (layout_make(set, c) != 0) {
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
    fill_alibi(set, c, &r);
    fill_bias(set, c, &r);
    fill_sinks(set, c, &r);
    if (fill_dlse(set, c, &r) != 0 || widen(set) != 0) {
        data_free(set);
        return -1;
    }
    return 0;
}

void data_free(struct data_set *set)
{
    for (int n = 0; n < SLOT_COUNT; n++) {
        free(set->buffer[n].image);
        free(set->buffer[n].wide);
        set->buffer[n].image = NULL;
        set->buffer[n].wide = NULL;
    }
    set->buffers = 0;
}

void data_arrays(const struct data_set *set, clattn_arrays *arrays)
{
    clattn_const_array *const inputs[SLOT_COUNT] = {
        [SLOT_Q] = &arrays->q,         [SLOT_K] = &arrays->k,       [SLOT_V] = &arrays->v,
        [SLOT_MASK] = &arrays->mask,   [SLOT_DOUT] = &arrays->dout, [SLOT_KV_LENGTHS] = &arrays->kv_lengths,
        [SLOT_ALIBI] = &arrays->alibi, [SLOT_BIAS] = &arrays->bias, [SLOT_SINK] = &arrays->sink,
        [SLOT_DLSE] = &arrays->dlse,
    };
    clattn_array *const outputs[SLOT_COUNT] = {
        [SLOT_OUT] = &arrays->out,     [SLOT_LSE] = &arrays->lse,
        [SLOT_DQ] = &arrays->dq,       [SLOT_DK] = &arrays->dk,
        [SLOT_DV] = &arrays->dv,       [SLOT_DBIAS] = &arrays->dbias,
        [SLOT_DSINK] = &arrays->dsink, [SLOT_MAX_LOGIT] = &arrays->max_logit,
    };

    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        const struct data_view *view = &set->view[slot];
        clattn_array array = CLATTN_NO_ARRAY;

        if (view->buffer >= 0) {
            array.data = row_at(set, (enum data_slot)slot, 0);
            memcpy(array.stride, view->stride, view->default_strides ? 0 : sizeof view->stride);
        }
        if (outputs[slot] != NULL) {
            *outputs[slot] = array;
        } else {
            inputs[slot]->data = array.data;
            memcpy(inputs[slot]->stride, array.stride, sizeof array.stride);
        }
    }
}

void data_reference_arrays(const struct data_set *set, clattn_arrays *arrays)
{
    clattn_const_array *const inputs[] = {&arrays->q, &arrays->k, &arrays->v, &arrays->dout, &arrays->bias};
    static const enum data_slot slots[] = {SLOT_Q, SLOT_K, SLOT_V, SLOT_DOUT, SLOT_BIAS};

    data_arrays(set, arrays);
    for (size_t n = 0; n < sizeof slots / sizeof slots[0]; n++) {
        const struct data_view *view = &set->view[slots[n]];
        float *wide = view->buffer >= 0 ? set->buffer[view->buffer].wide : NULL;

        if (wide != NULL) {
            inputs[n]->data = wide + view->offset;
        }
    }
}

clattn_tensor *data_tensor(clattn_tensors *t, enum data_slot slot)
{
    clattn_tensor *const members[SLOT_COUNT] = {
        [SLOT_Q] = &t->q,       [SLOT_K] = &t->k,         [SLOT_V] = &t->v,
        [SLOT_MASK] = &t->mask, [SLOT_OUT] = &t->out,     [SLOT_KV_LENGTHS] = &t->kv_lengths,
        [SLOT_LSE] = &t->lse,   [SLOT_DQ] = &t->dq,       [SLOT_DOUT] = &t->dout,
        [SLOT_DK] = &t->dk,     [SLOT_DV] = &t->dv,       [SLOT_ALIBI] = &t->alibi,
        [SLOT_BIAS] = &t->bias, [SLOT_SINK] = &t->sink,   [SLOT_DSINK] = &t->dsink,
        [SLOT_DLSE] = &t->dlse, [SLOT_DBIAS] = &t->dbias, [SLOT_MAX_LOGIT] = &t->max_logit,
    };

    return members[slot];
}
