/* SPDX-License-Identifier: Apache-2.0 */
/* For passes with stationary keys: gradients of scores, and the sums of dK and dV. */
#ifndef GRADIENT_KEYS_CL
#define GRADIENT_KEYS_CL

#include "attention/gradient.cl"
#include "attention/long_sums.cl"

#if !defined(WANT_DK) || !defined(WANT_DV) || !(WANT_DK || WANT_DV)
#error "WANT_DK and WANT_DV must be given with -D, one of them 1"
#endif

/* LSE, in the units of `probability`, and delta of the streamed queries from i on. */
INLINE void column_stats(ACC lane_f *column_lse, ACC lane_f *column_delta, const struct stats *lse,
                         const struct stats *delta, long i, int cols)
{
    FOR_COLS (c, cols) {
        column_lse[c] = lse_for_gradient(col_stat(lse, i, c));
        column_delta[c] = WANT_DK ? col_stat(delta, i, c) : (lane_f)(0.0f);
    }
}

/* Replaces the products S^T by P^T and, for dK, dP^T by dS^T. */
INLINE void dkdv_scores(ACC lane_f *S, ACC lane_f *dP, const ACC lane_f *lse, const ACC lane_f *delta,
                        const struct call *a, const struct edge *e, bool full, const struct span *rows, int cols)
{
    ACC lane_f *const dS = WANT_DK ? dP : 0;
    tile_gradients(S, dS, S, dP, lse, delta, a, e, full, ROWS_ARE_KEYS, rows, cols);
}

/* Flushes the sums of dK or dV of the job's keys (long_sums.cl). `data`: the gradient; `begun`:
 * this is not the first flush. */
INLINE void flush_keys(ACC out_f *sum, ACC out_f *total, ACC lane_f *factor, bool begun, __global stored *data,
                       const struct view *v, int depth, const struct call *a, const struct job *job,
                       const struct span *rows)
{
    struct layout at;
    key_layout(&at, v, job->batch, job->kv_head, depth, a->M);
    total_factors(factor, begun, rows);
    flush_output(sum, total, factor, data, &at, job->first, job->out_block * OUT_BLOCK, rows);
}

/* Stores `scale` times the sums; `begun`: they have a total. */
INLINE void finish_keys(ACC out_f *sum, ACC out_f *total, ACC lane_f *factor, bool begun, float scale,
                        __local void *tile, __global stored *data, const struct view *v, int depth,
                        const struct call *a, const struct job *job, const struct span *rows)
{
    struct layout at;
    key_layout(&at, v, job->batch, job->kv_head, depth, a->M);
    if (KEEPS_TOTALS && begun) {
        total_factors(factor, true, rows);
        finish_totals(sum, total, factor, data, &at, job->first, job->out_block * OUT_BLOCK, rows);
    }
    FOR_ROWS (r, rows)
        factor[r] = scale;
    store_output(sum, factor, tile, data, &at, job->first, job->out_block * OUT_BLOCK, rows);
}

#endif
