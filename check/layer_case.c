/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_case.h"

#include "layer_seen.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WORD = 64 };

/* ---- the line ---- */

/* Reads the number between `prefix` and the end of the word or one of `stops`. Returns where it
 * ends; NULL: no match. */
static const char *number_after(const char *word, const char *prefix, const char *stops, int64_t *value)
{
    const size_t length = strlen(prefix);
    char *end;

    if (strncmp(word, prefix, length) != 0) {
        return NULL;
    }
    *value = strtoll(word + length, &end, 10);
    return end != word + length && (*end == '\0' || strchr(stops, *end) != NULL) ? end : NULL;
}

static int parse_size(const char *word, clattn_layer *layer)
{
    const struct {
        const char *prefix;
        int64_t *member, *second; /* after a slash */
    } sizes[] = {{"b", &layer->batch, NULL},
                 {"n", &layer->len, NULL},
                 {"m", &layer->context_len, NULL},
                 {"e", &layer->dim, NULL},
                 {"c", &layer->context_dim, NULL},
                 {"h", &layer->heads, &layer->kv_heads},
                 {"d", &layer->dim_head, NULL},
                 {"tile=", &layer->q_tile, &layer->k_tile},
                 {"align=", &layer->score.offset, NULL}};

    for (size_t n = 0; n < sizeof sizes / sizeof sizes[0]; n++) {
        const char *rest = number_after(word, sizes[n].prefix, sizes[n].second != NULL ? "/" : "", sizes[n].member);

        if (rest != NULL && *rest == '/') {
            rest = number_after(rest, "/", "", sizes[n].second);
        }
        if (rest != NULL) {
            layer->score.align = sizes[n].member == &layer->score.offset ? CLATTN_ALIGN_OFFSET : layer->score.align;
            return 0;
        }
    }
    return -1;
}

static int parse_mask(const char *word, int64_t dim[4])
{
    const char *rest = number_after(word, "mask=", ",", &dim[0]);

    for (int n = 1; rest != NULL && n < 4; n++) {
        rest = number_after(rest, ",", ",", &dim[n]);
    }
    return rest != NULL && *rest == '\0' ? 0 : -1;
}

static int parse_window(const char *word, clattn_score *score)
{
    const char *rest = number_after(word, "window=", ",", &score->window_left);

    score->window = 1;
    rest = rest != NULL ? number_after(rest, ",", "", &score->window_right) : NULL;
    return rest != NULL ? 0 : -1;
}

/* Sets the bits of the slots in `names`, such as "dx+dwq". */
static int parse_slots(const char *names, unsigned *slots)
{
    *slots = 0;
    while (*names != '\0') {
        const size_t length = strcspn(names, "+");
        enum layer_slot slot = LAYER_X;

        while (slot < LAYER_SLOTS &&
               (strlen(layer_slot_name(slot)) != length || strncmp(layer_slot_name(slot), names, length) != 0)) {
            slot++;
        }
        if (slot == LAYER_SLOTS) {
            return -1;
        }
        *slots |= 1u << slot;
        names += length + (names[length] == '+');
    }
    return 0;
}

static int parse_word(const char *word, struct layer_case *c)
{
    const struct {
        const char *word;
        int *member;
    } flags[] = {{"causal", &c->layer.score.causal}, {"kvlen", &c->layer.kv_lengths},
                 {"accumulate", &c->accumulate},     {"nanpad", &c->nanpad},
                 {"nanblind", &c->nanblind},         {"grid", &c->grid}};
    int64_t seed;
    unsigned absent;

    for (size_t n = 0; n < sizeof flags / sizeof flags[0]; n++) {
        if (strcmp(word, flags[n].word) == 0) {
            *flags[n].member = 1;
            return 0;
        }
    }
    if (strcmp(word, "align=top-left") == 0) {
        c->layer.score.align = CLATTN_ALIGN_TOP_LEFT;
        return 0;
    }
    if (strncmp(word, "window=", 7) == 0) {
        return parse_window(word, &c->layer.score);
    }
    if (strncmp(word, "scale=", 6) == 0) {
        c->layer.score.scale = strtof(word + 6, NULL);
        return 0;
    }
    if (strncmp(word, "without=", 8) == 0 && parse_slots(word + 8, &absent) == 0) {
        c->biases &= ~absent;
        return 0;
    }
    if (number_after(word, "seed=", "", &seed) != NULL) {
        c->seed = (uint64_t)seed;
        return 0;
    }
    return strncmp(word, "only=", 5) == 0   ? parse_slots(word + 5, &c->gradients)
           : strncmp(word, "mask=", 5) == 0 ? parse_mask(word, c->layer.score.mask_dim)
                                            : parse_size(word, &c->layer);
}

