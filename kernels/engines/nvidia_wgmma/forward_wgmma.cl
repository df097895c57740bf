/* SPDX-License-Identifier: Apache-2.0 */
/* forward.cl for engine nvidia_wgmma: the same O and L, by another schedule.
 *
 * A work tile is TILE_ROWS query rows of one (batch, head). A work-group has one; with PERSISTENT
 * it takes several in turn. Its producer loads Q (TILE_ROWS, D), and K and V (TILE_COLS rows)
 * through rings of STAGES tiles, and runs ahead of the consumers, also into the next work tile.
 * Each consumer has 64 of the query rows. It issues the next S = Q K^T together with O += P V of
 * the previous tile, so that the tensor cores work while it computes exponentials; with PINGPONG,
 * two consumers alternate. Tiles of keys are visited from the last to the first: those with a
 * causal edge come before full ones. A consumer skips tiles of keys that only the others' rows
 * see. */
#include "attention/finish.cl"
#include "attention/parameters.cl"
#include "attention/softmax.cl"
#include "engines/nvidia_wgmma/forward_producer.cl"

/* ---- consumers ---- */

/* A consumer: its position in both rings, and the parity of its next wait for Q. */
struct consumer {
    int number;
    struct ring k, v;
    uint q_parity;
    uint q_rows;      /* its rows of Q in local memory */
    int turn;         /* its ping-pong barrier; the other's is 3 - turn */
    struct span rows; /* of accumulators */
};

INLINE void await(const struct consumer *c)
{
#if PINGPONG
    await_turn(c->turn);
#endif
}

INLINE void pass(const struct consumer *c)
{
#if PINGPONG
    pass_turn(3 - c->turn);
#endif
}

/* Issues S = Q K^T for the 64 rows of this warpgroup. */
INLINE void begin_scores(float *S, const uint *q, uint q_tile, uint k_tile)
{
    FOR_UNROLLED (k, D_PAD / 16) {
#if STATIONARY_REGISTERS
        WGMMA_REGISTERS(TILE_COLS, B_ALONG_DEPTH, k > 0, S, q + 4 * k, depth_descriptor(k_tile, TILE_COLS, k));
#else
        WGMMA_LOCAL(TILE_COLS, B_ALONG_DEPTH, k > 0, S, depth_descriptor(q_tile, TILE_ROWS, k),
                    depth_descriptor(k_tile, TILE_COLS, k));
#endif
    }
    WGMMA_COMMIT();
}

/* Issues O += P V. */
INLINE void begin_output(float *O, const uint *P, uint v_tile)
{
    FOR_UNROLLED (k, TILE_COLS / 16)
        WGMMA_REGISTERS(DV_PAD, B_ALONG_COLUMNS, 1, O, P + 4 * k, row_descriptor(v_tile, TILE_COLS, k));
    WGMMA_COMMIT();
}

/* Rescales O. A warp skips its r-th rows, eight of them, if none needs it: the usual case in late
 * tiles. */
INLINE void rescale(float *O, const float *factor, const struct span *rows)
{
    FOR_ROWS (r, rows)
        if (any_in_warp(NEEDS_RESCALE(factor[r])))
            FOR_OUT (x)
                O[OUT(r, x)] *= factor[r];
}

/* Computes S and P of a tile. Except for the first tile, O += P V of the previous tile runs beside
 * it. */
INLINE void step(struct consumer *c, float *S, float *O, uint *P, float *m, float *l, const uint *q,
                 const struct smem_layout *p, const struct call *a, const struct edge *e, const bool first,
                 const bool full)
{
    float shift[ROWS], factor[ROWS]; /* of S, at first the row maxima; of O */
    barrier_wait(p->k_full + 8 * c->k.stage, c->k.parity);
    await(c);
    WGMMA_FENCE();
    begin_scores(S, q, c->q_rows, p->k + c->k.stage * K_BYTES);
    if (!first) {
        barrier_wait(p->v_full + 8 * c->v.stage, c->v.parity);
        begin_output(O, P, p->v + c->v.stage * V_BYTES);
    }
    pass(c);
    if (first)
        WGMMA_WAIT(TILE_COLS, 0, S);
    else
        WGMMA_WAIT(TILE_COLS, 1, S);
    release_stage(p->k_empty + 8 * c->k.stage);
    ring_next(&c->k, STAGES);
    const bool large = any_in_warp(softmax_scores(S, shift, a, e, full, &c->rows, TILE_COLS));
    reduce_max(shift, 0, &c->rows);
    FOR_ROWS (r, &c->rows)
        factor[r] = follow_maximum(m, shift, a, full, r);
    if (large)
        take_origins(S, m, shift, a, &c->rows, TILE_COLS);
    FOR_ROWS (r, &c->rows)
        softmax_row(S, l, shift[r], factor[r], a, r, TILE_COLS);
    if (!first) { /* exponentials are computed beside P V, not after it */
        barrier_knowing(2 + c->turn, as_uint(l[0]) | as_uint(l[1]), a->B);
        WGMMA_WAIT(DV_PAD, 0, O);
        release_stage(p->v_empty + 8 * c->v.stage);
        ring_next(&c->v, STAGES);
        rescale(O, factor, &c->rows);
    }
    pack_operand(P, S, TILE_COLS);
}

