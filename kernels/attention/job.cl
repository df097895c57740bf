/* SPDX-License-Identifier: Apache-2.0 */
/* The job of a work-group, and the tensor rows that it needs: how every kernel begins. */
#ifndef JOB_CL
#define JOB_CL

#include "attention/range.cl"

struct job {
    int batch;
    int head; /* first query head of the tile; for a tile of keys, of the streamed queries */
    int kv_head;
    int out_block; /* output block, along the depth */
    int split;     /* number of the split; other work-groups have the others */
    long first;    /* first stationary row of the tile */
    long M;        /* keys of the batch */
    struct rows Q, dO, K, V;
};

INLINE long group_number(const struct call *a)
{
    return a->first_group + (long)get_group_id(0);
}

/* Decodes a work-group's number. From fastest to slowest it counts output blocks of `depth`,
 * splits, tiles, head blocks and batches. Returns the head block. */
INLINE int number_job(struct job *job, long group, const int depth, const int splits, long rows, int blocks,
                      bool last_first)
{
    const int out_blocks = (depth + OUT_BLOCK - 1) / OUT_BLOCK;
    const long tiles = (rows + TILE_ROWS - 1) / TILE_ROWS;
    job->out_block = (int)(group % out_blocks);
    group /= out_blocks;
    job->split = (int)(group % splits);
    group /= splits;
    const long tile = group % tiles;
    job->first = (last_first ? tiles - 1 - tile : tile) * TILE_ROWS;
    group /= tiles;
    job->batch = (int)(group / blocks);
    return (int)(group % blocks);
}

/* The job of work-group number `group`, a tile of queries; the rows of tensors are not set. */
INLINE void find_query_job(struct job *job, const struct call *a, long group, const int depth, const int splits,
                           const __global int *kv_lengths)
{
    const int heads = packed_heads(a);
    const int block = number_job(job, group, depth, splits, a->N * heads, a->Hq / heads, last_see_most(a));
    job->head =
        block * a->pack; /* a->pack equals heads, and takes fewer registers through visits, as in query_layout */
    job->kv_head = job->head / (a->Hq / a->Hk);
    job->M = key_count(a, kv_lengths, job->batch);
}

/* The same for a tile of keys; `rows` rows of each head are divided into tiles. */
INLINE void find_key_job(struct job *job, const struct call *a, long group, const int depth, const int splits,
                         long rows, const __global int *kv_lengths)
{
    job->kv_head = number_job(job, group, depth, splits, rows, a->Hk, false);
    job->head = job->kv_head * (a->Hq / a->Hk);
    job->M = key_count(a, kv_lengths, job->batch);
}

#if defined(SPLIT) && SPLIT
#define KEY_SPLITS(a) (a)->splits
#else
#define KEY_SPLITS(a) 1
#endif

/* Makes the job's keys that no query sees read as 0. */
INLINE void blank_unseen(struct rows *keys, const struct call *a, const struct job *job)
{
    keys->begin = seen_begin(a, query_count(a, job->batch), job->M);
    keys->at.count = seen_end(a, query_count(a, job->batch), job->M);
}

/* Sets the rows of Q, K and V, and of dO in a backward, for a tile of queries. */
INLINE void set_query_rows(struct job *job, const struct call *a, const __global stored *q, const __global stored *dout,
                           const __global stored *k, const __global stored *v, const struct score_inputs *given)
{
    query_rows(&job->Q, q, a, &a->q, job->batch, job->head, query_count(a, job->batch), a->D);
    query_rows(&job->dO, dout, a, &a->dout, job->batch, job->head, query_count(a, job->batch), a->Dv);
    const long keys =
        seen_end(a, query_count(a, job->batch), job->M); /* visits begin at a visible key, so only the end matters */
    key_rows(&job->K, k, &a->k, job->batch, job->kv_head, a->D, keys);
    key_rows(&job->V, v, &a->v, job->batch, job->kv_head, a->Dv, keys);
    blank_padding(&job->K, a, given->mask, job->batch, job->head);
    blank_padding(&job->V, a, given->mask, job->batch, job->head);
}