int layer_case_parse(const char *line, struct layer_case *c)
{
    const char *at = line;

    *c = (struct layer_case){.line = line, .layer = CLATTN_LAYER_INIT, .biases = LAYER_BIASES, .seed = 1};
    c->gradients = LAYER_GRADIENTS;
    while (*at != '\0') {
        const size_t length = strcspn(at, " ");
        char word[WORD];

        if (length == 0 || length >= WORD) {
            return -1;
        }
        memcpy(word, at, length);
        word[length] = '\0';
        if (parse_word(word, c) != 0) {
            return -1;
        }
        at += length + (at[length] == ' ');
    }
    return 0;
}

/* ---- the data ---- */

size_t layer_element(enum layer_slot slot)
{
    return slot == LAYER_MASK ? 1 : 4;
}

int layer_is_output(enum layer_slot slot)
{
    return slot == LAYER_OUT || slot == LAYER_SAVED || slot >= LAYER_DX;
}

/* Weights make scores reach about 5. With `grid` all numbers are multiples of 1/16 within +-1. */
static void fill_floats(const struct layer_case *c, enum layer_slot slot, float *to, size_t count)
{
    const struct layer_shape s = layer_shape(&c->layer);
    const int64_t fan_in = slot == LAYER_WQ ? s.e : slot == LAYER_WKV ? s.c : s.inner;
    const int weight = slot >= LAYER_WQ && slot <= LAYER_WO;
    const int bias = slot >= LAYER_BQ && slot <= LAYER_BO;
    const float factor = weight ? 2.0f / sqrtf((float)fan_in) : 0.5f;
    const uint64_t seed = c->seed * LAYER_SLOTS + (uint64_t)slot;

    if (weight || bias || c->grid) {
        check_fill_uniform(to, count, seed);
    } else {
        check_fill_normal(to, count, seed);
    }
    for (size_t n = 0; n < count; n++) {
        to[n] = c->grid ? rintf(16.0f * to[n]) / 16.0f : weight || bias ? factor * to[n] : to[n];
    }
}

static int32_t key_length(const struct layer_shape *s, int64_t b)
{
    const int64_t lengths[] = {(s->m + 1) / 2, s->m, 0, s->m + 5, -3};

    return (int32_t)lengths[b % 5];
}

static void fill(const struct layer_case *c, enum layer_slot slot, void *to, size_t bytes)
{
    static const unsigned char truths[4] = {1, 0, 255, 2};
    const struct layer_shape s = layer_shape(&c->layer);
    struct check_random random = {c->seed};

    if (layer_is_output(slot) && !(c->accumulate && (LAYER_SUMS >> slot & 1))) {
        memset(to, 0xff, bytes);
    } else if (slot == LAYER_MASK) {
        for (size_t n = 0; n < bytes; n++) {
            ((unsigned char *)to)[n] = truths[check_random_below(&random, 4)];
        }
    } else if (slot == LAYER_KV_LENGTHS) {
        for (int64_t b = 0; b < s.b; b++) {
            ((int32_t *)to)[b] = key_length(&s, b);
        }
    } else {
        fill_floats(c, slot, to, bytes / sizeof(float));
    }
}

/* By turn % 3: all NaN, all infinity, or -infinity in the last element. */
static void poison_row(float *row, int64_t count, int64_t turn)
{
    for (int64_t n = turn % 3 == 2 ? count - 1 : 0; n < count; n++) {
        row[n] = turn % 3 == 0 ? NAN : turn % 3 == 1 ? INFINITY : -INFINITY;
    }
}

