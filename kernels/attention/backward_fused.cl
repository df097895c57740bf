/* SPDX-License-Identifier: Apache-2.0 */
/* dQ, dK and dV in one visit: FlashAttention-2, Algorithm 2. One work-group has a whole key head,
 * so it adds to dQ in a fixed order without atomics. Five products, where backward_dkdv and
 * backward_dq need seven.
 *
 * Grid: one work-group for each (batch, key head). For TILE_ROWS keys at a time it visits the
 * queries that see them, of every query head of the group. K and V (TILE_ROWS, ..) are stationary,
 * K also as rows; Q and dO (TILE_COLS, ..) are streamed. dK and dV (TILE_ROWS, ..) accumulate in
 * tiles. dQ accumulates in `dq_sums`: dQ itself if it is float32, else contiguous (B,Hq,N,D)
 * float32, rounded at the end. */
#include "attention/gradient_keys.cl"
#include "attention/parameters.cl"

#if ENGINE != ENGINE_CPU || !STATIONARY_RESIDENT || OUT_BLOCK < MAX_PAD || !WANT_DK || !WANT_DV
#error "backward_fused needs engine cpu, resident stationary tiles, one output block and all gradients"
#endif

#if STORAGE == STORAGE_FLOAT32
#define SUMS(dq, dq_sums) (dq)
#else
#define SUMS(dq, dq_sums) (dq_sums)
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_fused(PARAMETERS(BACKWARD_FUSED_ARGS))
{
    ABSENT(BACKWARD_FUSED_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    __global float *const sums = SUMS(dq, dq_sums);
    const struct view *const sums_view = SUMS(&a.dq, &a.dq_sums);
    STREAMED_TILE(q_tile);
    STATIONARY_TILE(k_tile, D_PAD, q_tile);
    STATIONARY_TILE(v_tile, DV_PAD, q_tile);
    ROWS_TILE(k_rows, D_PAD);
    SECOND_TILE(dout_tile, q_tile);
    OPERAND_TILE(operand_tile, q_tile);
    SCORES(S);
    SCORES(dP);
    OUTPUT(dK);
    OUTPUT(dV);
    TOTALS(total_dK);
    TOTALS(total_dV);
    ROW_VALUES(factor);
    COL_VALUES(column_lse);
    COL_VALUES(column_delta);

    struct job job;
    struct layout sums_at, dq_at;
    key_job(&job, &a, OUT_BLOCK, TILE_ROWS, k, v, kv_lengths); /* TILE_ROWS: tiles of keys are looped over below */
    const int first_head = job.head, end_head = first_head + a.Hq / a.Hk;
    for (int head = first_head; head < end_head; head += a.pack) {
        query_layout(&sums_at, &a, sums_view, job.batch, head, query_count(&a, job.batch), a.D);
        clear_rows(sums, &sums_at);
    }

    for (long j = 0; j < a.M; j += TILE_ROWS) {
        job.first = j;
        struct span rows;
        struct range queries;
        rows_in_use(&rows, a.M - j);
        fetch_stationary(k_tile, &job.K, j, 0, D_PAD, &rows);
        fetch_stationary(v_tile, &job.V, j, 0, DV_PAD, &rows);
        FOR_ROWS (r, &rows)
            FOR_OUT (x) {
                dK[OUT(r, x)] = 0.0f;
                dV[OUT(r, x)] = 0.0f;
            }
        job_queries(&queries, &a, &job);
        int since_flush = 0; /* streamed rows since the last flush */
        bool total = false;
        for (int head = first_head; head < end_head; head += a.pack) {
            struct rows real_K = job.K; /* NaN in a padding key must not reach dQ */
            struct stats of_lse, of_delta;
            set_query_head(&job, &a, head, q, dout, lse GIVE_SINK(sink));
            lse_stats(&of_lse, lse, 0, &a, &job);
            delta_stats(&of_delta, delta, 0, &a, &job);
            query_layout(&sums_at, &a, sums_view, job.batch, head, query_count(&a, job.batch), a.D);
            blank_padding(&real_K, &a, given.mask, job.batch, head);
            fetch_rows(k_rows, &real_K, j, D_PAD, &rows);
            for (long run = queries.begin, end; run < queries.end; run = end) {
                end = end_of_run(run, queries.end);
                for (long i = run; i < end; i += TILE_COLS) {
                    const int cols = cols_in_use(queries.end - i);
                    column_stats(column_lse, column_delta, &of_lse, &of_delta, i, cols);
                    struct edge e;
                    struct span seen = rows;
                    find_job_edge(&e, &a, &job, i, j, &given);
                    narrow_rows(&seen, 0, keys_seen(&e));
                    tile_scores(S, k_tile, &job.K, j, q_tile, &job.Q, i, D_PAD, &seen, cols);
                    tile_scores(dP, v_tile, &job.V, j, dout_tile, &job.dO, i, DV_PAD, &seen, cols);
                    if (is_full(&queries, i))
                        dkdv_scores(S, dP, column_lse, column_delta, &a, &e, true, &seen, cols);
                    else
                        dkdv_scores(S, dP, column_lse, column_delta, &a, &e, false, &seen, cols);
                    tile_output(dV, S, operand_tile, dout_tile, &job.dO, i, 0, STAGED_LAST, DV_PAD, &seen, cols);
                    tile_output(dK, dP, operand_tile, q_tile, &job.Q, i, 0, STAGED_BEFORE, D_PAD, &seen, cols);
                    add_streamed(sums, &sums_at, i, dP, k_rows, D_PAD, gradient_scale(&a), &seen, cols);
                }
                since_flush += (int)min(end - run, (long)RUN_ROWS);
                if (KEEPS_TOTALS && since_flush >= RUN_ROWS) {
                    flush_keys(dV, total_dV, factor, total, dv, &a.dv, a.Dv, &a, &job, &rows);
                    flush_keys(dK, total_dK, factor, total, dk, &a.dk, a.D, &a, &job, &rows);
                    since_flush = 0;
                    total = true;
                }
            }
        }
        finish_keys(dV, total_dV, factor, total, 1.0f, operand_tile, dv, &a.dv, a.Dv, &a, &job, &rows);
        finish_keys(dK, total_dK, factor, total, gradient_scale(&a), operand_tile, dk, &a.dk, a.D, &a, &job, &rows);
    }
    if (STORAGE != STORAGE_FLOAT32)
        for (int head = first_head; head < end_head; head += a.pack) {
            query_layout(&sums_at, &a, sums_view, job.batch, head, query_count(&a, job.batch), a.D);
            query_layout(&dq_at, &a, &a.dq, job.batch, head, query_count(&a, job.batch), a.D);
            round_rows(dq, &dq_at, sums, &sums_at);
        }
}
