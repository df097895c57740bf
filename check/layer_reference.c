/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_reference.h"

#include "layer_seen.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- plain loops ---- */

/* y (rows,outs) = x (rows,ins) w^T + bias; w is (outs,ins) */
static void project(double *y, const double *x, const float *w, const float *bias, int64_t rows, int64_t ins,
                    int64_t outs)
{
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t o = 0; o < outs; o++) {
            double sum = bias != NULL ? (double)bias[o] : 0.0;

            for (int64_t i = 0; i < ins; i++) {
                sum += x[r * ins + i] * (double)w[o * ins + i];
            }
            y[r * outs + o] = sum;
        }
    }
}

/* dx (rows,ins) += dy (rows,outs) w (outs,ins) */
static void add_to_input(double *dx, const double *dy, const float *w, int64_t rows, int64_t ins, int64_t outs)
{
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t o = 0; o < outs; o++) {
            for (int64_t i = 0; i < ins; i++) {
                dx[r * ins + i] += dy[r * outs + o] * (double)w[o * ins + i];
            }
        }
    }
}

/* dw (outs,ins) += dy^T x over rows with seen[row], db (outs) += sums of dy over all rows */
static void add_to_weights(double *dw, double *db, const double *dy, const double *x, const unsigned char *seen,
                           int64_t rows, int64_t ins, int64_t outs)
{
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t o = 0; o < outs; o++) {
            db[o] += dy[r * outs + o];
            for (int64_t i = 0; seen[r] && i < ins; i++) {
                dw[o * ins + i] += dy[r * outs + o] * x[r * ins + i];
            }
        }
    }
}

/* Copies `from` (B,heads,rows,D) into `to` (B,rows,width): head h starts at column first + h D. */
static void side_by_side(double *to, int64_t width, int64_t first, const double *from, int64_t b, int64_t heads,
                         int64_t rows, int64_t d)
{
    for (int64_t head = 0; head < b * heads; head++) {
        for (int64_t r = 0; r < rows; r++) {
            double *row = to + (head / heads * rows + r) * width + first + head % heads * d;

            memcpy(row, from + (head * rows + r) * d, (size_t)d * sizeof *row);
        }
    }
}

static double largest(const double *x, size_t count)
{
    double most = 0.0;

    for (size_t n = 0; n < count; n++) {
        most = isfinite(x[n]) ? fmax(most, fabs(x[n])) : most;
    }
    return most;
}

static double largest_input(const float *x, size_t count)
{
    double most = 0.0;

    for (size_t n = 0; x != NULL && n < count; n++) {
        most = isfinite(x[n]) ? fmax(most, fabs((double)x[n])) : most;
    }
    return most;
}

/* ---- both passes ---- */

struct work {
    const clattn_layer *layer;
    const clattn_layer_arrays *a;
    struct layer_truth *truth;
    struct layer_shape s;
    clattn_problem p;
    clattn_arrays middle; /* the arrays of the attention */
    struct reference_sizes forward, backward;
    double *x, *context;    /* (B,N,E) (B,M,C), the inputs; x serves as context where there is none */
    double *q, *kv, *o, *l; /* the sections of saved */
    double *dout, *d_o;     /* (B,N,E) (B,N,H,D) */
    double *dq, *dkv;       /* (B,N,H,D) (B,M,2,Hk,D) */
    double *by_head[3];     /* (B,H,N,D) (B,Hk,M,D) (B,Hk,M,D): outputs of reference.c */
    float *q_float, *kv_float, *d_o_float;
    unsigned char *sees, *seen; /* (B,N) queries that see a key, (B,M) keys that a query sees */
};

static double *take(double **next, int64_t count)
{
    double *taken = *next;

    *next += count;
    return taken;
}

static double *take_widened(double **next, const float *from, int64_t count)
{
    double *taken = take(next, count);

    for (int64_t n = 0; from != NULL && n < count; n++) {
        taken[n] = (double)from[n];
    }
    return taken;
}

static void narrow(float *to, const double *from, int64_t count)
{
    for (int64_t n = 0; n < count; n++) {
        to[n] = (float)from[n];
    }
}

