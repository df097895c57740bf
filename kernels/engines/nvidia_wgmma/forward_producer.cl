/* SPDX-License-Identifier: Apache-2.0 */
/* The producer of forward_wgmma.cl, and what it shares with the consumers. */
#ifndef FORWARD_PRODUCER_CL
#define FORWARD_PRODUCER_CL

#include "attention/job.cl"

#if !defined(SPLIT) || SPLIT
#error "SPLIT must be given with -D, and be 0"
#endif

#define Q_BYTES TILE_BYTES(TILE_ROWS, D_PAD)
#define K_BYTES TILE_BYTES(TILE_COLS, D_PAD)
#define V_BYTES TILE_BYTES(TILE_COLS, DV_PAD)
#define TILES_BYTES (Q_BYTES + STAGES * (K_BYTES + V_BYTES))
#define BARRIER_COUNT (6 + 4 * STAGES)

/* Without PERSISTENT, every work-item computes the one work tile. With it, the producer computes
 * them, one ahead of the consumers, and writes them into a double buffer. */
#if PERSISTENT
#define WORK const __local struct work_tile
#else
#define WORK const struct work_tile
#endif

/* The members of a job that are needed, and the number of key tiles that it visits. */
struct work_tile {
    long first, M;
    int batch, head;
    int count;
    int more; /* 0: no work tile is left, and the other members are not set */
};

INLINE void find_work(struct work_tile *w, const struct call *a, long tile, const __global int *kv_lengths)
{
    struct job job;
    struct range keys;
    struct tiles tiles;
    find_query_job(&job, a, tile, DV_PAD, 1, kv_lengths);
    job_keys(&keys, a, &job);
    tiles_of(&tiles, &keys, keys.begin);
    w->first = job.first;
    w->M = job.M;
    w->batch = job.batch;
    w->head = job.head;
    w->count = tiles.end;
    w->more = 1;
}

/* The job of a work tile, without the rows of tensors. */
INLINE void job_of_work(struct job *job, WORK *w)
{
    job->batch = w->batch;
    job->head = w->head;
    job->out_block = job->split = 0;
    job->first = w->first;
    job->M = w->M;
}

/* First key of the visit of the query rows from `first` on; M: the batch's keys. */
INLINE long visit_begin(const struct call *a, int batch, long M, long first)
{
    struct range keys;
    visible_keys(&keys, a, query_count(a, batch), M, first, TILE_ROWS);
    return keys.begin;
}

/* The layout of local memory. */
struct smem_layout {
    const __local uchar *tiles;                                                    /* tiles, Q first */
    __local struct work_tile *works;                                               /* with PERSISTENT */
    uint q, k, v;                                                                  /* tiles */
    uint q_full, q_empty, work_full, work_empty, k_full, k_empty, v_full, v_empty; /* barriers */
};

INLINE void make_smem_layout(struct smem_layout *p, const __local uchar *tiles, __local struct work_tile *works,
                             const __local ulong *barriers)
{
    p->tiles = tiles;
    p->works = works;
    p->q = ptx_local_address(tiles);
    p->k = p->q + Q_BYTES;
    p->v = p->k + STAGES * K_BYTES;
    p->q_full = ptx_local_address(barriers);
    p->q_empty = p->q_full + 8;
    p->work_full = p->q_empty + 8;
    p->work_empty = p->work_full + 16;
    p->k_full = p->work_empty + 16;
    p->k_empty = p->k_full + 8 * STAGES;
    p->v_full = p->k_empty + 8 * STAGES;
    p->v_empty = p->v_full + 8 * STAGES;
    if (get_local_id(0) == 0) {
        const int consumers = CONSUMER_ITEMS / 32;
        init_ring(p->q_full, p->q_empty, 1, 1, consumers);
        init_ring(p->work_full, p->work_empty, 2, 1, consumers);
        init_ring(p->k_full, p->k_empty, STAGES, 1, consumers);
        init_ring(p->v_full, p->v_empty, STAGES, 1, consumers);
        barriers_ready();
    }
}

/* ---- producer ---- */

/* Issues the copies of one tile of queries and of the keys that it sees. */
INLINE void load_tiles(const struct smem_layout *p, struct ring *ring, uint *q_parity, const struct work_tile *w,
                       const struct call *a, const __global uchar *tensor_maps)
{
    const int batch = w->batch, kv_head = w->head / (a->Hq / a->Hk);
    const ulong k_map = map_address(tensor_maps, a, MAP_K, batch), v_map = map_address(tensor_maps, a, MAP_V, batch);
    if (w->count == 0)
        return;
    barrier_wait(p->q_empty, *q_parity);
    *q_parity ^= 1;
    barrier_expect(p->q_full, Q_BYTES);
    copy_tile(p->q, map_address(tensor_maps, a, MAP_Q, batch), TILE_ROWS, D_PAD, (int)w->first, w->head, p->q_full);
    const int begin = (int)visit_begin(a, batch, w->M, w->first);
    for (int t = w->count - 1; t >= 0; --t) {
        const uint s = 8 * ring->stage;
        barrier_wait(p->k_empty + s, ring->parity ^ 1);
        barrier_expect(p->k_full + s, K_BYTES);
        copy_tile(p->k + ring->stage * K_BYTES, k_map, TILE_COLS, D_PAD, begin + t * TILE_COLS, kv_head, p->k_full + s);
        barrier_wait(p->v_empty + s, ring->parity ^ 1);
        barrier_expect(p->v_full + s, V_BYTES);
        copy_tile(p->v + ring->stage * V_BYTES, v_map, TILE_COLS, DV_PAD, begin + t * TILE_COLS, kv_head,
                  p->v_full + s);
        ring_next(ring, STAGES);
    }
}

INLINE void acquire_maps(const struct call *a, const __global uchar *tensor_maps, int batch)
{
    for (int which = MAP_Q; which <= MAP_V; ++which)
        acquire_map(map_address(tensor_maps, a, which, batch));
}

/* One work-item issues all copies, and computes the work tiles. */
INLINE void produce(const struct smem_layout *p, const struct call *a, const __global int *kv_lengths,
                    __global uchar *tensor_maps)
{
    struct ring ring = {0, 0};
    uint q_parity = 1;
    struct work_tile w;
#if PERSISTENT
    struct ring at = {0, 0};
    int batch = -1;
    for (long tile = group_number(a);; tile = next_group(tensor_maps, a)) {
        w.more = 0;
        if (tile < a->end_group)
            find_work(&w, a, tile, kv_lengths);
        barrier_wait(p->work_empty + 8 * at.stage, at.parity ^ 1);
        p->works[at.stage] = w;
        barrier_arrive(p->work_full + 8 * at.stage);
        ring_next(&at, 2);
        if (!w.more)
            return;
        if (w.batch != batch)
            acquire_maps(a, tensor_maps, w.batch);
        batch = w.batch;
        load_tiles(p, &ring, &q_parity, &w, a, tensor_maps);
    }
#else
    find_work(&w, a, group_number(a), kv_lengths);
    acquire_maps(a, tensor_maps, w.batch);
    load_tiles(p, &ring, &q_parity, &w, a, tensor_maps);
#endif
}

#endif
