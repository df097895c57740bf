/* SPDX-License-Identifier: Apache-2.0 */
#include "naive.h"

#include "half.h"
#include "host_view.h"
#include "visible.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A call: the problem, its tensors, and scratch. */
struct work {
    const clattn_problem *p;
    const clattn_arrays *a;
    struct host_view q, k, v, dout, dlse;
    double scale;
    int64_t *keys;      /* (M) the visible keys of the current row */
    double *score;      /* (M) S, then P, of those keys */
    double *slope;      /* (M) of the softcap, of those keys */
    double *row;        /* (max(D,Dv)) a row of O or dQ before rounding */
    double *dk, *dv;    /* (M,D), (M,Dv) of one key head before rounding; NULL: only one row is computed */
    double *dbias;      /* before rounding; NULL: not wanted */
    int64_t key_head;   /* the current one */
    double sink_weight; /* P of the current row's sink */
    double most;        /* the largest S of the current row's keys */
};

static void work_end(struct work *w)
{
    free(w->keys);
    free(w->score);
}

static int work_begin(struct work *w, const clattn_problem *p, const clattn_arrays *a, int whole)
{
    const size_t m = (size_t)p->kv_len, keys = whole ? m : 0;
    const size_t d = (size_t)p->qk_dim;
    const size_t dv = (size_t)p->v_dim;

    w->p = p;
    w->a = a;
    w->q = host_view(&a->q, p->q_heads, p->q_len, p->qk_dim);
    w->k = host_view(&a->k, p->kv_heads, p->kv_len, p->qk_dim);
    w->v = host_view(&a->v, p->kv_heads, p->kv_len, p->v_dim);
    w->dout = host_view(&a->dout, p->q_heads, p->q_len, p->v_dim);
    w->dlse = host_view(&a->dlse, p->q_heads, p->q_len, 1);
    w->scale = score_scale(p);
    w->keys = malloc(m * sizeof *w->keys);
    w->score = malloc((2 * m + (keys + 1) * (d + dv)) * sizeof *w->score);
    if (w->keys == NULL || w->score == NULL) {
        work_end(w);
        return -1;
    }
    w->slope = w->score + m;
    w->row = w->score + 2 * m;
    w->dk = whole ? w->row + d + dv : NULL;
    w->dbias = NULL;
    w->dv = whole ? w->dk + m * d : NULL;
    return 0;
}

static double rounded(const struct work *w, double x)
{
    return (double)element_round(w->p->dtype, x);
}