static int work_begin(struct work *w)
{
    const struct layer_shape *s = &w->s;
    const int64_t q = s->b * s->n * s->inner;
    const int64_t kv = s->b * s->m * s->kv_inner;
    const int64_t x = s->b * s->n * s->e;
    const int64_t context = s->self ? 0 : s->b * s->m * s->c;
    const int64_t bytes = (s->b * (s->n + s->m) + 7) / 8;
    size_t count = (size_t)(4 * q + 3 * kv + 2 * x + context + bytes); /* doubles, each with room for two floats */
    double *next;

    for (enum layer_slot slot = LAYER_OUT; slot < LAYER_SLOTS; slot++) {
        count += layer_count(w->layer, slot);
    }
    next = w->truth->memory = calloc(count, sizeof *next);
    if (next == NULL) {
        return -1;
    }
    for (enum layer_slot slot = LAYER_OUT; slot < LAYER_SLOTS; slot++) {
        const int64_t length = (int64_t)layer_count(w->layer, slot);

        w->truth->tensor[slot] = length > 0 && slot != LAYER_DOUT ? take(&next, length) : NULL;
    }
    w->q = w->truth->tensor[LAYER_SAVED];
    w->kv = w->q + q;
    w->o = w->kv + kv;
    w->l = w->o + q;
    w->x = take_widened(&next, w->a->x, x);
    w->context = s->self ? w->x : take_widened(&next, w->a->context, context);
    w->dout = take_widened(&next, w->a->dout, x);
    w->d_o = take(&next, q);
    w->dq = take(&next, q);
    w->dkv = take(&next, kv);
    w->by_head[0] = take(&next, q);
    w->by_head[1] = take(&next, kv / 2);
    w->by_head[2] = take(&next, kv / 2);
    w->q_float = (float *)(void *)take(&next, q);
    w->d_o_float = w->q_float + q;
    w->kv_float = (float *)(void *)take(&next, kv);
    w->sees = (unsigned char *)take(&next, bytes);
    w->seen = w->sees + s->b * s->n;
    return 0;
}

static void describe_middle(struct work *w)
{
    const struct layer_shape *s = &w->s;
    const clattn_const_array rows = {w->q_float, {(size_t)(s->n * s->inner), (size_t)s->d, (size_t)s->inner, 1}};
    const clattn_const_array keys = {w->kv_float, {(size_t)(s->m * s->kv_inner), (size_t)s->d, (size_t)s->kv_inner, 1}};

    w->p = layer_problem(w->layer);
    w->middle = (clattn_arrays)CLATTN_ARRAYS_INIT;
    w->middle.mask = w->a->mask;
    w->middle.alibi = w->a->alibi;
    w->middle.bias = w->a->bias;
    w->middle.sink = w->a->sink;
    w->middle.kv_lengths = w->a->kv_lengths;
    w->middle.q = w->middle.dout = rows;
    w->middle.dout.data = w->d_o_float;
    w->middle.k = w->middle.v = keys;
    w->middle.v.data = w->kv_float + s->kv_inner / 2;
}

static int forward(struct work *w)
{
    const struct layer_shape *s = &w->s;

    project(w->q, w->x, w->a->wq, w->a->bq, s->b * s->n, s->e, s->inner);
    project(w->kv, w->context, w->a->wkv, w->a->bkv, s->b * s->m, s->c, s->kv_inner);
    narrow(w->q_float, w->q, s->b * s->n * s->inner);
    narrow(w->kv_float, w->kv, s->b * s->m * s->kv_inner);
    if (reference_forward(&w->p, &w->middle, w->by_head[0], w->l, &w->forward) != 0) {
        return -1;
    }
    side_by_side(w->o, s->inner, 0, w->by_head[0], s->b, s->h, s->n, s->d);
    project(w->truth->tensor[LAYER_OUT], w->o, w->a->wo, w->a->bo, s->b * s->n, s->inner, s->e);
    return 0;
}

