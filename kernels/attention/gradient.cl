/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the gradient kernels: LSE, delta and the gradients of scores. */
#ifndef GRADIENT_CL
#define GRADIENT_CL

#include "attention/score.cl"
#include "attention/sinks.cl"
#include "attention/tile.cl"

/* LSE of the job's queries. `data`: the kernel's argument lse. */
INLINE void lse_stats(struct stats *lse, const __global float *data, __local float *tile, const struct call *a,
                      const struct job *job)
{
    query_layout(&lse->at, a, &a->lse, job->batch, job->head, query_count(a, job->batch), 1);
    lse->data = data;
    lse->otherwise = -INFINITY;
    lse->tile = tile;
}

/* delta is contiguous (B,Hq,N). */
INLINE void delta_view(struct view *v, const struct call *a)
{
    v->offset = 0;
    v->batch = a->Hq * a->N;
    v->head = a->N;
    v->row = 1;
}

INLINE void delta_layout(struct layout *at, const struct call *a, const struct job *job)
{
    struct view v;
    delta_view(&v, a);
    query_layout(at, a, &v, job->batch, job->head, query_count(a, job->batch), 1);
}

/* delta of the job's query rows, and what it is computed from. */
struct delta_rows {
    __global float *delta;
    const __global stored *out, *dout;
    struct layout delta_at, out_at, dout_at;
#if HAS_IF_OWN_DLSE
    const __global float *dlse;
    struct layout dlse_at;
#endif
};

INLINE void find_delta_rows(struct delta_rows *of, __global float *delta, const __global stored *out,
                            const __global stored *dout, const struct call *a, const struct job *job)
{
    of->delta = delta;
    of->out = out;
    of->dout = dout;
    delta_layout(&of->delta_at, a, job);
    query_layout(&of->out_at, a, &a->out, job->batch, job->head, query_count(a, job->batch), a->Dv);
    query_layout(&of->dout_at, a, &a->dout, job->batch, job->head, query_count(a, job->batch), a->Dv);
}

#if HAS_IF_OWN_DLSE
/* After find_delta_rows. */
INLINE void find_dlse_rows(struct delta_rows *of, const __global float *dlse, const struct call *a,
                           const struct job *job)
{
    of->dlse = dlse;
    query_layout(&of->dlse_at, a, &a->dlse, job->batch, job->head, query_count(a, job->batch), 1);
}
#endif

/* delta of a tile's stationary rows, 0 for those that do not exist. With MAKES_DELTA the engine
 * computes it here and, if `keep`, stores it for the kernel of dK and dV. Otherwise kernel delta
 * has computed it before. */
#ifdef MAKES_DELTA
#include "engines/nvidia/row_deltas.cl"
#else
INLINE void row_deltas(ACC lane_f *values, const struct delta_rows *of, long first, bool keep, const __local void *tile,
                       const struct span *rows)
{
    FOR_ROWS (r, rows)
        values[r] = row_stat(of->delta, &of->delta_at, first, r, 0.0f);
}
#endif

/* delta of the job's queries. `data`: the kernel's argument delta. */
INLINE void delta_stats(struct stats *delta, const __global float *data, __local float *tile, const struct call *a,
                        const struct job *job)
{
    delta_layout(&delta->at, a, job);
    delta->data = data;
    delta->otherwise = 0.0f;
    delta->tile = tile;
}

/* Whether keys or queries are the rows of a score tile; the others are its columns. */
enum { ROWS_ARE_KEYS, ROWS_ARE_QUERIES };

/* Turns the products S of a tile into the scores that `probability` takes. */
INLINE void gradient_scores(ACC lane_f *S, const struct call *a, const struct edge *e, bool full, const int rows_are,
                            const struct span *rows, int cols)
{
    FOR_ROWS (r, rows)
        FOR_COLS (c, cols) {
            const lane_i row = tile_row(r), col = tile_col(c);
            const lane_i i = rows_are == ROWS_ARE_QUERIES ? row : col, j = rows_are == ROWS_ARE_QUERIES ? col : row;
            S[SCORE(r, c)] = gradient_score(a, e, full, S[SCORE(r, c)], i, j);
        }
}

/* Computes P and dS, with a softcap's slope, of a tile from its products S and dP. P or dS may be
 * NULL; both may overwrite S or dP. lse and delta are those of the queries, whether rows or
 * columns. */
INLINE void tile_gradients(ACC lane_f *P, ACC lane_f *dS, const ACC lane_f *S, const ACC lane_f *dP,
                           const ACC lane_f *lse, const ACC lane_f *delta, const struct call *a, const struct edge *e,
                           bool full, const int rows_are, const struct span *rows, int cols)
{
    BY_BEND (bent, S, a, rows, cols)
        FOR_ROWS (r, rows)
            FOR_COLS (c, cols) {
                const lane_i row = tile_row(r), col = tile_col(c);
                const lane_i i = rows_are == ROWS_ARE_QUERIES ? row : col, j = rows_are == ROWS_ARE_QUERIES ? col : row;
                const int query = rows_are == ROWS_ARE_QUERIES ? r : c;
#if HAS_IF_SOFTCAP
                const lane_f x = S[SCORE(r, c)];
#endif
                const lane_f p =
                    probability(a, gradient_score(a, e, full, capped(a, S[SCORE(r, c)], bent), i, j), lse[query]);
                if (P)
                    P[SCORE(r, c)] = p;
                if (dS)
                    dS[SCORE(r, c)] =
                        product_gradient(a, full, p, score_gradient(full, p, dP[SCORE(r, c)], delta[query]), x, bent);
            }
}

#endif
