/* SPDX-License-Identifier: Apache-2.0 */
#include "reference.h"

#include "host_view.h"
#include "visible.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A call: the problem, its tensors, and scratch for one row of S. */
struct work {
    const clattn_problem *p;
    const clattn_arrays *a;
    struct host_view q, k, v, dout, dlse;
    double scale;
    struct reference_sizes *sizes;
    struct reference_sizes unwanted; /* target of `sizes` where the caller passes NULL */
    int64_t *keys;                   /* (M) the visible keys of the current row */
    double *score;                   /* (M) S, then P, of those keys */
    double *dscore;                  /* (M) dP, then the gradient of the product, of those keys */
    double *slope;                   /* (M) of the softcap (score_slope), of those keys */
    double *ds, *ds_terms;           /* (M) dS of those keys, without the softcap's slope, and its size */
    double *terms;                   /* (M) size of dP, then of that gradient (see reference_sizes) */
    double *bounds;                  /* (2,M) sizes of dK and dV */
    double *out_row;                 /* (Dv) */
    double sink_weight;              /* of the current row: exp(sink - L) */
    double delta, delta_size;        /* of the current row, by gradient_row */
};

static void work_end(struct work *w)
{
    free(w->keys);
    free(w->score);
}

static int work_begin(struct work *w, const clattn_problem *p, const clattn_arrays *a, struct reference_sizes *sizes)
{
    size_t m = (size_t)p->kv_len;

    w->p = p;
    w->a = a;
    w->q = host_view(&a->q, p->q_heads, p->q_len, p->qk_dim);
    w->k = host_view(&a->k, p->kv_heads, p->kv_len, p->qk_dim);
    w->v = host_view(&a->v, p->kv_heads, p->kv_len, p->v_dim);
    w->dout = host_view(&a->dout, p->q_heads, p->q_len, p->v_dim);
    w->dlse = host_view(&a->dlse, p->q_heads, p->q_len, 1);
    w->sizes = sizes != NULL ? sizes : &w->unwanted;
    w->unwanted = (struct reference_sizes){0};
    w->scale = score_scale(p);
    w->keys = malloc(m * sizeof *w->keys);
    w->score = calloc(8 * m + (size_t)p->v_dim, sizeof *w->score);
    if (w->keys == NULL || w->score == NULL) {
        work_end(w);
        return -1;
    }
    w->dscore = w->score + m;
    w->terms = w->score + 2 * m;
    w->bounds = w->score + 3 * m;
    w->slope = w->score + 5 * m;
    w->ds = w->score + 6 * m;
    w->ds_terms = w->score + 7 * m;
    w->out_row = w->score + 8 * m;
    return 0;
}

/* x . y over n in double, and size(x . y) (see reference_sizes) in *size. Four sums each, for
 * vectorisation. */