static void find_seen(struct work *w)
{
    const struct layer_shape *s = &w->s;

    for (int64_t r = 0; r < s->b * s->n; r++) {
        w->sees[r] = (unsigned char)layer_query_sees(&w->p, &w->middle, r / s->n, r % s->n);
    }
    for (int64_t r = 0; r < s->b * s->m; r++) {
        w->seen[r] = (unsigned char)layer_key_is_seen(&w->p, &w->middle, r / s->m, r % s->m);
    }
}

static int backward(struct work *w)
{
    const struct layer_shape *s = &w->s;
    double *const *t = w->truth->tensor;

    find_seen(w);
    add_to_input(w->d_o, w->dout, w->a->wo, s->b * s->n, s->inner, s->e);
    narrow(w->d_o_float, w->d_o, s->b * s->n * s->inner);
    if (reference_backward(&w->p, &w->middle, w->by_head[0], w->by_head[1], w->by_head[2], &w->backward) != 0) {
        return -1;
    }
    side_by_side(w->dq, s->inner, 0, w->by_head[0], s->b, s->h, s->n, s->d);
    side_by_side(w->dkv, s->kv_inner, 0, w->by_head[1], s->b, s->hk, s->m, s->d);
    side_by_side(w->dkv, s->kv_inner, s->kv_inner / 2, w->by_head[2], s->b, s->hk, s->m, s->d);
    add_to_input(t[LAYER_DX], w->dq, w->a->wq, s->b * s->n, s->e, s->inner);
    add_to_input(s->self ? t[LAYER_DX] : t[LAYER_DCONTEXT], w->dkv, w->a->wkv, s->b * s->m, s->c, s->kv_inner);
    add_to_weights(t[LAYER_DWQ], t[LAYER_DBQ], w->dq, w->x, w->sees, s->b * s->n, s->e, s->inner);
    add_to_weights(t[LAYER_DWKV], t[LAYER_DBKV], w->dkv, w->context, w->seen, s->b * s->m, s->c, s->kv_inner);
    add_to_weights(t[LAYER_DWO], t[LAYER_DBO], w->dout, w->o, w->sees, s->b * s->n, s->inner, s->e);
    return 0;
}

/* ---- tolerances ---- */

/* Appends a layer_part of `count` elements to a tensor and sets its tolerance. `roots` is the sum
 * of sqrt(K), `terms` is sqrt(K) max|a| max|b| of the last sum. */
static void add_part(const struct work *w, enum layer_slot slot, int64_t count, double roots, double terms)
{
    struct layer_part *part = w->truth->part[slot];
    size_t begin = 0;
    double size;

    for (; part->end != 0; part++) {
        begin = part->end;
    }
    part->end = begin + (size_t)count;
    size = fmax(largest(w->truth->tensor[slot] + begin, (size_t)count), terms / 16.0);
    part->tolerance = 0x1p-24 * fmax(1.0, w->forward.score / 4.0) * roots * size;
}

static double root(int64_t k)
{
    return sqrt((double)k);
}

/* Sums of sqrt(K) for Q, for K and V, for P, for O; a bias, exp and the sum of P count as one
 * each. */
struct roots {
    double q, kv, p, o;
};

static struct roots roots_of(const struct layer_shape *s)
{
    struct roots r;

    r.q = root(s->e) + 1.0;
    r.kv = root(s->c) + 1.0;
    r.p = r.q + r.kv + root(s->d) + 2.0;
    r.o = r.p + root(s->m);
    return r;
}

