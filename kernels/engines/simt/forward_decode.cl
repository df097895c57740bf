/* SPDX-License-Identifier: Apache-2.0 */
/* forward.cl for few query rows: the same grid, arguments and results, by the schedule of
 * engine_decode.cl. A depth step of keys and a strip of values are always loaded ahead, at the end
 * of a tile those of the next one. */
#include "attention/finish.cl"
#include "attention/parameters.cl"
#include "attention/softmax.cl"
#include "engines/simt/tile_decode.cl"

#ifndef SPLIT
#error "SPLIT must be given with -D"
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void forward_decode(PARAMETERS(FORWARD_ARGS))
{
    ABSENT(FORWARD_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    __global result *const to = RESULT(out, partials);
    STATIONARY_TILE(q_tile);
    POOL(pool);
    ITEMS_TILE(items_tile);
    OPERAND_TILE(p_tile);
    SCORES(S);
    OUTPUT(O);
    ROW_VALUES(row_max);
    ROW_VALUES(m);
    ROW_VALUES(l);
    ROW_VALUES(weight);
    ROW_VALUES(factor);

    struct job job;
    query_job(&job, &a, DV_PAD, q, 0, k, v, &given, kv_lengths);
    const int d_out = job.out_block * OUT_BLOCK;
    const bool vectors = has_vec16(job.K.data, &job.K.at);
    const struct span rows = {0, ROWS};

    fetch_queries(q_tile, &job.Q, job.first);
    FOR_ROWS (r, &rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }

    struct range keys;
    job_keys(&keys, &a, &job);
    uint4 next_keys[PREFETCHED];
    stored4 next_values[STRIP * OUT_COLS];
    if (keys.begin < keys.end) {
        prefetch_keys(next_keys, &job.K, vectors, keys.begin, 0);
        if (carries_values(&job.V, keys.begin, d_out))
            prefetch_values(next_values, &job.V, keys.begin, d_out);
    }
    for (long j = keys.begin; j < keys.end; j += TILE_COLS) {
        const bool more = j + TILE_COLS < keys.end;
        const int cols = cols_of_item();
        FOR_UNROLLED (s, ROWS * COLS)
            S[s] = 0.0f;
        FOR_ROLLED(d, 0, D_PAD, DEPTH_STEP)
        {
            if (d > 0) /* at d = 0, barriers have passed since the previous tile's keys were read */
                barrier(CLK_LOCAL_MEM_FENCE);
            store_prefetched_keys(pool, next_keys, &job.K, vectors, j, d);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (d + DEPTH_STEP < D_PAD)
                prefetch_keys(next_keys, &job.K, vectors, j, d + DEPTH_STEP);
            else if (more)
                prefetch_keys(next_keys, &job.K, vectors, j + TILE_COLS, 0);
            multiply_keys(S, q_tile + d / 4, pool, cols);
        }
        struct edge e;
        find_job_edge(&e, &a, &job, job.first, j, &given);
        bool large;
        if (is_full(&keys, j))
            large = softmax_scores(S, row_max, &a, &e, true, &rows, cols);
        else
            large = softmax_scores(S, row_max, &a, &e, false, &rows, cols);
        reduce_max(row_max, items_tile);
        softmax_update(S, O, m, l, row_max, large, &a, &rows, cols);
        put_operand(p_tile, S, cols);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply_values(O, p_tile, next_values, &job.V, j, d_out, more);
    }

    struct layout out_at;
    output_layout(&out_at, &a, &job);
    barrier(CLK_LOCAL_MEM_FENCE);
    join_groups(m, l, weight, items_tile, p_tile, &a);
#if HAS_IF_WHOLE_MAX_LOGIT
    largest_logits(factor, m, &a, &rows);
    store_max_logits(factor, &a, &job, max_logit, &rows);
#endif
    output_factors(factor, m, l, &a, &rows SINK_ARGUMENTS(&given, &job));
    FOR_ROWS (r, &rows)
        store_row(O + OUT(r, 0), weight[r] * factor[r], (__local float *)pool, to, &out_at, job.first + r, d_out);
    finish_rows(m, l, &a, &rows SINK_ARGUMENTS(&given, &job));
    store_row_stats(m, l, &a, &job, lse, partials, &rows);
}
