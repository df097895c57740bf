/* SPDX-License-Identifier: Apache-2.0 */
/* O = softmax(S) V and L = log sum exp S, row-tiled: FlashAttention-2, Algorithm 1.
 *
 * Grid: one work-group for TILE_ROWS query rows of one (batch, head block) and one OUT_BLOCK of Dv.
 * It visits the keys that these rows see. Q (TILE_ROWS, D) is stationary: resident, or loaded in
 * depth steps. K (TILE_COLS, D) and V (TILE_COLS, OUT_BLOCK) are streamed. O (TILE_ROWS, OUT_BLOCK)
 * accumulates.
 *
 * With SPLIT it visits one split of those keys, and stores unnormalised O, m and l for
 * forward_combine. */
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
    __global result *const to = RESULT(out, partials);
    STREAMED_TILE(streamed_tile);
    AHEAD_TILE(v_tile, streamed_tile);
    STATIONARY_TILE(q_tile, D_PAD, streamed_tile);
    OPERAND_TILE(p_tile, streamed_tile);
    REDUCE_TILE(reduce_tile);
    SCORES(S);
    OUTPUT(O);
    TOTALS(total_O);
    TOTAL_ROWS(total_l);
    TOTAL_ROWS(total_m);
    ROW_VALUES(row_max);
    ROW_VALUES(m);
    ROW_VALUES(l);
    ROW_VALUES(factor);

    struct job job;
    query_job(&job, &a, DV_PAD, q, 0, k, v, &given, kv_lengths);
    struct span rows;
    rows_in_use(&rows, job.Q.at.count - job.first);

    if (STATIONARY_RESIDENT)
        fetch_stationary(q_tile, &job.Q, job.first, 0, D_PAD, &rows);
    FOR_ROWS (r, &rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }

    struct range keys;
    struct layout out_at; /* set late, as it takes registers */
    job_keys(&keys, &a, &job);
    fetch_first(streamed_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, &keys);
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
            tile_scores(S, q_tile, &job.Q, job.first, streamed_tile, &job.K, j, D_PAD, &seeing, cols);
            bool large;
            if (is_full(&keys, j))
                large = softmax_scores(S, row_max, &a, &e, true, &seeing, cols);
            else
                large = softmax_scores(S, row_max, &a, &e, false, &seeing, cols);
            reduce_max(row_max, reduce_tile, &seeing);
            softmax_update(S, O, m, l, row_max, large, &a, &seeing, cols);
            tile_output(O, S, p_tile, v_tile, &job.V, j, job.out_block * OUT_BLOCK, STAGED_NOT, DV_PAD, &seeing, cols);
        }
        if (KEEPS_TOTALS && end < keys.end) {
            total_weights(factor, total_m, m, &a, total, &rows);
            output_layout(&out_at, &a, &job);
            flush_output(O, total_O, factor, to, &out_at, job.first, job.out_block * OUT_BLOCK, &rows);
            flush_rows(l, total_l, factor, &rows);
            keep_rows(total_m, m, &rows);
            total = true;
        }
    }
    output_layout(&out_at, &a, &job);
    if (KEEPS_TOTALS && total) {
        total_weights(factor, total_m, m, &a, true, &rows);
        finish_totals(O, total_O, factor, to, &out_at, job.first, job.out_block * OUT_BLOCK, &rows);
        finish_row_totals(l, total_l, factor, &rows);
    }
    reduce_sum(l, reduce_tile, &rows);
#if HAS_IF_WHOLE_MAX_LOGIT
    largest_logits(factor, m, &a, &rows);
    store_max_logits(factor, &a, &job, max_logit, &rows);
#endif
    output_factors(factor, m, l, &a, &rows SINK_ARGUMENTS(&given, &job));
    store_output(O, factor, reduce_tile, to, &out_at, job.first, job.out_block * OUT_BLOCK, &rows);
    finish_rows(m, l, &a, &rows SINK_ARGUMENTS(&given, &job));
    store_row_stats(m, l, &a, &job, lse, partials, &rows);
}
