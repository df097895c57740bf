/* SPDX-License-Identifier: Apache-2.0 */
/* How a forward stores its rows: O, L and the largest logits of all keys, or with SPLIT the O, m and
 * l of its split. */
#ifndef FINISH_CL
#define FINISH_CL

#include "attention/job.cl"
#include "attention/split_partials.cl"

/* Layout of the job's query rows in an array of partial results that begins at `from`, with `depth`
 * floats for each row and split. */
INLINE void partial_layout(struct layout *at, const struct call *a, long from, int depth, const struct job *job)
{
    struct view v;
    v.row = (long)a->splits * depth;
    v.head = a->N * v.row;
    v.batch = a->Hq * v.head;
    v.offset = from + (long)job->split * depth;
    query_layout(at, a, &v, job->batch, job->head, query_count(a, job->batch), depth);
}

/* Layout of O in out, or in the partial results. */
INLINE void output_layout(struct layout *at, const struct call *a, const struct job *job)
{
    if (SPLIT)
        partial_layout(at, a, 0, a->partial_depth, job);
    else
        query_layout(at, a, &a->out, job->batch, job->head, query_count(a, job->batch), a->Dv);
}

#if HAS_IF_WHOLE_MAX_LOGIT

#define MAX_LOGIT_PARAMETER , __global float *max_logit
#define MAX_LOGIT_ARGUMENT , max_logit

/* Stores the largest logits (largest_logits). */
INLINE void store_max_logits(const ACC lane_f *logit, const struct call *a, const struct job *job,
                             __global float *max_logit, const struct span *rows)
{
    struct layout at;
    if (!a->store_max_logit || job->out_block != 0)
        return;
    query_layout(&at, a, &a->max_logit, job->batch, job->head, query_count(a, job->batch), 1);
    store_stat(logit, max_logit, &at, job->first, rows);
}

#else

#define MAX_LOGIT_PARAMETER
#define MAX_LOGIT_ARGUMENT

#endif

/* Stores m and l of a split, or L, now in m (finish_rows). */
INLINE void store_row_stats(const ACC lane_f *m, const ACC lane_f *l, const struct call *a, const struct job *job,
                            __global float *lse, __global float *partials, const struct span *rows)
{
    struct layout at;
    if (SPLIT && job->out_block == 0) {
        partial_layout(&at, a, partial_maxima(a), 1, job);
        store_stat(m, partials, &at, job->first, rows);
        partial_layout(&at, a, partial_sums(a), 1, job);
        store_stat(l, partials, &at, job->first, rows);
    } else if (!SPLIT && a->store_lse && job->out_block == 0) {
        query_layout(&at, a, &a->lse, job->batch, job->head, query_count(a, job->batch), 1);
        store_stat(m, lse, &at, job->first, rows);
    }
}

#endif
