/* SPDX-License-Identifier: Apache-2.0 */
/* The tile scheduler of engine nvidia_wgmma: passes a work-group's work tiles to the warps that
 * process them. With PERSISTENT a work-group takes several in turn, and the producer runs ahead of
 * the consumers, also into the next one. */
#ifndef TILE_SCHEDULER_CL
#define TILE_SCHEDULER_CL

#include "engines/nvidia_wgmma/gradient_wgmma.cl"

#if TILE_ROWS > 128
#error "registers are divided for one or two consumers: TILE_ROWS up to 128"
#endif

/* Registers of a work-item. The producer's warps do more than issue copies. */
#define TAKEN_REGISTERS 232
#define LEFT_REGISTERS 40

/* A stationary tile and its visit. Of the visit, tiles full_begin to full_end - 1 need no
 * predicate. */
struct work_tile {
    int more;                      /* 0: no work tile is left, and the other members are not set */
    int first, head, batch, split; /* see struct job */
    int begin, tiles;              /* the visit's first row and number of tiles, the same for each head of a group */
    int full_begin, full_end;
    int queries;         /* queries of a head that see any key; statistics of others are not read */
    int edge[KEPT_EDGE]; /* of the visit's first tile */
};

/* The producer writes the next work tile into a double buffer in local memory, and issues the
 * copies of the stationary tiles. Consumers release those when their last scores are computed.
 * Without PERSISTENT there is one work tile, written before the warps take their roles. */
struct tile_scheduler {
    __local struct work_tile *works;
    uint work_full, work_empty, stationary_full, stationary_empty;
};
#define SCHEDULER_BARRIERS 6

INLINE void make_scheduler(struct tile_scheduler *d, __local struct work_tile *works, uint barriers)
{
    d->works = works;
    d->work_full = barriers;
    d->work_empty = barriers + 16;
    d->stationary_full = barriers + 32;
    d->stationary_empty = barriers + 40;
}

/* `readers`: warps that read work tiles. */
INLINE void init_scheduler(const struct tile_scheduler *d, const int readers)
{
    init_ring(d->work_full, d->work_empty, 2, 1, readers);
    init_ring(d->stationary_full, d->stationary_empty, 1, 1, CONSUMER_ITEMS / 32);
}

/* Waits for the work tile at `at`, and returns it. */
INLINE const __local struct work_tile *await_work(const struct tile_scheduler *d, const struct ring *at)
{
    if (PERSISTENT)
        barrier_wait(d->work_full + 8 * at->stage, at->parity);
    return d->works + at->stage;
}

/* A warp releases the work tile, and moves `at` to the next. */
INLINE void release_work(const struct tile_scheduler *d, struct ring *at)
{
    if (PERSISTENT) {
        warp_barrier();
        release_stage(d->work_empty + 8 * at->stage);
        ring_next(at, 2);
    }
}

/* Loops over the work tiles, as w, in a warp. `at` begins as {0, 0}. */
#define FOR_WORK(w, d, at)                                                                                             \
    for (int done = 0; w = await_work(d, at), PERSISTENT ? w->more : !done; release_work(d, at), ++done)

/* Work tiles are written member by member: a producer has few registers, and members in local
 * memory need none. */
INLINE void compiler_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

INLINE void put_job(__local struct work_tile *w, const struct job *job)
{
    w->first = (int)job->first;
    w->head = job->kv_head;
    w->batch = job->batch;
    w->split = job->split;
    compiler_barrier();
}

INLINE void put_range(__local struct work_tile *w, const struct range *range)
{
    struct tiles tiles;
    tiles_of(&tiles, range, range->begin);
    w->begin = (int)range->begin;
    w->tiles = tiles.end;
    w->full_begin = tiles.full_first;
    w->full_end = tiles.full_end;
    compiler_barrier();
}

/* The edge of the visit's first tile; its query rows begin at i. */
INLINE void put_first_edge(__local struct work_tile *w, const struct call *a, const struct job *job, long i,
                           const struct score_inputs *given)
{
    struct edge e;
    find_first_edge(&e, a, job->batch, job->head, query_count(a, job->batch), job->M, i, job->first, given);
    keep_edge(w->edge, &e);
    compiler_barrier();
}

#endif
