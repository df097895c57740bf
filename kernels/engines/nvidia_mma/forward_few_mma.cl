/* SPDX-License-Identifier: Apache-2.0 */
/* forward.cl for few query rows: the same grid, arguments and results, in the schedule of engine_few_mma.cl. Keys are
 * on their way while a warp takes exponentials, values while it computes scores; nobody waits for another before the
 * end. */
#include "attention/parameters.cl"
#include "attention/part.cl"
#include "attention/softmax.cl"
#include "engines/nvidia_mma/tile_few.cl"

#ifndef SPLIT
#error "SPLIT must be given with -D"
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void forward_few_mma(PARAMETERS(FORWARD_ARGS))
{
    ABSENT(FORWARD_ARGS)
    __global result *const to = RESULT(out, parts);
    EXCHANGE_TILE(exchange);
    __local float stats[2 * WARPS * OWN];
    __local float outputs[WARPS * OWN * SUM_ROW];
    QUERIES(queries);
    KEYS(keys);
    VALUES(values);
    SCORES(S);
    OUTPUT(O);
    ROW_VALUES(row_max);
    ROW_VALUES(m);
    ROW_VALUES(l);
    ROW_VALUES(weight);

    struct place at;
    find_place(&at, &a, DV_PAD, SPLIT ? a.parts : 1, a.N * a.pack, a.Hq, a.pack, a.causal);
    const int kv_head = at.head / (a.Hq / a.Hk);
    const long key_total = key_count(&a, kv_lengths, at.batch);
    struct rows Q, K, V;
    query_rows(&Q, q, &a, &a.q, at.batch, at.head, a.D);
    key_rows(&K, k, &a.k, at.batch, kv_head, a.D, key_total);
    key_rows(&V, v, &a.v, at.batch, kv_head, a.Dv, key_total);
    blank_padding(&K, &a, mask, at.batch, at.head);
    blank_padding(&V, &a, mask, at.batch, at.head);
    const struct span rows = {0, ROWS};

    struct range walk;
    visible_keys(&walk, &a, at.first, key_total);
    if (SPLIT)
        take_part(&walk, at.part, a.parts);
    load_queries(queries, &Q, at.first);
    FOR_ROWS (r, &rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }
    if (walk.begin < walk.end) {
        load_keys(keys, &K, walk.begin);
        load_values(values, &V, walk.begin);
    }
    for (long j = walk.begin; j < walk.end; j += WALK) {
        const bool more = j + WALK < walk.end;
        multiply_keys(S, queries, keys, exchange);
        if (more)
            load_keys(keys, &K, j + WALK);
        struct edge e;
        bool large;
        if (is_full(&walk, j)) {
            large = softmax_scores(S, row_max, &a, &e, true, &rows, COLUMNS);
        } else {
            find_edge(&e, &a, at.first, j, key_total, mask, at.batch, at.head);
            large = softmax_scores(S, row_max, &a, &e, false, &rows, COLUMNS);
        }
        reduce_max(row_max, exchange, &rows);
        softmax_update(S, O, m, l, row_max, large, &a, &rows, COLUMNS);
        multiply_values(O, S, values, exchange);
        if (more)
            load_values(values, &V, j + WALK);
    }

    struct layout out_at, lse_at;
    query_layout(&out_at, &a, &a.out, at.batch, at.head, a.Dv);
    query_layout(&lse_at, &a, &a.lse, at.batch, at.head, 1);
    if (SPLIT)
        part_layout(&out_at, &a, 0, a.part_depth, at.part, at.batch, at.head);
    reduce_sum(l, exchange, &rows);
    join_stats(m, l, weight, stats, &a);
    FOR_ROWS (r, &rows)
        weight[r] *= SPLIT ? 1.0f : row_factor(l[r]);
    store_sum(O, weight, outputs, to, &out_at, at.first);
    if (SPLIT) {
        part_layout(&lse_at, &a, maxima_of_parts(&a), 1, at.part, at.batch, at.head);
        store_few(m, parts, &lse_at, at.first);
        part_layout(&lse_at, &a, sums_of_parts(&a), 1, at.part, at.batch, at.head);
        store_few(l, parts, &lse_at, at.first);
    } else if (a.store_lse) {
        FOR_ROWS (r, &rows)
            m[r] = row_lse(&a, m[r], l[r]);
        store_few(m, lse, &lse_at, at.first);
    }
}