/* The job of this work-group, a tile of queries. */
INLINE void query_job(struct job *job, const struct call *a, const int depth, const __global stored *q,
                      const __global stored *dout, const __global stored *k, const __global stored *v,
                      const struct score_inputs *given, const __global int *kv_lengths)
{
    find_query_job(job, a, group_number(a), depth, KEY_SPLITS(a), kv_lengths);
    set_query_rows(job, a, q, dout, k, v, given);
}

/* The same for all queries of one head; job->first is not set. */
INLINE void head_job(struct job *job, const struct call *a, int batch, int head, const __global stored *q,
                     const __global stored *dout, const __global stored *k, const __global stored *v,
                     const struct score_inputs *given, const __global int *kv_lengths)
{
    job->batch = batch;
    job->head = head;
    job->kv_head = head / (a->Hq / a->Hk);
    job->out_block = job->split = 0;
    job->M = key_count(a, kv_lengths, batch);
    set_query_rows(job, a, q, dout, k, v, given);
}

/* The job of this work-group, a tile of keys, with the rows of K and V. Padding keys need no
 * blanking: a key's scores and gradients are separate rows. Keys that no query sees need it:
 * queries that do not exist may see them. */
INLINE void key_job(struct job *job, const struct call *a, const int depth, long rows, const __global stored *k,
                    const __global stored *v, const __global int *kv_lengths)
{
    find_key_job(job, a, group_number(a), depth, 1, rows, kv_lengths);
    key_rows(&job->K, k, &a->k, job->batch, job->kv_head, a->D, job->M);
    key_rows(&job->V, v, &a->v, job->batch, job->kv_head, a->Dv, job->M);
    blank_unseen(&job->K, a, job);
    blank_unseen(&job->V, a, job);
}

/* Sets the rows of Q and dO for query heads from `head` on, the next that the tile of keys
 * visits. */
INLINE void set_query_head(struct job *job, const struct call *a, int head, const __global stored *q,
                           const __global stored *dout, const __global float *lse SINK_OF_ROWS)
{
    const long rows = seeing_end(a, query_count(a, job->batch), job->M);
    job->head = head;
    query_rows(&job->Q, q, a, &a->q, job->batch, head, rows, a->D);
    query_rows(&job->dO, dout, a, &a->dout, job->batch, head, rows, a->Dv);
    blank_unseeing(&job->Q, a, lse, job->batch, head, query_count(a, job->batch) GIVE_SINK(sink));
    blank_unseeing(&job->dO, a, lse, job->batch, head, query_count(a, job->batch) GIVE_SINK(sink));
}

/* Keys that the tile of queries visits: those that it sees, or its split of them. */
INLINE void job_keys(struct range *keys, const struct call *a, const struct job *job)
{
    visible_keys(keys, a, query_count(a, job->batch), job->M, job->first, TILE_ROWS);
    if (KEY_SPLITS(a) > 1)
        take_split(keys, job->split, KEY_SPLITS(a));
}

/* Query rows that the tile of keys visits, of each head. */
INLINE void job_queries(struct range *queries, const struct call *a, const struct job *job)
{
    seeing_queries(queries, a, query_count(a, job->batch), job->M, job->first);
}

/* The edge of the job's tile of query rows from i and keys from j. */
INLINE void find_job_edge(struct edge *e, const struct call *a, const struct job *job, long i, long j,
                          const struct score_inputs *given)
{
    find_edge(e, a, job->batch, job->head, query_count(a, job->batch), job->M, i, j, given);
}

/* The same for a full tile. */
INLINE void find_full_edge(struct edge *e, const struct call *a, const struct job *job, long i, long j,
                           const struct score_inputs *given)
{
    if (FULL_HAS_EDGE)
        find_job_edge(e, a, job, i, j, given);
}

#endif