static void set_forward_tolerances(const struct work *w)
{
    const struct layer_shape *s = &w->s;
    const struct roots r = roots_of(s);
    const size_t rows = (size_t)(s->b * s->n * s->inner);
    const double x = largest(w->x, layer_count(w->layer, LAYER_X));
    const double context = largest(w->context, (size_t)(s->b * s->m * s->c));
    double most[LAYER_SLOTS] = {0};

    for (enum layer_slot slot = LAYER_WQ; slot <= LAYER_BO; slot++) {
        const float *const inputs[] = {w->a->wq, w->a->wkv, w->a->wo, w->a->bq, w->a->bkv, w->a->bo};

        most[slot] = largest_input(inputs[slot - LAYER_WQ], layer_count(w->layer, slot));
    }
    add_part(w, LAYER_SAVED, (int64_t)rows, r.q, root(s->e) * x * most[LAYER_WQ] + most[LAYER_BQ]);
    add_part(w, LAYER_SAVED, s->b * s->m * s->kv_inner, r.kv, root(s->c) * context * most[LAYER_WKV] + most[LAYER_BKV]);
    add_part(w, LAYER_SAVED, (int64_t)rows, r.o, w->forward.out);
    add_part(w, LAYER_SAVED, s->b * s->h * s->n, r.p, w->forward.lse);
    add_part(w, LAYER_OUT, s->b * s->n * s->e, r.o + root(s->inner),
             root(s->inner) * w->forward.out * most[LAYER_WO] + most[LAYER_BO]);
}

static void set_backward_tolerances(const struct work *w)
{
    const struct layer_shape *s = &w->s;
    const struct roots r = roots_of(s);
    const int64_t rows = s->b * s->n;
    const int64_t keys = s->b * s->m;
    const double x = largest(w->x, (size_t)(rows * s->e));
    const double context = largest(w->context, (size_t)(keys * s->c));
    const double wq = largest_input(w->a->wq, layer_count(w->layer, LAYER_WQ));
    const double wkv = largest_input(w->a->wkv, layer_count(w->layer, LAYER_WKV));
    const double dout = largest(w->dout, (size_t)(rows * s->e));
    const double ds = r.p + root(s->e) + r.kv + 2.0 * root(s->d); /* P, dO, dP and delta */
    const double dq = ds + root(s->m);
    const double dkv = ds + root(s->n * s->h / s->hk);
    const struct reference_sizes *size = &w->backward;
    const double to_x = root(s->inner) * size->dq * wq;
    const double to_context = root(s->kv_inner) * fmax(size->dk, size->dv) * wkv;
    const double half[2] = {size->dk, size->dv};

    add_part(w, LAYER_DX, rows * s->e, dq + root(s->inner) + (s->self ? dkv + root(s->kv_inner) : 0.0),
             to_x + (s->self ? to_context : 0.0));
    if (!s->self) {
        add_part(w, LAYER_DCONTEXT, keys * s->c, dkv + root(s->kv_inner), to_context);
    }
    add_part(w, LAYER_DWQ, s->inner * s->e, dq + root(rows), root(rows) * size->dq * x);
    add_part(w, LAYER_DBQ, s->inner, dq + root(rows), root(rows) * size->dq);
    for (int n = 0; n < 2; n++) {
        add_part(w, LAYER_DWKV, s->kv_inner / 2 * s->c, dkv + root(keys), root(keys) * half[n] * context);
        add_part(w, LAYER_DBKV, s->kv_inner / 2, dkv + root(keys), root(keys) * half[n]);
    }
    add_part(w, LAYER_DWO, s->e * s->inner, r.o + root(rows), root(rows) * dout * w->forward.out);
    add_part(w, LAYER_DBO, s->e, root(rows), root(rows) * dout);
}

double layer_tolerance(const struct layer_truth *truth, enum layer_slot slot, size_t index)
{
    const struct layer_part *part = truth->part[slot];

    while (index >= part->end) {
        part++;
    }
    return part->tolerance;
}

int layer_reference(const clattn_layer *layer, const clattn_layer_arrays *arrays, struct layer_truth *truth)
{
    struct work w = {.layer = layer, .a = arrays, .truth = truth, .s = layer_shape(layer)};

    *truth = (struct layer_truth){.memory = NULL};
    if (work_begin(&w) != 0) {
        return -1;
    }
    describe_middle(&w);
    if (forward(&w) != 0 || (arrays->dout != NULL && backward(&w) != 0)) {
        layer_truth_free(truth);
        return -1;
    }
    set_forward_tolerances(&w);
    if (arrays->dout != NULL) {
        set_backward_tolerances(&w);
    }
    return 0;
}

void layer_truth_free(struct layer_truth *truth)
{
    free(truth->memory);
    *truth = (struct layer_truth){.memory = NULL};
}
