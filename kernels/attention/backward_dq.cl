/* SPDX-License-Identifier: Apache-2.0 */
/* dQ = scale dS K, row-tiled: FlashAttention-2, Algorithm 2, with the loops exchanged so that no
 * addition is atomic.
 *
 * Grid: one work-group for TILE_ROWS query rows of one (batch, head block) and one OUT_BLOCK of D.
 * It visits the keys that these rows see. Q (TILE_ROWS, D) and dO (TILE_ROWS, Dv) are stationary:
 * resident, or loaded in depth steps. V and K (TILE_COLS, ..) are streamed. dQ (TILE_ROWS,
 * OUT_BLOCK) accumulates. */
#include "attention/gradient.cl"
#include "attention/long_sums.cl"
#include "attention/parameters.cl"

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_dq(PARAMETERS(BACKWARD_DQ_ARGS))
{
    ABSENT(BACKWARD_DQ_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    STREAMED_TILE(streamed_tile);
    AHEAD_TILE(v_tile, streamed_tile);
    STATIONARY_TILE(q_tile, D_PAD, streamed_tile);
    STATIONARY_TILE(dout_tile, DV_PAD, streamed_tile);
    OPERAND_TILE(ds_tile, streamed_tile);
    SCORES(S);
    SCORES(dP);
    OUTPUT(dQ);
    TOTALS(total_dQ);
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

    if (STATIONARY_RESIDENT) {
        fetch_stationary(q_tile, &job.Q, job.first, 0, D_PAD, &rows);
        fetch_stationary(dout_tile, &job.dO, job.first, 0, DV_PAD, &rows);
    }
    FOR_ROWS (r, &rows) {
        row_lse[r] = lse_for_gradient(SEEING_LSE(row_stat(lse, &lse_at, job.first, r, -INFINITY), r));
        FOR_OUT (x)
            dQ[OUT(r, x)] = 0.0f;
    }

    struct range keys;
    job_keys(&keys, &a, &job);
    fetch_first(streamed_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, &keys);
    struct delta_rows of_delta;
    find_delta_rows(&of_delta, delta, out, dout, &a, &job);
#if HAS_IF_OWN_DLSE
    find_dlse_rows(&of_delta, dlse, &a, &job);
#endif
    row_deltas(row_delta, &of_delta, job.first, job.out_block == 0, ds_tile, &rows);
    bool total = false;
    for (long run = keys.begin, end; run < keys.end; run = end) {
        end = end_of_run(run, keys.end);
        for (long j = run; j < end; j += TILE_COLS) {
            struct edge e;
            find_job_edge(&e, &a, &job, job.first, j, &given);
            const int cols = cols_in_use(keys.end - j);
            struct span seeing = rows;
            narrow_rows(&seeing, first_seeing(&e), TILE_ROWS);
            fetch_tiles(streamed_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, j, &keys);
            tile_scores(dP, dout_tile, &job.dO, job.first, v_tile, &job.V, j, DV_PAD, &seeing, cols);
            tile_scores(S, q_tile, &job.Q, job.first, streamed_tile, &job.K, j, D_PAD, &seeing, cols);
            if (is_full(&keys, j))
                tile_gradients(0, S, S, dP, row_lse, row_delta, &a, &e, true, ROWS_ARE_QUERIES, &seeing, cols);
            else
                tile_gradients(0, S, S, dP, row_lse, row_delta, &a, &e, false, ROWS_ARE_QUERIES, &seeing, cols);
            tile_output(dQ, S, ds_tile, streamed_tile, &job.K, j, job.out_block * OUT_BLOCK, STAGED_LAST, D_PAD,
                        &seeing, cols);
        }
        if (KEEPS_TOTALS && end < keys.end) {
            total_factors(factor, total, &rows);
            flush_output(dQ, total_dQ, factor, dq, &dq_at, job.first, job.out_block * OUT_BLOCK, &rows);
            total = true;
        }
    }
    if (KEEPS_TOTALS && total) {
        total_factors(factor, true, &rows);
        finish_totals(dQ, total_dQ, factor, dq, &dq_at, job.first, job.out_block * OUT_BLOCK, &rows);
    }
    FOR_ROWS (r, &rows)
        factor[r] = gradient_factor(&a, row_lse[r]);
    store_output(dQ, factor, ds_tile, dq, &dq_at, job.first, job.out_block * OUT_BLOCK, &rows);
}