/* The tiles of the work-group's visit that a consumer's 64 rows see, all or fewer. */
INLINE void find_tiles(struct tiles *tiles, WORK *w, const struct call *a, long begin, int consumer)
{
    const long first = w->first + 64 * consumer, N = query_count(a, w->batch);
    struct range keys;
    visible_keys(&keys, a, N, w->M, first, 64);
    tiles_of(tiles, &keys, begin);
    if (first >= N)
        tiles->first = tiles->end = 0;
}

/* Releases a tile that none of this consumer's rows sees. */
INLINE void release_tile(struct consumer *c, const struct smem_layout *p)
{
    await(c);
    pass(c);
    barrier_wait(p->k_full + 8 * c->k.stage, c->k.parity);
    warp_barrier(); /* no lane still waits for this phase when it may end */
    release_stage(p->k_empty + 8 * c->k.stage);
    ring_next(&c->k, STAGES);
    barrier_wait(p->v_full + 8 * c->v.stage, c->v.parity);
    warp_barrier();
    release_stage(p->v_empty + 8 * c->v.stage);
    ring_next(&c->v, STAGES);
}

INLINE void load_queries(uint *q, const struct smem_layout *p)
{
    FOR_UNROLLED (k, D_PAD / 16)
        load_operand(q + 4 * k, p->tiles, TILE_ROWS, (int)get_local_id(0) / 32 * 16, k);
    release_stage(p->q_empty);
}

/* Computes O, m and l of this warpgroup's rows. */
INLINE void visit_tiles(struct consumer *c, float *S, float *O, float *m, float *l, const struct smem_layout *p,
                        WORK *w, const struct call *a, const struct score_inputs *given)
{
    uint P[TILE_COLS / 4], q[STATIONARY_REGISTERS ? D_PAD / 4 : 1];
    struct tiles tiles;
    struct edge e;
    struct job job;
    job_of_work(&job, w);
    const long begin = visit_begin(a, job.batch, job.M, job.first);
    find_tiles(&tiles, w, a, begin, c->number);
    barrier_wait(p->q_full, c->q_parity);
    c->q_parity ^= 1;
    if (STATIONARY_REGISTERS)
        load_queries(q, p);
    int t = w->count - 1;
    for (; t >= tiles.end; --t)
        release_tile(c, p);
    if (t >= tiles.first) {
        if (is_full_tile(&tiles, t)) {
            find_full_edge(&e, a, &job, job.first, begin + (long)t * TILE_COLS, given);
            step(c, S, O, P, m, l, q, p, a, &e, true, true);
        } else {
            find_job_edge(&e, a, &job, job.first, begin + (long)t * TILE_COLS, given);
            step(c, S, O, P, m, l, q, p, a, &e, true, false);
        }
        for (--t; t >= max(tiles.full_end, tiles.first); --t) {
            find_job_edge(&e, a, &job, job.first, begin + (long)t * TILE_COLS, given);
            step(c, S, O, P, m, l, q, p, a, &e, false, false);
        }
        for (; t >= max(tiles.full_first, tiles.first); --t) {
            find_full_edge(&e, a, &job, job.first, begin + (long)t * TILE_COLS, given);
            step(c, S, O, P, m, l, q, p, a, &e, false, true);
        }
        for (; t >= tiles.first; --t) {
            find_job_edge(&e, a, &job, job.first, begin + (long)t * TILE_COLS, given);
            step(c, S, O, P, m, l, q, p, a, &e, false, false);
        }
        barrier_wait(p->v_full + 8 * c->v.stage, c->v.parity);
        await(c);
        WGMMA_FENCE();
        begin_output(O, P, p->v + c->v.stage * V_BYTES);
        pass(c);
        WGMMA_WAIT(DV_PAD, 0, O);
        release_stage(p->v_empty + 8 * c->v.stage);
        ring_next(&c->v, STAGES);
    } else {
        await(c);
        pass(c);
    }
    for (int left = tiles.first; left > 0; --left)
        release_tile(c, p);
    if (!STATIONARY_REGISTERS)
        release_stage(p->q_empty);
}

