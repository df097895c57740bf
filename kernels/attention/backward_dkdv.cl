/* SPDX-License-Identifier: Apache-2.0 */
/* dV = P^T dO and dK = scale dS^T Q, column-tiled: FlashAttention-2, Algorithm 2.
 *
 * Grid: one work-group for TILE_ROWS keys of one (batch, key head) and one OUT_BLOCK of D and Dv.
 * It visits the queries that see these keys, of every query head of the group. K (TILE_ROWS, D) and
 * V (TILE_ROWS, Dv) are stationary: resident, or loaded in depth steps. Q and dO (TILE_COLS, ..)
 * are streamed. dK and dV (TILE_ROWS, OUT_BLOCK) accumulate. Score arrays are transposed: keys are
 * rows. WANT_DK, WANT_DV: which to compute. */
#include "attention/gradient_keys.cl"
#include "attention/parameters.cl"

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_dkdv(PARAMETERS(BACKWARD_DKDV_ARGS))
{
    ABSENT(BACKWARD_DKDV_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    STREAMED_TILE(streamed_tile);
    STATIONARY_TILE(k_tile, D_PAD, streamed_tile);
    SECOND_TILE(dout_tile, streamed_tile);
    OPERAND_TILE(operand_tile, streamed_tile);
    SCORES(S);
#if WANT_DK
    STATIONARY_TILE(v_tile, DV_PAD, streamed_tile);
    SCORES(dP);
    OUTPUT(dK);
    TOTALS(total_dK);
#endif
#if WANT_DV
    OUTPUT(dV);
    TOTALS(total_dV);
#endif
#if !WANT_DK /* names for code that is never reached */
    __local stationary_f *const v_tile = k_tile;
    ACC lane_f *const dP = S;
    ACC out_f *const dK = dV;
    ACC out_f *const total_dK = 0;
#elif !WANT_DV
    ACC out_f *const dV = dK;
    ACC out_f *const total_dV = 0;
#endif
    ROW_VALUES(factor);
    COL_VALUES(column_lse);
    COL_VALUES(column_delta);
    COL_TILE(lse_tile);
    COL_TILE(delta_tile);

    struct job job;
    key_job(&job, &a, MAX_PAD, a.M, k, v, kv_lengths);
    struct range queries;
    job_queries(&queries, &a, &job);
    struct span rows;
    rows_in_use(&rows, a.M - job.first);
    if (STATIONARY_RESIDENT) {
        fetch_stationary(k_tile, &job.K, job.first, 0, D_PAD, &rows);
        if (WANT_DK)
            fetch_stationary(v_tile, &job.V, job.first, 0, DV_PAD, &rows);
    }
    FOR_ROWS (r, &rows)
        FOR_OUT (x) {
            dK[OUT(r, x)] = 0.0f;
            dV[OUT(r, x)] = 0.0f;
        }

    int since_flush = 0; /* streamed rows since the last flush */
    bool total = false;
    const int end_head = job.head + a.Hq / a.Hk;
    for (int head = job.head; head < end_head; head += a.pack) {
        struct stats of_lse, of_delta;
        set_query_head(&job, &a, head, q, dout, lse GIVE_SINK(sink));
        lse_stats(&of_lse, lse, lse_tile, &a, &job);
        delta_stats(&of_delta, delta, delta_tile, &a, &job);
        fetch_first(streamed_tile, &job.Q, D_PAD, dout_tile, &job.dO, DV_PAD, &queries);
        fetch_stats(&of_lse, queries.begin);
        if (WANT_DK) /* else delta was not computed */
            fetch_stats(&of_delta, queries.begin);
        for (long run = queries.begin, end; run < queries.end; run = end) {
            end = end_of_run(run, queries.end);
            for (long i = run; i < end; i += TILE_COLS) {
                const int cols = cols_in_use(queries.end - i);
                if (!STATS_AHEAD)
                    column_stats(column_lse, column_delta, &of_lse, &of_delta, i, cols);
                struct edge e;
                find_job_edge(&e, &a, &job, i, job.first, &given);
                struct span seen = rows;
                narrow_rows(&seen, 0, keys_seen(&e));
                fetch_tiles(streamed_tile, &job.Q, D_PAD, dout_tile, &job.dO, DV_PAD, i, &queries);
                fetch_stats(&of_lse, i + TILE_COLS);
                if (WANT_DK)
                    fetch_stats(&of_delta, i + TILE_COLS);
                tile_scores(S, k_tile, &job.K, job.first, streamed_tile, &job.Q, i, D_PAD, &seen, cols);
                if (WANT_DK)
                    tile_scores(dP, v_tile, &job.V, job.first, dout_tile, &job.dO, i, DV_PAD, &seen, cols);
                if (STATS_AHEAD)
                    column_stats(column_lse, column_delta, &of_lse, &of_delta, i, cols);
                if (is_full(&queries, i))
                    dkdv_scores(S, dP, column_lse, column_delta, &a, &e, true, &seen, cols);
                else
                    dkdv_scores(S, dP, column_lse, column_delta, &a, &e, false, &seen, cols);
                if (WANT_DV)
                    tile_output(dV, S, operand_tile, dout_tile, &job.dO, i, job.out_block * OUT_BLOCK,
                                WANT_DK ? STAGED_LAST : STAGED_NOT, DV_PAD, &seen, cols);
                if (WANT_DK)
                    tile_output(dK, dP, operand_tile, streamed_tile, &job.Q, i, job.out_block * OUT_BLOCK,
                                STAGED_BEFORE, D_PAD, &seen, cols);
            }
            since_flush += (int)min(end - run, (long)RUN_ROWS);
            if (KEEPS_TOTALS && since_flush >= RUN_ROWS) {
                if (WANT_DV)
                    flush_keys(dV, total_dV, factor, total, dv, &a.dv, a.Dv, &a, &job, &rows);
                if (WANT_DK)
                    flush_keys(dK, total_dK, factor, total, dk, &a.dk, a.D, &a, &job, &rows);
                since_flush = 0;
                total = true;
            }
        }
    }
    if (WANT_DV)
        finish_keys(dV, total_dV, factor, total, 1.0f, operand_tile, dv, &a.dv, a.Dv, &a, &job, &rows);
    if (WANT_DK)
        finish_keys(dK, total_dK, factor, total, gradient_scale(&a), operand_tile, dk, &a.dk, a.D, &a, &job, &rows);
}
