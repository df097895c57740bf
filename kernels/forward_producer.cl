/* What the producer and the consumers of forward_wgmma.cl share, and the producer. */
#ifndef FORWARD_PRODUCER_CL
#define FORWARD_PRODUCER_CL

#include "score.cl"

#if !defined(SPLIT) || SPLIT
#error "SPLIT must be given with -D, and be 0"
#endif

#define Q_BYTES TILE_BYTES(OWN, D_PAD)
#define K_BYTES TILE_BYTES(WALK, D_PAD)
#define V_BYTES TILE_BYTES(WALK, DV_PAD)
#define TILES_BYTES (Q_BYTES + STAGES * (K_BYTES + V_BYTES))
#define BARRIER_COUNT (4 + 4 * STAGES)

/* Where things are in local memory. */
struct room {
    const __local uchar *tiles;                                                    /* Q's first */
    __local long *next;                                                            /* number of the next tile */
    uint q, k, v;                                                                  /* tiles */
    uint q_full, q_empty, next_full, next_empty, k_full, k_empty, v_full, v_empty; /* barriers */
};

INLINE void make_room(struct room *p, const __local uchar *tiles, __local long *next, const __local ulong *barriers)
{
    p->tiles = tiles;
    p->next = next;
    p->q = ptx_local_address(tiles);
    p->k = p->q + Q_BYTES;
    p->v = p->k + STAGES * K_BYTES;
    p->q_full = ptx_local_address(barriers);
    p->q_empty = p->q_full + 8;
    p->next_full = p->q_empty + 8;
    p->next_empty = p->next_full + 8;
    p->k_full = p->next_empty + 8;
    p->k_empty = p->k_full + 8 * STAGES;
    p->v_full = p->k_empty + 8 * STAGES;
    p->v_empty = p->v_full + 8 * STAGES;
    if (get_local_id(0) == 0) {
        const uint consumers = CONSUMER_ITEMS / 32;
        barrier_init(p->q_full, 1);
        barrier_init(p->q_empty, consumers);
        barrier_init(p->next_full, 1);
        barrier_init(p->next_empty, consumers);
        FOR_UNROLLED (s, STAGES) {
            barrier_init(p->k_full + 8 * s, 1);
            barrier_init(p->k_empty + 8 * s, consumers);
            barrier_init(p->v_full + 8 * s, 1);
            barrier_init(p->v_empty + 8 * s, consumers);
        }
        barriers_ready();
    }
}

/* A tile of queries, and the tiles of keys that it sees: `full` .. `count` - 1 of those have an edge. */
struct work {
    struct place at;
    long keys;  /* of the batch */
    long begin; /* key of the first tile */
    int count, full;
};

INLINE void find_work(struct work *w, const struct call *a, long tile, const __global int *kv_lengths)
{
    struct range range;
    find_place_of(&w->at, a, tile, DV_PAD, 1, a->N, a->Hq, 1, a->causal);
    w->keys = key_count(a, kv_lengths, w->at.batch);
    visible_keys(&range, a, w->at.first, w->keys);
    w->begin = range.begin;
    w->count = (int)((range.end - range.begin + WALK - 1) / WALK);
    w->full = (int)(max(range.full_end - range.begin, 0L) / WALK);
}

/* ---- producer ---- */

/* Copies of one tile of queries and of the keys that it sees. */
INLINE void bring(const struct room *p, struct ring *ring, const struct work *w, const struct call *a,
                  const __global uchar *workspace)
{
    const int batch = w->at.batch, kv_head = w->at.head / (a->Hq / a->Hk);
    const ulong k_map = map_address(workspace, a, MAP_K, batch), v_map = map_address(workspace, a, MAP_V, batch);
    barrier_expect(p->q_full, Q_BYTES);
    copy_tile(p->q, map_address(workspace, a, MAP_Q, batch), OWN, D_PAD, (int)w->at.first, w->at.head, p->q_full);
    for (int t = w->count - 1; t >= 0; --t) {
        const int row = (int)w->begin + t * WALK;
        const uint s = 8 * ring->stage;
        barrier_wait(p->k_empty + s, ring->parity ^ 1);
        barrier_expect(p->k_full + s, K_BYTES);
        copy_tile(p->k + ring->stage * K_BYTES, k_map, WALK, D_PAD, row, kv_head, p->k_full + s);
        barrier_wait(p->v_empty + s, ring->parity ^ 1);
        barrier_expect(p->v_full + s, V_BYTES);
        copy_tile(p->v + ring->stage * V_BYTES, v_map, WALK, DV_PAD, row, kv_head, p->v_full + s);
        ring_next(ring, STAGES);
    }
}

/* One work-item asks for all copies, and for the next tile. */
INLINE void produce(const struct room *p, const struct call *a, const __global int *kv_lengths,
                    __global uchar *workspace)
{
    struct ring ring = {0, 0};
    uint q_parity = 1, next_parity = 1;
    int batch = -1;
    for (long tile = a->first_group + (long)get_group_id(0); tile < a->end_group;) {
        const long next = STAY ? next_group(workspace, a) : a->end_group;
        struct work w;
        find_work(&w, a, tile, kv_lengths);
        if (w.at.batch != batch) {
            batch = w.at.batch;
            for (int which = MAP_Q; which <= MAP_V; ++which)
                acquire_map(map_address(workspace, a, which, batch));
        }
        if (w.count > 0) {
            barrier_wait(p->q_empty, q_parity);
            q_parity ^= 1;
            bring(p, &ring, &w, a, workspace);
        }
        if (STAY) {
            barrier_wait(p->next_empty, next_parity);
            next_parity ^= 1;
            *p->next = next;
            barrier_arrive(p->next_full);
        }
        tile = next;
    }
}

#endif
