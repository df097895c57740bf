/* SPDX-License-Identifier: Apache-2.0 */
/* O = softmax(S) V and L = log sum exp S, row-tiled: FlashAttention-2, Algorithm 1.
 *
 * Grid: one work-group for OWN query rows of one (batch, head block) and one SLICE of Dv; it walks the keys that they
 * see. Q (OWN, D) stays, or passes in chunks; K (WALK, D) and V (WALK, SLICE) pass through one tile; O (OWN, SLICE)
 * accumulates.
 *
 * With SPLIT it walks one part of those keys only, and leaves O as far as it got, m and l to forward_combine. */
#include "attention/finish.cl"
#include "attention/long_sums.cl"
#include "attention/parameters.cl"
#include "attention/softmax.cl"
#include "attention/tile.cl"

#ifndef SPLIT
#error "SPLIT must be given with -D"
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void forward(PARAMETERS(FORWARD_ARGS))
{
    ABSENT(FORWARD_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    __global result *const to = RESULT(out, parts);
    WALKED_TILE(walked_tile);
    AHEAD_TILE(v_tile, walked_tile);
    OWNER_TILE(q_tile, D_PAD, walked_tile);
    OPERAND_TILE(p_tile, walked_tile);
    REDUCE_TILE(reduce_tile);
    SCORES(S);
    OUTPUT(O);
    SETTLED(settled_O);
    SETTLED_ROWS(settled_l);
    SETTLED_ROWS(settled_m);
    ROW_VALUES(row_max);
    ROW_VALUES(m);
    ROW_VALUES(l);
    ROW_VALUES(factor);

    struct job job;
    query_job(&job, &a, DV_PAD, q, 0, k, v, &given, kv_lengths);
    struct span rows;
    rows_in_use(&rows, job.Q.at.count - job.first);

    if (OWNER_RESIDENT)
        fetch_owner(q_tile, &job.Q, job.first, 0, D_PAD, &rows);
    FOR_ROWS (r, &rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }

    struct range keys;
    struct layout out_at; /* found late, as it takes registers */
    walked_keys(&keys, &a, &job);
    fetch_first(walked_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, &keys);
    bool settled = false;
    for (long run = keys.begin, end; run < keys.end; run = end) {
        end = end_of_run(run, keys.end);
        for (long j = run; j < end; j += WALK) {
            struct edge e;
            find_job_edge(&e, &a, &job, job.first, j, &given);
            const int cols = cols_in_use(keys.end - j);
            struct span seeing = rows;
            narrow_rows(&seeing, first_seeing(&e), OWN);
            fetch_tiles(walked_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, j, &keys);
            tile_scores(S, q_tile, &job.Q, job.first, walked_tile, &job.K, j, D_PAD, &seeing, cols);
            bool large;
            if (is_full(&keys, j))
                large = softmax_scores(S, row_max, &a, &e, true, &seeing, cols);
            else
                large = softmax_scores(S, row_max, &a, &e, false, &seeing, cols);
            reduce_max(row_max, reduce_tile, &seeing);
            softmax_update(S, O, m, l, row_max, large, &a, &seeing, cols);
            tile_output(O, S, p_tile, v_tile, &job.V, j, job.slice * SLICE, STAGED_NOT, DV_PAD, &seeing, cols);
        }
        if (SETTLES && end < keys.end) {
            settled_weights(factor, settled_m, m, &a, settled, &rows);
            output_layout(&out_at, &a, &job);
            settle_output(O, settled_O, factor, to, &out_at, job.first, job.slice * SLICE, &rows);
            settle_rows(l, settled_l, factor, &rows);
            keep_rows(settled_m, m, &rows);
            settled = true;
        }
    }
    output_layout(&out_at, &a, &job);
    if (SETTLES && settled) {
        settled_weights(factor, settled_m, m, &a, true, &rows);
        join_output(O, settled_O, factor, to, &out_at, job.first, job.slice * SLICE, &rows);
        join_rows(l, settled_l, factor, &rows);
    }
    reduce_sum(l, reduce_tile, &rows);
    output_factors(factor, l, &rows);
    store_output(O, factor, reduce_tile, to, &out_at, job.first, job.slice * SLICE, &rows);
    finish_rows(m, l, &a, &rows);
    store_row_stats(m, l, &a, &job, lse, parts, &rows);
}
