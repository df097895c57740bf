/* SPDX-License-Identifier: Apache-2.0 */
/* forward.cl for few query rows: the same grid, arguments and results, in the schedule of engine_few.cl. All that a
 * work-group waits for is on its way a chunk of keys and a strip of values ahead, into the next tile. */
#include "attention/parameters.cl"
#include "attention/part.cl"
#include "attention/softmax.cl"
#include "engines/simt/tile_few.cl"

#ifndef SPLIT
#error "SPLIT must be given with -D"
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void forward_few(PARAMETERS(FORWARD_ARGS))
{
    ABSENT(FORWARD_ARGS)
    __global result *const to = RESULT(out, parts);
    OWNER_TILE(q_tile);
    POOL(pool);
    ITEMS_TILE(items_tile);
    OPERAND_TILE(p_tile);
    SCORES(S);
    OUTPUT(O);
    ROW_VALUES(row_max);
    ROW_VALUES(m);
    ROW_VALUES(l);
    ROW_VALUES(weight);

    struct place at;
    find_place(&at, &a, DV_PAD, SPLIT ? a.parts : 1, a.N * a.pack, a.Hq, a.pack, a.causal);
    const int kv_head = at.head / (a.Hq / a.Hk), d_out = at.slice * SLICE;
    const long key_total = key_count(&a, kv_lengths, at.batch);
    struct rows Q, K, V;
    query_rows(&Q, q, &a, &a.q, at.batch, at.head, a.D);
    key_rows(&K, k, &a.k, at.batch, kv_head, a.D, key_total);
    key_rows(&V, v, &a.v, at.batch, kv_head, a.Dv, key_total);
    blank_padding(&K, &a, mask, at.batch, at.head);
    blank_padding(&V, &a, mask, at.batch, at.head);
    const bool pieces = has_pieces(K.data, &K.at);
    const struct span rows = {0, ROWS};

    fetch_queries(q_tile, &Q, at.first);
    FOR_ROWS (r, &rows) {
        m[r] = -INFINITY;
        l[r] = 0.0f;
        FOR_OUT (x)
            O[OUT(r, x)] = 0.0f;
    }

    struct range keys;
    visible_keys(&keys, &a, at.first, key_total);
    if (SPLIT)
        take_part(&keys, at.part, a.parts);
    uint4 next_keys[CARRIED];
    stored4 next_values[STRIP * OUT_COLS];
    if (keys.begin < keys.end) {
        pick_up_keys(next_keys, &K, pieces, keys.begin, 0);
        if (carries_values(&V, keys.begin, d_out))
            pick_up_values(next_values, &V, keys.begin, d_out);
    }
    for (long j = keys.begin; j < keys.end; j += WALK) {
        const bool more = j + WALK < keys.end;
        const int cols = cols_of_item();
        FOR_UNROLLED (s, ROWS * COLS)
            S[s] = 0.0f;
        FOR_ROLLED(d, 0, D_PAD, CHUNK)
        {
            if (d > 0) /* else the last tile's barriers came after its keys were read */
                barrier(CLK_LOCAL_MEM_FENCE);
            put_down_keys(pool, next_keys, &K, pieces, j, d);
            barrier(CLK_LOCAL_MEM_FENCE);
            if (d + CHUNK < D_PAD)
                pick_up_keys(next_keys, &K, pieces, j, d + CHUNK);
            else if (more)
                pick_up_keys(next_keys, &K, pieces, j + WALK, 0);
            multiply_keys(S, q_tile + d / 4, pool, cols);
        }
        struct edge e;
        find_edge(&e, &a, at.first, j, key_total, mask, at.batch, at.head);
        bool large;
        if (is_full(&keys, j))
            large = softmax_scores(S, row_max, &a, &e, true, &rows, cols);
        else
            large = softmax_scores(S, row_max, &a, &e, false, &rows, cols);
        reduce_max(row_max, items_tile);
        softmax_update(S, O, m, l, row_max, large, &a, &rows, cols);
        put_operand(p_tile, S, cols);
        barrier(CLK_LOCAL_MEM_FENCE);
        multiply_values(O, p_tile, next_values, &V, j, d_out, more);
    }

    struct layout out_at, lse_at;
    query_layout(&out_at, &a, &a.out, at.batch, at.head, a.Dv);
    query_layout(&lse_at, &a, &a.lse, at.batch, at.head, 1);
    if (SPLIT)
        part_layout(&out_at, &a, 0, a.part_depth, at.part, at.batch, at.head);
    barrier(CLK_LOCAL_MEM_FENCE);
    join_groups(m, l, weight, items_tile, p_tile, &a);
    FOR_ROWS (r, &rows) {
        const float inverse = SPLIT ? 1.0f : row_factor(l[r]);
        store_row(O + OUT(r, 0), weight[r] * inverse, (__local float *)pool, to, &out_at, at.first + r, d_out);
    }
    if (SPLIT && at.slice == 0) {
        part_layout(&lse_at, &a, maxima_of_parts(&a), 1, at.part, at.batch, at.head);
        store_stat(m, parts, &lse_at, at.first);
        part_layout(&lse_at, &a, sums_of_parts(&a), 1, at.part, at.batch, at.head);
        store_stat(l, parts, &lse_at, at.first);
    } else if (!SPLIT && a.store_lse && at.slice == 0) {
        FOR_ROWS (r, &rows)
            m[r] = row_lse(&a, m[r], l[r]);
        store_stat(m, lse, &lse_at, at.first);
    }
}
