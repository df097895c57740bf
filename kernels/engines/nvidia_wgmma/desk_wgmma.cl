/* SPDX-License-Identifier: Apache-2.0 */
/* What a work-group of engine nvidia_wgmma has to do, owner tile after owner tile, for the warps that do it. With STAY it
 * takes several in turn, and the producer is ahead of the consumers, also into the next one. */
#ifndef DESK_WGMMA_CL
#define DESK_WGMMA_CL

#include "engines/nvidia_wgmma/gradient_wgmma.cl"

#if OWN > 128
#error "registers are shared out for one or two consumers"
#endif

/* Registers of a work-item: the producer's warps do more than ask for copies. */
#define TAKEN_REGISTERS 232
#define LEFT_REGISTERS 40

/* What is done with an owner tile. Of the walk, tiles full_begin to full_end - 1 need no predicate. */
struct work {
    int more;                     /* 0: there is no more work, nor anything else here */
    int first, head, batch, part; /* see struct job */
    int begin, tiles;             /* the walk's first row, and how many tiles it has; of each head of a group */
    int full_begin, full_end;
    int queries;         /* that see any key, of each head: statistics of others are not read */
    int edge[KEPT_EDGE]; /* of the first tile */
};

/* One work-item finds it out and leaves it in local memory, in one of two places by turns, for the warps that read it;
 * and has the owner tiles brought, which consumers leave when their last scores are made. Without STAY there is but one
 * piece of work, which is there before the roles part. */
struct desk {
    __local struct work *works;
    uint work_full, work_empty, owners_full, owners_empty;
};
#define DESK_BARRIERS 6

INLINE void make_desk(struct desk *d, __local struct work *works, uint barriers)
{
    d->works = works;
    d->work_full = barriers;
    d->work_empty = barriers + 16;
    d->owners_full = barriers + 32;
    d->owners_empty = barriers + 40;
}

/* `readers`: warps that read work. */
INLINE void init_desk(const struct desk *d, const int readers)
{
    init_ring(d->work_full, d->work_empty, 2, 1, readers);
    init_ring(d->owners_full, d->owners_empty, 1, 1, CONSUMER_ITEMS / 32);
}

/* The work at place `at`, when it is there. */
INLINE const __local struct work *await_work(const struct desk *d, const struct ring *at)
{
    if (STAY)
        barrier_wait(d->work_full + 8 * at->stage, at->parity);
    return d->works + at->stage;
}

/* A warp has read it. */
INLINE void leave_work(const struct desk *d, struct ring *at)
{
    if (STAY) {
        warp_barrier();
        leave_stage(d->work_empty + 8 * at->stage);
        ring_next(at, 2);
    }
}

/* For a warp: each piece of work, as w. `at` begins as {0, 0}. */
#define FOR_WORK(w, d, at) for (int done = 0; w = await_work(d, at), STAY ? w->more : !done; leave_work(d, at), ++done)

/* Work is put down piece by piece: a producer has few registers, and what lies in local memory needs none. */
INLINE void settle(void)
{
    __asm__ volatile("" ::: "memory");
}

INLINE void put_job(__local struct work *w, const struct job *job)
{
    w->first = (int)job->first;
    w->head = job->kv_head;
    w->batch = job->batch;
    w->part = job->part;
    settle();
}

INLINE void put_range(__local struct work *w, const struct range *range)
{
    struct tiles tiles;
    tiles_of(&tiles, range, range->begin);
    w->begin = (int)range->begin;
    w->tiles = tiles.end;
    w->full_begin = tiles.full_first;
    w->full_end = tiles.full_end;
    settle();
}

/* The edge of the walk's first tile, whose query rows begin at i. */
INLINE void put_first_edge(__local struct work *w, const struct call *a, const struct job *job, long i,
                           const struct score_inputs *given)
{
    struct edge e;
    find_first_edge(&e, a, job->batch, job->head, query_count(a, job->batch), job->M, i, job->first, given);
    keep_edge(w->edge, &e);
    settle();
}

#endif