static void poison(const struct layer_case *c, struct layer_data *data)
{
    const struct layer_shape s = layer_shape(&c->layer);
    const clattn_problem p = layer_problem(&c->layer);
    clattn_arrays a = CLATTN_ARRAYS_INIT;

    a.mask.data = data->slot[LAYER_MASK];
    a.kv_lengths.data = data->slot[LAYER_KV_LENGTHS];
    for (int64_t row = 0; c->nanpad && !s.self && row < s.b * s.m; row++) {
        if (layer_key_is_padding(&p, &a, row / s.m, row % s.m)) {
            poison_row((float *)data->slot[LAYER_CONTEXT] + row * s.c, s.c, row);
        }
    }
    for (int64_t row = 0; c->nanblind && row < s.b * s.n; row++) {
        if (!layer_query_sees(&p, &a, row / s.n, row % s.n)) {
            poison_row((float *)data->slot[LAYER_X] + row * s.e, s.e, row);
            poison_row((float *)data->slot[LAYER_DOUT] + row * s.e, s.e, row + 1);
        }
    }
}

int layer_data_make(const struct layer_case *c, struct layer_data *data)
{
    memset(data, 0, sizeof *data);
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        const size_t bytes = layer_count(&c->layer, slot) * layer_element(slot);

        if (bytes == 0 || ((LAYER_BIASES >> slot & 1) && !(c->biases >> slot & 1))) {
            continue;
        }
        data->slot[slot] = malloc(bytes);
        if (data->slot[slot] == NULL) {
            layer_data_free(data);
            return -1;
        }
        data->bytes[slot] = bytes;
        fill(c, slot, data->slot[slot], bytes);
    }
    poison(c, data);
    return 0;
}

void layer_data_free(struct layer_data *data)
{
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        free(data->slot[slot]);
    }
    memset(data, 0, sizeof *data);
}

/* ---- by number ---- */

clattn_layer_arrays layer_data_arrays(const struct layer_case *c, const struct layer_data *data)
{
    void *const *slot = data->slot;
    clattn_layer_arrays a = CLATTN_LAYER_ARRAYS_INIT;
    float **const gradients[] = {&a.dx, &a.dcontext, &a.dwq, &a.dwkv, &a.dwo, &a.dbq, &a.dbkv, &a.dbo};

    a.x = slot[LAYER_X];
    a.context = slot[LAYER_CONTEXT];
    a.mask.data = slot[LAYER_MASK];
    a.kv_lengths.data = slot[LAYER_KV_LENGTHS];
    a.wq = slot[LAYER_WQ];
    a.wkv = slot[LAYER_WKV];
    a.wo = slot[LAYER_WO];
    a.bq = slot[LAYER_BQ];
    a.bkv = slot[LAYER_BKV];
    a.bo = slot[LAYER_BO];
    a.out = slot[LAYER_OUT];
    a.dout = slot[LAYER_DOUT];
    for (enum layer_slot g = LAYER_DX; g < LAYER_SLOTS; g++) {
        *gradients[g - LAYER_DX] = c->gradients >> g & 1 ? slot[g] : NULL;
    }
    a.accumulate = c->accumulate;
    return a;
}

clattn_block *layer_block(clattn_layer_tensors *t, enum layer_slot slot)
{
    clattn_block *const members[LAYER_SLOTS] = {
        &t->x,     &t->context, NULL,   NULL,         &t->wq,  &t->wkv,  &t->wo,  &t->bq,  &t->bkv,  &t->bo, &t->out,
        &t->saved, &t->dout,    &t->dx, &t->dcontext, &t->dwq, &t->dwkv, &t->dwo, &t->dbq, &t->dbkv, &t->dbo};

    return members[slot];
}

clattn_tensor *layer_strided(clattn_layer_tensors *t, enum layer_slot slot)
{
    return slot == LAYER_MASK ? &t->mask : slot == LAYER_KV_LENGTHS ? &t->kv_lengths : NULL;
}
