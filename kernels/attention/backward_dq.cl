/* SPDX-License-Identifier: Apache-2.0 */
/* dQ = scale dS K, row-tiled: FlashAttention-2, Algorithm 2, with the loops exchanged so that nothing is added
 * atomically.
 *
 * Grid: one work-group for OWN query rows of one (batch, head block) and one SLICE of D; it walks the keys that they
 * see. Q (OWN, D) and dO (OWN, Dv) stay, or pass in chunks; V and K (WALK, ..) pass through one tile; dQ (OWN, SLICE)
 * accumulates. */
#include "attention/gradient.cl"
#include "attention/long_sums.cl"
#include "attention/parameters.cl"

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_dq(PARAMETERS(BACKWARD_DQ_ARGS))
{
    ABSENT(BACKWARD_DQ_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    WALKED_TILE(walked_tile);
    AHEAD_TILE(v_tile, walked_tile);
    OWNER_TILE(q_tile, D_PAD, walked_tile);
    OWNER_TILE(dout_tile, DV_PAD, walked_tile);
    OPERAND_TILE(ds_tile, walked_tile);
    SCORES(S);
    SCORES(dP);
    OUTPUT(dQ);
    SETTLED(settled_dQ);
    ROW_VALUES(row_lse);
    ROW_VALUES(row_delta);
    ROW_VALUES(factor);

    struct job job;
    struct layout lse_at, dq_at;
    query_job(&job, &a, D_PAD, q, dout, k, v, &given, kv_lengths);
    query_layout(&lse_at, &a, &a.lse, job.batch, job.head, query_count(&a, job.batch), 1);
    query_layout(&dq_at, &a, &a.dq, job.batch, job.head, query_count(&a, job.batch), a.D);
    struct span rows;
    rows_in_use(&rows, job.Q.at.count - job.first);

    if (OWNER_RESIDENT) {
        fetch_owner(q_tile, &job.Q, job.first, 0, D_PAD, &rows);
        fetch_owner(dout_tile, &job.dO, job.first, 0, DV_PAD, &rows);
    }
    FOR_ROWS (r, &rows) {
        row_lse[r] = lse_for_gradient(row_stat(lse, &lse_at, job.first, r, -INFINITY));
        FOR_OUT (x)
            dQ[OUT(r, x)] = 0.0f;
    }

    struct range keys;
    walked_keys(&keys, &a, &job);
    fetch_first(walked_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, &keys);
    struct delta_rows of_delta;
    find_delta_rows(&of_delta, delta, out, dout, &a, &job);
    row_deltas(row_delta, &of_delta, job.first, job.slice == 0, ds_tile, &rows);
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
            tile_scores(dP, dout_tile, &job.dO, job.first, v_tile, &job.V, j, DV_PAD, &seeing, cols);
            tile_scores(S, q_tile, &job.Q, job.first, walked_tile, &job.K, j, D_PAD, &seeing, cols);
            if (is_full(&keys, j))
                tile_gradients(0, S, S, dP, row_lse, row_delta, &a, &e, true, ROWS_ARE_QUERIES, &seeing, cols);
            else
                tile_gradients(0, S, S, dP, row_lse, row_delta, &a, &e, false, ROWS_ARE_QUERIES, &seeing, cols);
            tile_output(dQ, S, ds_tile, walked_tile, &job.K, j, job.slice * SLICE, STAGED_LAST, D_PAD, &seeing, cols);
        }
        if (SETTLES && end < keys.end) {
            settled_factors(factor, settled, &rows);
            settle_output(dQ, settled_dQ, factor, dq, &dq_at, job.first, job.slice * SLICE, &rows);
            settled = true;
        }
    }
    if (SETTLES && settled) {
        settled_factors(factor, true, &rows);
        join_output(dQ, settled_dQ, factor, dq, &dq_at, job.first, job.slice * SLICE, &rows);
    }
    FOR_ROWS (r, &rows)
        factor[r] = gradient_factor(&a, row_lse[r]);
    store_output(dQ, factor, ds_tile, dq, &dq_at, job.first, job.slice * SLICE, &rows);
}
