/* SPDX-License-Identifier: Apache-2.0 */
/* The gradients of single keys:
 *
 *   P_ij = exp(S_ij - L_i)   delta_i = dO_i . O_i   dS_ij = P_ij (dO_i . V_j - delta_i), with a softcap's slope and dlse
 *   dK_j = scale sum_i dS_ij Q_i   dV_j = sum_i P_ij dO_i
 *
 * summed over the queries i of all heads of the key's group. The reference would need all of S for
 * L; here L and O come from the device's forward pass, which is verified by rows. So a key costs N
 * (D + Dv) per head. */
#include "verify.h"

#include "half.h"
#include "host_view.h"
#include "visible.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct work {
    const clattn_problem *p;
    const clattn_arrays *a;
    const struct data_set *data;
    struct host_view q, k, v, dout, dlse;
    double scale;
    float out[CLATTN_MAX_HEAD_DIM];
    double naive_dk[CLATTN_MAX_HEAD_DIM], naive_dv[CLATTN_MAX_HEAD_DIM];
    double dk_bound, dv_bound; /* as in reference_sizes */
};

/* x . y, its size as in reference_sizes, and the largest |x| */
struct product {
    double sum, size, most;
};

static struct product multiply(const float *x, const float *y, int64_t n)
{
    struct product product = {0.0, 0.0, 0.0};
    for (int64_t d = 0; d < n; ++d) {
        const double term = (double)x[d] * (double)y[d];
        product.sum += term;
        product.size += term * term;
        product.most = fmax(product.most, fabs((double)x[d]));
    }
    product.size = sqrt(product.size);
    return product;
}

static double rounded(const struct work *w, double x)
{
    return (double)element_round(w->p->dtype, x);
}

/* Adds the terms of query i of head h to the gradients of key j. */
static void add_query(struct work *w, int64_t b, int64_t h, int64_t i, int64_t j, double *dk, double *dv,
                      struct reference_sizes *sizes)
{
    const clattn_problem *p = w->p;
    const int64_t hk = h / (p->q_heads / p->kv_heads);
    const float *q = host_row(&w->q, b, h, i), *dout = host_row(&w->dout, b, h, i);
    float lse;
    verify_read_row(w->data, SLOT_LSE, b, h, i, &lse);
    verify_read_row(w->data, SLOT_OUT, b, h, i, w->out);
    const struct product qk = multiply(q, host_row(&w->k, b, hk, j), p->qk_dim);
    const struct product dp = multiply(dout, host_row(&w->v, b, hk, j), p->v_dim);
    const struct product delta = multiply(dout, w->out, p->v_dim);
    const double score = score_of_pair(p, w->a, b, h, i, j, qk.sum), prob = exp(score - (double)lse);
    const double naive_prob = rounded(w, exp(rounded(w, score) - (double)lse));
    const double slope = score_slope(p, qk.sum), dlse = p->score.dlse ? (double)*host_row(&w->dlse, b, h, i) : 0.0;
    const double ds = w->scale * slope * prob * (dp.sum - delta.sum + dlse);
    const double naive_ds = rounded(w, slope * rounded(w, naive_prob * (rounded(w, dp.sum) - delta.sum + dlse)));
    for (int64_t d = 0; d < p->qk_dim; ++d) {
        dk[d] += ds * (double)q[d];
        w->naive_dk[d] += naive_ds * (double)q[d];
    }
    for (int64_t d = 0; d < p->v_dim; ++d) {
        dv[d] += prob * (double)dout[d];
        w->naive_dv[d] += naive_prob * (double)dout[d];
    }
    w->dk_bound += fabs(w->scale) * slope * prob * (dp.size + delta.size + fabs(dlse)) * qk.most;
    w->dv_bound += prob * dp.most;
    sizes->score = fmax(sizes->score, fabs(score));
}

static void add_key(struct work *w, int64_t b, int64_t hk, int64_t j, size_t n, struct verify_sample *dk,
                    struct verify_sample *dv, struct reference_sizes *sizes)
{
    const clattn_problem *p = w->p;
    const int64_t group = p->q_heads / p->kv_heads;
    verify_read_row(w->data, SLOT_DK, b, hk, j, dk->found + n * dk->depth);
    verify_read_row(w->data, SLOT_DV, b, hk, j, dv->found + n * dv->depth);
    memset(w->naive_dk, 0, sizeof w->naive_dk);
    memset(w->naive_dv, 0, sizeof w->naive_dv);
    w->dk_bound = w->dv_bound = 0.0;
    for (int64_t h = hk * group; h < (hk + 1) * group; ++h)
        for (int64_t i = 0; i < p->q_len; ++i)
            if (visible_pair(p, w->a, b, h, i, j))
                add_query(w, b, h, i, j, dk->expected + n * dk->depth, dv->expected + n * dv->depth, sizes);
    for (size_t d = 0; d < dk->depth; ++d)
        dk->naive[n * dk->depth + d] = (float)rounded(w, w->scale * w->naive_dk[d]);
    for (size_t d = 0; d < dv->depth; ++d)
        dv->naive[n * dv->depth + d] = (float)rounded(w, w->naive_dv[d]);
    sizes->dk = fmax(sizes->dk, w->dk_bound);
    sizes->dv = fmax(sizes->dv, w->dv_bound);
}

int verify_keys(const struct test_case *c, const struct data_set *data, const clattn_arrays *arrays,
                struct verify_sample *dk, struct verify_sample *dv, struct reference_sizes *sizes)
{
    const clattn_problem *p = &c->problem;
    struct check_random random = {c->seed + 2};
    struct work *w = malloc(sizeof *w);
    if (!w)
        return -1;
    w->p = p;
    w->a = arrays;
    w->data = data;
    w->q = host_view(&arrays->q, p->q_heads, p->q_len, p->qk_dim);
    w->k = host_view(&arrays->k, p->kv_heads, p->kv_len, p->qk_dim);
    w->v = host_view(&arrays->v, p->kv_heads, p->kv_len, p->v_dim);
    w->dout = host_view(&arrays->dout, p->q_heads, p->q_len, p->v_dim);
    w->dlse = host_view(&arrays->dlse, p->q_heads, p->q_len, 1);
    w->scale = score_scale(p);
    for (size_t n = 0; n < dk->rows; ++n) {
        const int64_t b = n ? check_random_below(&random, p->batch) : p->batch - 1;
        const int64_t hk = n ? check_random_below(&random, p->kv_heads) : p->kv_heads - 1;
        const int64_t j = n ? check_random_below(&random, p->kv_len) : p->kv_len - 1;
        add_key(w, b, hk, j, n, dk, dv, sizes);
    }
    free(w);
    return 0;
}
