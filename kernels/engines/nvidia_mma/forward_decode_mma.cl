/* SPDX-License-Identifier: Apache-2.0 */
/* forward.cl for few query rows: the same grid, arguments and results, by the schedule of
 * engine_decode.cl. Keys are loaded while a warp computes exponentials, values while it computes
 * scores. Warps wait for each other only at the end. */
#include "attention/finish.cl"
#include "attention/parameters.cl"
#include "attention/softmax.cl"
#include "engines/nvidia_mma/tile_decode.cl"

#ifndef SPLIT
#error "SPLIT must be given with -D"
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void forward_decode_mma(PARAMETERS(FORWARD_ARGS))
{
    ABSENT(FORWARD_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    __global result *const to = RESULT(out, partials);
    EXCHANGE_TILE(exchange);
    __local float stats[2 * WARPS * TILE_ROWS];
    __local float outputs[WARPS * TILE_ROWS * SUM_ROW];
    QUERIES(queries);
    KEYS(keys);
    VALUES(values);
    SCORES(S);
    OUTPUT(O);
    ROW_VALUES(row_max);
    ROW_VALUES(m);
    ROW_VALUES(l);
    ROW_VALUES(weight);
    ROW_VALUES(factor);

    struct job job;
    query_job(&job, &a, DV_PAD, q, 0, k, v, &given, kv_lengths);
    const struct span rows = {0, ROWS};

    struct range visited;
    job_keys(&visited, &a, &job);
    load_queries(queries, &job.Q, job.first);
    FOR_ROWS (r, &rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }
    if (visited.begin < visited.end) {
        load_keys(keys, &job.K, visited.begin);
        load_values(values, &job.V, visited.begin);
    }
    for (long j = visited.begin; j < visited.end; j += TILE_COLS) {
        const bool more = j + TILE_COLS < visited.end;
        multiply_keys(S, queries, keys, exchange);
        if (more)
            load_keys(keys, &job.K, j + TILE_COLS);
        struct edge e;
        bool large;
        if (is_full(&visited, j)) {
            find_full_edge(&e, &a, &job, job.first, j, &given);
            large = softmax_scores(S, row_max, &a, &e, true, &rows, COLUMNS);
        } else {
            find_job_edge(&e, &a, &job, job.first, j, &given);
            large = softmax_scores(S, row_max, &a, &e, false, &rows, COLUMNS);
        }
        reduce_max(row_max, exchange, &rows);
        softmax_update(S, O, m, l, row_max, large, &a, &rows, COLUMNS);
        multiply_values(O, S, values, exchange);
        if (more)
            load_values(values, &job.V, j + TILE_COLS);
    }

    struct layout out_at;
    output_layout(&out_at, &a, &job);
    reduce_sum(l, exchange, &rows);
    join_stats(m, l, weight, stats, &a);
#if HAS_IF_WHOLE_MAX_LOGIT
    largest_logits(factor, m, &a, &rows);
    store_max_logits(factor, &a, &job, max_logit, &rows);
#endif
    output_factors(factor, m, l, &a, &rows SINK_ARGUMENTS(&given, &job));
    FOR_ROWS (r, &rows)
        weight[r] *= factor[r];
    store_sum(O, weight, outputs, to, &out_at, job.first);
    finish_rows(m, l, &a, &rows SINK_ARGUMENTS(&given, &job));
    store_row_stats(m, l, &a, &job, lse, partials, &rows);
}
