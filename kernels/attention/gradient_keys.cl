/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of the passes whose stationary rows are keys. */
#ifndef GRADIENT_KEYS_CL
#define GRADIENT_KEYS_CL

#include "attention/gradient.cl"
#include "attention/long_sums.cl"

#if !defined(WANT_DK) || !defined(WANT_DV) || !(WANT_DK || WANT_DV)
#error "WANT_DK and WANT_DV must be given with -D, one of them 1"
#endif

/* LSE, as `probability` takes it, and delta of the streamed queries from i on. */
INLINE void column_stats(ACC lane_f *column_lse, ACC lane_f *column_delta, const struct stats *lse,
                         const struct stats *delta, long i, int cols)
{
    FOR_COLS (c, cols) {
        column_lse[c] = lse_for_gradient(col_stat(lse, i, c));
        column_delta[c] = WANT_DK ? col_stat(delta, i, c) : (lane_f)(0.0f);
    }
}

/* The products S^T of the tile become P^T, in S, and dP^T becomes dS^T, in dP. */
INLINE void dkdv_scores(ACC lane_f *S, ACC lane_f *dP, const ACC lane_f *lse, const ACC lane_f *delta,
                        const struct call *a, const struct edge *e, bool full, const struct span *rows, int cols)
{
    ACC lane_f *const dS = WANT_DK ? dP : 0;
    tile_gradients(S, dS, S, dP, lse, delta, a, e, full, ROWS_ARE_KEYS, rows, cols);
}

/* Sums of dK or dV of the job's keys, which go to `data` in the end, are flushed; `begun`: not for the first time. */
INLINE void flush_keys(ACC out_f *sum, ACC out_f *total, ACC lane_f *factor, bool begun, __global stored *data,
                       const struct view *v, int depth, const struct call *a, const struct job *job,
                       const struct span *rows)
{
    struct layout at;
    key_layout(&at, v, job->batch, job->kv_head, depth, a->M);
    total_factors(factor, begun, rows);
    flush_output(sum, total, factor, data, &at, job->first, job->out_block * OUT_BLOCK, rows);
}

/* And what they have come to is stored, `scale` times; `begun`: there is a total. */
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