/* Divides O by l and writes O, L and the largest logits. */
INLINE void store_tile(float *O, float *m, float *l, WORK *w, const struct call *a, const struct span *rows,
                       __global stored *out, __global float *lse MAX_LOGIT_PARAMETER SINK_INPUTS)
{
    ROW_VALUES(factor);
    struct layout out_at;
    struct job job;
    job_of_work(&job, w);
    output_layout(&out_at, a, &job);
#if HAS_IF_WHOLE_MAX_LOGIT
    largest_logits(factor, m, a, rows);
    store_max_logits(factor, a, &job, max_logit, rows);
#endif
    reduce_sum(l, 0, rows);
    output_factors(factor, m, l, a, rows SINK_ARGUMENTS(given, &job));
    finish_rows(m, l, a, rows SINK_ARGUMENTS(given, &job));
    store_output(O, factor, 0, out, &out_at, job.first, 0, rows);
    store_row_stats(m, l, a, &job, lse, 0, rows);
}

INLINE void do_work(struct consumer *c, float *S, const struct smem_layout *p, WORK *w, const struct call *a,
                    const struct score_inputs *given, __global stored *out, __global float *lse MAX_LOGIT_PARAMETER)
{
    OUTPUT(O);
    ROW_VALUES(m);
    ROW_VALUES(l);
    FOR_ROWS (r, &c->rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }
    if (w->count > 0)
        visit_tiles(c, S, O, m, l, p, w, a, given);
    store_tile(O, m, l, w, a, &c->rows, out, lse MAX_LOGIT_ARGUMENT SINK_INPUTS_OF(given));
}

INLINE void consume(const struct smem_layout *p, const struct call *a, const struct score_inputs *given,
                    const __global int *kv_lengths, __global stored *out, __global float *lse MAX_LOGIT_PARAMETER)
{
    SCORES(S);
    const int number = warp_uniform((int)get_local_id(0) / 128);
    struct consumer c = {number, {0, 0}, {0, 0}, 0, p->q + number * PANEL_BYTES(64), 1 + number, {0, ROWS}};
    FOR_UNROLLED (s, TILE_COLS / 2)
        S[s] = 0.0f;
    if (c.turn == 2)
        pass(&c);
#if PERSISTENT
    for (struct ring at = {0, 0};; ring_next(&at, 2)) {
        WORK *w = p->works + at.stage;
        barrier_wait(p->work_full + 8 * at.stage, at.parity);
        if (!w->more)
            break;
        do_work(&c, S, p, w, a, given, out, lse MAX_LOGIT_ARGUMENT);
        warp_barrier();
        release_stage(p->work_empty + 8 * at.stage);
    }
#else
    struct work_tile w;
    find_work(&w, a, group_number(a), kv_lengths);
    do_work(&c, S, p, &w, a, given, out, lse MAX_LOGIT_ARGUMENT);
#endif
    if (c.turn == 1)
        await(&c); /* the last turn, not yet awaited */
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void forward_wgmma(PARAMETERS(FORWARD_ARGS))
{
    ABSENT(FORWARD_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    __local __attribute__((aligned(1024))) uchar tiles[TILES_BYTES];
    __local ulong barriers[BARRIER_COUNT];
#if PERSISTENT
    __local struct work_tile works[2];
#else
    __local struct work_tile *const works = 0;
#endif
    struct smem_layout p;
    make_smem_layout(&p, tiles, works, barriers);
    barrier(CLK_LOCAL_MEM_FENCE);
    if (get_local_id(0) < CONSUMER_ITEMS) {
        TAKE_REGISTERS(CONSUMER_REGISTERS);
        consume(&p, &a, &given, kv_lengths, out, lse MAX_LOGIT_ARGUMENT);
    } else {
        GIVE_REGISTERS(PRODUCER_REGISTERS);
        if (get_local_id(0) == CONSUMER_ITEMS)
            produce(&p, &a, kv_lengths, tensor_maps);
    }
}