static double dot(const float *x, const float *y, int64_t n, double *size)
{
    double sum[4] = {0};
    double squares[4] = {0};

    for (int64_t d = 0; d < n; d += 4) {
        for (int64_t u = 0; u < 4 && d + u < n; u++) {
            double term = (double)x[d + u] * (double)y[d + u];

            sum[u] += term;
            squares[u] += term * term;
        }
    }
    *size = sqrt(squares[0] + squares[1] + squares[2] + squares[3]);
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* y += factor x over n */
static void add_scaled(double *y, double factor, const float *x, int64_t n)
{
    for (int64_t d = 0; d < n; d++) {
        y[d] += factor * (double)x[d];
    }
}

static void raise_to(double *most, double value)
{
    *most = value > *most ? value : *most;
}

static double largest(const float *x, int64_t n)
{
    double most = 0.0;

    for (int64_t d = 0; d < n; d++) {
        raise_to(&most, fabs((double)x[d]));
    }
    return most;
}

/* Fills w->keys with the visible keys of the row, w->score with their P and *lse with L; returns
 * the number of keys. */
static int64_t softmax_row(struct work *w, int64_t b, int64_t h, int64_t i, double *lse)
{
    const clattn_problem *p = w->p;
    int64_t hk = h / (p->q_heads / p->kv_heads);
    const float *q = host_row(&w->q, b, h, i);
    int64_t count = visible_keys(p, w->a, b, h, i, w->keys);
    const double sink = sink_of_head(p, w->a, h);
    double most = sink;
    double sum = 0.0;
    double size;

    for (int64_t t = 0; t < count; t++) {
        const double product = dot(q, host_row(&w->k, b, hk, w->keys[t]), p->qk_dim, &size);

        w->score[t] = score_of_pair(p, w->a, b, h, i, w->keys[t], product);
        w->slope[t] = score_slope(p, product);
        raise_to(&w->sizes->score, fabs(w->scale * product));
        raise_to(&w->sizes->lse, fabs(w->scale) * size);
        most = fmax(most, w->score[t]);
    }
    w->sink_weight = sink > -INFINITY ? 1.0 : 0.0;
    if (count == 0) {
        *lse = sink;
        return 0;
    }
    for (int64_t t = 0; t < count; t++) {
        if (w->score[t] > most - 40.0) { /* below that P < e^-40, and S, large by ALiBi, does not matter */
            raise_to(&w->sizes->score, fabs(w->score[t]));
        }
        w->score[t] = exp(w->score[t] - most);
        sum += w->score[t];
    }
    sum += exp(sink - most);
    w->sink_weight = exp(sink - most) / sum;
    for (int64_t t = 0; t < count; t++) {
        w->score[t] /= sum;
    }
    *lse = most + log(sum);
    raise_to(&w->sizes->lse, fabs(most) + log((double)count));
    return count;
}

/* out_row (Dv) and L of one row */
static void forward_row(struct work *w, int64_t b, int64_t h, int64_t i, double *out_row, double *lse)
{
    const clattn_problem *p = w->p;
    int64_t hk = h / (p->q_heads / p->kv_heads);
    int64_t count = softmax_row(w, b, h, i, lse);

    memset(out_row, 0, (size_t)p->v_dim * sizeof *out_row);
    for (int64_t t = 0; t < count; t++) {
        const float *v = host_row(&w->v, b, hk, w->keys[t]);

        add_scaled(out_row, w->score[t], v, p->v_dim);
        raise_to(&w->sizes->out, largest(v, p->v_dim));
    }
}

/* Fills w->keys, w->score with P, w->ds with dS, w->dscore with the gradient of the product, and the
 * sizes of their terms; returns the number of visible keys. */
static int64_t gradient_row(struct work *w, int64_t b, int64_t h, int64_t i)
{
    const clattn_problem *p = w->p;
    int64_t hk = h / (p->q_heads / p->kv_heads);
    const float *dout = host_row(&w->dout, b, h, i);
    double lse;
    int64_t count = softmax_row(w, b, h, i, &lse);
    double delta = 0.0; /* dO . O, O being P V, less the gradient of L, whose gradient by a score is P */
    double delta_size = 0.0;
    double bound = 0.0;

    if (p->score.dlse && count > 0) {
        delta = -(double)*host_row(&w->dlse, b, h, i);
        delta_size = fabs(delta);
    }

    for (int64_t t = 0; t < count; t++) {
        w->dscore[t] = dot(dout, host_row(&w->v, b, hk, w->keys[t]), p->v_dim, &w->terms[t]);
        delta += w->score[t] * w->dscore[t];
        delta_size += w->score[t] * w->terms[t];
    }
    for (int64_t t = 0; t < count; t++) {
        const float *k = host_row(&w->k, b, hk, w->keys[t]);

        w->ds[t] = w->score[t] * (w->dscore[t] - delta);
        w->ds_terms[t] = w->score[t] * (w->terms[t] + delta_size);
        w->terms[t] = fabs(w->scale) * w->slope[t] * w->ds_terms[t];
        w->dscore[t] = w->scale * w->slope[t] * w->ds[t];
        bound += w->terms[t] * largest(k, p->qk_dim);
    }
    raise_to(&w->sizes->dq, bound);
    w->delta = delta;
    w->delta_size = delta_size;
    return count;
}

/* dq_row (D) += scale dS K, for the row that gradient_row has filled in */
static void add_dq(const struct work *w, int64_t b, int64_t hk, int64_t count, double *dq_row)
{
    for (int64_t t = 0; dq_row != NULL && t < count; t++) {
        add_scaled(dq_row, w->dscore[t], host_row(&w->k, b, hk, w->keys[t]), w->p->qk_dim);
    }
}

/* dk (M,D) += scale dS^T Q, dv (M,Dv) += P^T dO, for that row; adds the sizes of their terms to
 * w->bounds. */
static void add_dk_dv(const struct work *w, const float *q, const float *dout, int64_t count, double *dk, double *dv)
{
    int64_t depth = w->p->qk_dim;
    int64_t depth_v = w->p->v_dim;
    double q_most = largest(q, depth);
    double dout_most = largest(dout, depth_v);

    for (int64_t t = 0; t < count; t++) {
        int64_t j = w->keys[t];

        w->bounds[j] += w->terms[t] * q_most;
        w->bounds[w->p->kv_len + j] += w->score[t] * dout_most;
        if (dk != NULL) {
            add_scaled(dk + j * depth, w->dscore[t], q, depth);
        }
        if (dv != NULL) {
            add_scaled(dv + j * depth_v, w->score[t], dout, depth_v);
        }
    }
}

/* ---- whole tensors ---- */

static void clear(double *x, int64_t rows, int64_t depth)
{
    if (x != NULL) {
        memset(x, 0, (size_t)rows * (size_t)depth * sizeof *x);
    }
}

int reference_forward(const clattn_problem *p, const clattn_arrays *a, double *out, double *lse,
                      struct reference_sizes *sizes)
{
    struct work w;
    int64_t row = 0; /* counts (B,Hq,N) */
    double row_lse;

    if (sizes != NULL) {
        *sizes = (struct reference_sizes){0};
    }
    if (work_begin(&w, p, a, sizes) != 0) {
        return -1;
    }
    for (int64_t b = 0; b < p->batch; b++) {
        for (int64_t h = 0; h < p->q_heads; h++) {
            for (int64_t i = 0; i < p->q_len; i++, row++) {
                forward_row(&w, b, h, i, out != NULL ? out + row * p->v_dim : w.out_row,
                            lse != NULL ? lse + row : &row_lse);
            }
        }
    }
    work_end(&w);
    return 0;
}

int reference_max_logit(const clattn_problem *p, const clattn_arrays *a, double *max_logit)
{
    struct work w;
    int64_t row = 0; /* counts (B,Hq,N) */
    double size;

    if (work_begin(&w, p, a, NULL) != 0) {
        return -1;
    }
    for (int64_t b = 0; b < p->batch; b++) {
        for (int64_t h = 0; h < p->q_heads; h++) {
            for (int64_t i = 0; i < p->q_len; i++, row++) {
                const int64_t hk = h / (p->q_heads / p->kv_heads), count = visible_keys(p, a, b, h, i, w.keys);
                const float *q = host_row(&w.q, b, h, i);

                max_logit[row] = -INFINITY;
                for (int64_t t = 0; t < count; t++) {
                    const int64_t j = w.keys[t];
                    const double product = dot(q, host_row(&w.k, b, hk, j), p->qk_dim, &size);

                    raise_to(&max_logit[row], score_of_pair(p, a, b, h, i, j, product));
                }
            }
        }
    }
    work_end(&w);
    return 0;
}

int reference_backward(const clattn_problem *p, const clattn_arrays *a, double *dq, double *dk, double *dv,
                       struct reference_sizes *sizes)
{
    int64_t dq_group = p->q_heads / p->kv_heads * p->q_len * p->qk_dim; /* elements of dq in one (b,hk) */

    if (sizes != NULL) {
        *sizes = (struct reference_sizes){0};
    }
    for (int64_t b = 0; b < p->batch; b++) {
        for (int64_t hk = 0; hk < p->kv_heads; hk++) {
            int64_t at = b * p->kv_heads + hk;

            if (reference_backward_group(p, a, b, hk, dq != NULL ? dq + at * dq_group : NULL,
                                         dk != NULL ? dk + at * p->kv_len * p->qk_dim : NULL,
                                         dv != NULL ? dv + at * p->kv_len * p->v_dim : NULL, sizes) != 0) {
                return -1;
            }
        }
    }
    return 0;
}

int reference_backward_group(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t hk, double *dq,
                             double *dk, double *dv, struct reference_sizes *sizes)
{
    struct work w;
    int64_t group = p->q_heads / p->kv_heads;
    int64_t m = p->kv_len;

    if (work_begin(&w, p, a, sizes) != 0) {
        return -1;
    }
    clear(dq, group * p->q_len, p->qk_dim);
    clear(dk, m, p->qk_dim);
    clear(dv, m, p->v_dim);
    for (int64_t row = 0; row < group * p->q_len; row++) {
        int64_t h = hk * group + row / p->q_len;
        int64_t i = row % p->q_len;
        int64_t count = gradient_row(&w, b, h, i);

        add_dq(&w, b, hk, count, dq != NULL ? dq + row * p->qk_dim : NULL);
        add_dk_dv(&w, host_row(&w.q, b, h, i), host_row(&w.dout, b, h, i), count, dk, dv);
    }
    for (int64_t j = 0; j < m; j++) {
        raise_to(&w.sizes->dk, w.bounds[j]);
        raise_to(&w.sizes->dv, w.bounds[m + j]);
    }
    work_end(&w);
    return 0;
}

int reference_dbias(const clattn_problem *p, const clattn_arrays *a, double *dbias, struct reference_sizes *sizes)
{
    const size_t count = bias_count(p);
    double *bounds = calloc(count, sizeof *bounds);
    struct work w;

    if (bounds == NULL || work_begin(&w, p, a, sizes) != 0) {
        free(bounds);
        return -1;
    }
    clear(dbias, 1, (int64_t)count);
    for (int64_t row = 0; row < p->batch * p->q_heads * p->q_len; row++) {
        const int64_t i = row % p->q_len, h = row / p->q_len % p->q_heads, b = row / p->q_len / p->q_heads;
        const int64_t keys = gradient_row(&w, b, h, i);

        for (int64_t t = 0; t < keys; t++) {
            const size_t at = bias_index(p, b, h, i, w.keys[t]);

            dbias[at] += w.ds[t];
            bounds[at] += w.ds_terms[t];
        }
    }
    for (size_t n = 0; n < count; n++) {
        raise_to(&w.sizes->dbias, bounds[n]);
    }
    free(bounds);
    work_end(&w);
    return 0;
}

/* The gradient by the sink of a row that sees no key, whose lse is the sink: dlse, if it is a
 * number. */
static double unseeing_dsink(const struct work *w, int64_t b, int64_t h, int64_t i)
{
    const double dlse = w->p->score.dlse ? (double)*host_row(&w->dlse, b, h, i) : 0.0;

    return isfinite(dlse) && isfinite(sink_of_head(w->p, w->a, h)) ? dlse : 0.0;
}

int reference_dsink(const clattn_problem *p, const clattn_arrays *a, double *dsink, double *terms,
                    struct reference_sizes *sizes)
{
    struct work w;

    if (work_begin(&w, p, a, sizes) != 0) {
        return -1;
    }
    for (int64_t h = 0; h < p->q_heads; h++) {
        double size = 0.0;

        dsink[h] = 0.0;
        for (int64_t row = 0; row < p->batch * p->q_len; row++) {
            const int64_t b = row / p->q_len;
            const int64_t i = row % p->q_len;
            const int64_t count = gradient_row(&w, b, h, i);
            const double term = count > 0 ? -w.sink_weight * w.delta : unseeing_dsink(&w, b, h, i);

            dsink[h] += term;
            size += count > 0 ? w.sink_weight * w.delta_size : fabs(term);
            if (terms != NULL) {
                terms[(b * p->q_heads + h) * p->q_len + i] = term;
            }
        }
        raise_to(&w.sizes->dsink, size);
    }
    work_end(&w);
    return 0;
}

int reference_forward_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i,
                          double *out_row, double *lse, struct reference_sizes *sizes)
{
    struct work w;

    if (work_begin(&w, p, a, sizes) != 0) {
        return -1;
    }
    forward_row(&w, b, h, i, out_row, lse);
    work_end(&w);
    return 0;
}

int reference_dq_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, double *dq_row,
                     struct reference_sizes *sizes)
{
    struct work w;

    if (work_begin(&w, p, a, sizes) != 0) {
        return -1;
    }
    clear(dq_row, 1, p->qk_dim);
    add_dq(&w, b, h / (p->q_heads / p->kv_heads), gradient_row(&w, b, h, i), dq_row);
    work_end(&w);
    return 0;
}