static double dot(const float *x, const float *y, int64_t n)
{
    double sum[4] = {0}; /* four sums, for vectorisation */

    for (int64_t d = 0; d < n; d += 4) {
        for (int64_t u = 0; u < 4 && d + u < n; u++) {
            sum[u] += (double)x[d + u] * (double)y[d + u];
        }
    }
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* y += factor x over n */
static void add_scaled(double *y, double factor, const float *x, int64_t n)
{
    for (int64_t d = 0; d < n; d++) {
        y[d] += factor * (double)x[d];
    }
}

static void round_to(const struct work *w, float *to, const double *from, double factor, int64_t n)
{
    for (int64_t d = 0; d < n; d++) {
        to[d] = (float)rounded(w, factor * from[d]);
    }
}

/* Fills w->keys and w->score with P; returns the number of visible keys. */
static int64_t softmax_row(struct work *w, int64_t b, int64_t h, int64_t i)
{
    const float *q = host_row(&w->q, b, h, i);
    const int64_t count = visible_keys(w->p, w->a, b, h, i, w->keys);
    const double sink = rounded(w, sink_of_head(w->p, w->a, h));
    double most = sink;
    double sum = 0.0;

    w->most = -INFINITY;
    for (int64_t t = 0; t < count; t++) {
        const float *k = host_row(&w->k, b, w->key_head, w->keys[t]);

        const double product = dot(q, k, w->p->qk_dim);

        w->score[t] = rounded(w, score_of_pair(w->p, w->a, b, h, i, w->keys[t], product));
        w->slope[t] = score_slope(w->p, product);
        w->most = fmax(w->most, w->score[t]);
        most = fmax(most, w->score[t]);
    }
    for (int64_t t = 0; t < count; t++) {
        w->score[t] = exp(w->score[t] - most);
        sum += w->score[t];
    }
    if (sink > -INFINITY) {
        sum += exp(sink - most);
    }
    w->sink_weight = sink > -INFINITY ? rounded(w, exp(sink - most) / sum) : 0.0;
    for (int64_t t = 0; t < count; t++) {
        w->score[t] = rounded(w, w->score[t] / sum);
    }
    return count;
}

static void forward_row(struct work *w, int64_t b, int64_t count, float *out)
{
    memset(w->row, 0, (size_t)w->p->v_dim * sizeof *w->row);
    for (int64_t t = 0; t < count; t++) {
        add_scaled(w->row, w->score[t], host_row(&w->v, b, w->key_head, w->keys[t]), w->p->v_dim);
    }
    round_to(w, out, w->row, 1.0, w->p->v_dim);
}

/* Computes dq of a row, and adds the row's terms to dk and dv. Reads P and out. */
static void backward_row(struct work *w, int64_t b, int64_t h, int64_t i, int64_t count, const float *out, float *dq)
{
    const int64_t d = w->p->qk_dim;
    const int64_t dv = w->p->v_dim;
    const float *dout = host_row(&w->dout, b, h, i);
    const double dlse = w->p->score.dlse ? (double)*host_row(&w->dlse, b, h, i) : 0.0;
    const double delta = dot(dout, out, dv) - dlse;

    memset(w->row, 0, (size_t)d * sizeof *w->row);
    for (int64_t t = 0; t < count; t++) {
        const int64_t j = w->keys[t];
        const double dp = rounded(w, dot(dout, host_row(&w->v, b, w->key_head, j), dv));
        const double of_score = rounded(w, w->score[t] * (dp - delta)), ds = rounded(w, w->slope[t] * of_score);

        if (w->dbias != NULL) {
            w->dbias[bias_index(w->p, b, h, i, j)] += of_score;
        }
        add_scaled(w->row, ds, host_row(&w->k, b, w->key_head, j), d);
        if (w->dk != NULL) {
            add_scaled(w->dk + j * d, ds, host_row(&w->q, b, h, i), d);
            add_scaled(w->dv + j * dv, w->score[t], dout, dv);
        }
    }
    round_to(w, dq, w->row, w->scale, d);
}

/* Rounds the sums to elements of the bias. */
static void round_bias(const struct work *w, float *dbias)
{
    const size_t count = bias_count(w->p);

    for (size_t n = 0; n < count; n++) {
        dbias[n] = w->p->score.bias_float32 ? (float)w->dbias[n] : (float)rounded(w, w->dbias[n]);
    }
}

int naive_attention(const clattn_problem *p, const clattn_arrays *a, float *out, float *dq, float *dk, float *dv,
                    float *dbias)
{
    const int64_t m = p->kv_len;
    const int64_t rows = p->q_heads / p->kv_heads * p->q_len; /* query rows per key head */
    struct work w;

    if (work_begin(&w, p, a, 1) != 0) {
        return -1;
    }
    if (dq != NULL && dbias != NULL && bias_count(p) > 0) {
        w.dbias = calloc(bias_count(p), sizeof *w.dbias);
        if (w.dbias == NULL) {
            work_end(&w);
            return -1;
        }
    }
    for (int64_t at = 0; at < p->batch * p->kv_heads; at++) {
        const int64_t b = at / p->kv_heads;

        w.key_head = at % p->kv_heads;
        memset(w.dk, 0, (size_t)(m * (p->qk_dim + p->v_dim)) * sizeof *w.dk);
        for (int64_t row = 0; row < rows; row++) {
            const int64_t h = w.key_head * (p->q_heads / p->kv_heads) + row / p->q_len;
            const int64_t i = row % p->q_len;
            float *out_row = out + (at * rows + row) * p->v_dim;
            const int64_t count = softmax_row(&w, b, h, i);

            forward_row(&w, b, count, out_row);
            if (dq != NULL) {
                backward_row(&w, b, h, i, count, out_row, dq + (at * rows + row) * p->qk_dim);
            }
        }
        if (dq != NULL) {
            round_to(&w, dk + at * m * p->qk_dim, w.dk, w.scale, m * p->qk_dim);
            round_to(&w, dv + at * m * p->v_dim, w.dv, 1.0, m * p->v_dim);
        }
    }
    if (w.dbias != NULL) {
        round_bias(&w, dbias);
    }
    free(w.dbias);
    work_end(&w);
    return 0;
}

int naive_dsink(const clattn_problem *p, const clattn_arrays *a, double *terms)
{
    float *out = malloc((size_t)p->v_dim * sizeof *out);
    struct work w;

    if (out == NULL || work_begin(&w, p, a, 0) != 0) {
        free(out);
        return -1;
    }
    for (int64_t row = 0; row < p->batch * p->q_heads * p->q_len; row++) {
        const int64_t b = row / p->q_len / p->q_heads;
        const int64_t h = row / p->q_len % p->q_heads;
        const int64_t i = row % p->q_len;

        w.key_head = h / (p->q_heads / p->kv_heads);
        const int64_t count = softmax_row(&w, b, h, i);

        forward_row(&w, b, count, out);
        const double dlse = p->score.dlse ? (double)*host_row(&w.dlse, b, h, i) : 0.0;
        const double unseeing = isfinite(dlse) && isfinite(sink_of_head(p, a, h)) ? dlse : 0.0;
        terms[row] = count > 0 ? -w.sink_weight * (dot(host_row(&w.dout, b, h, i), out, p->v_dim) - dlse) : unseeing;
    }
    work_end(&w);
    free(out);
    return 0;
}

int naive_max_logit(const clattn_problem *p, const clattn_arrays *a, float *max_logit)
{
    struct work w;

    if (work_begin(&w, p, a, 0) != 0) {
        return -1;
    }
    for (int64_t row = 0; row < p->batch * p->q_heads * p->q_len; row++) {
        const int64_t h = row / p->q_len % p->q_heads;

        w.key_head = h / (p->q_heads / p->kv_heads);
        softmax_row(&w, row / p->q_len / p->q_heads, h, row % p->q_len);
        max_logit[row] = (float)w.most;
    }
    work_end(&w);
    return 0;
}

int naive_attention_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i,
                        float *out_row, float *dq_row)
{
    struct work w;

    if (work_begin(&w, p, a, 0) != 0) {
        return -1;
    }
    w.key_head = h / (p->q_heads / p->kv_heads);
    const int64_t count = softmax_row(&w, b, h, i);

    forward_row(&w, b, count, out_row);
    backward_row(&w, b, h, i, count, out_row, dq_row);
    work_end(&w);
    return 0;
}
