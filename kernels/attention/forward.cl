/* SPDX-License-Identifier: Apache-2.0 */
/* O = softmax(S) V and L = log sum exp S, row-tiled: FlashAttention-2, Algorithm 1.
 *
 * Grid: one work-group for OWN query rows of one (batch, head block) and one SLICE of Dv; it walks the keys that they
 * see. Q (OWN, D) stays, or passes in chunks; K (WALK, D) and V (WALK, SLICE) pass through one tile; O (OWN, SLICE)
 * accumulates.
 *
 * With SPLIT it walks one part of those keys only, and leaves O as far as it got, m and l to forward_combine. */
#include "attention/long_sums.cl"
#include "attention/parameters.cl"
#include "attention/part.cl"
#include "attention/softmax.cl"
#include "attention/tile.cl"

#ifndef SPLIT
#error "SPLIT must be given with -D"
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void forward(PARAMETERS(FORWARD_ARGS))
{
    ABSENT(FORWARD_ARGS)
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
    struct span rows;
    rows_in_use(&rows, Q.at.count - at.first);

    if (OWNER_RESIDENT)
        fetch_owner(q_tile, &Q, at.first, 0, D_PAD, &rows);
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
    struct layout out_at, lse_at;
    query_layout(&out_at, &a, &a.out, at.batch, at.head, a.Dv);
    query_layout(&lse_at, &a, &a.lse, at.batch, at.head, 1);
    if (SPLIT)
        part_layout(&out_at, &a, 0, a.part_depth, at.part, at.batch, at.head);
    fetch_first(walked_tile, &K, D_PAD, v_tile, &V, DV_PAD, &keys);
    bool settled = false;
    for (long run = keys.begin, end; run < keys.end; run = end) {
        end = end_of_run(run, keys.end);
        for (long j = run; j < end; j += WALK) {
            struct edge e;
            find_edge(&e, &a, at.first, j, key_total, mask, at.batch, at.head);
            const int cols = cols_in_use(keys.end - j);
            struct span seeing = rows;
            narrow_rows(&seeing, first_seeing(&e), OWN);
            fetch_tiles(walked_tile, &K, D_PAD, v_tile, &V, DV_PAD, j, &keys);
            tile_scores(S, q_tile, &Q, at.first, walked_tile, &K, j, D_PAD, &seeing, cols);
            bool large;
            if (is_full(&keys, j))
                large = softmax_scores(S, row_max, &a, &e, true, &seeing, cols);
            else
                large = softmax_scores(S, row_max, &a, &e, false, &seeing, cols);
            reduce_max(row_max, reduce_tile, &seeing);
            softmax_update(S, O, m, l, row_max, large, &a, &seeing, cols);
            tile_output(O, S, p_tile, v_tile, &V, j, at.slice * SLICE, STAGED_NOT, DV_PAD, &seeing, cols);
        }
        if (SETTLES && end < keys.end) {
            settled_weights(factor, settled_m, m, &a, settled, &rows);
            settle_output(O, settled_O, factor, to, &out_at, at.first, at.slice * SLICE, &rows);
            settle_rows(l, settled_l, factor, &rows);
            keep_rows(settled_m, m, &rows);
            settled = true;
        }
    }
    if (SETTLES && settled) {
        settled_weights(factor, settled_m, m, &a, true, &rows);
        join_output(O, settled_O, factor, to, &out_at, at.first, at.slice * SLICE, &rows);
        join_rows(l, settled_l, factor, &rows);
    }
    reduce_sum(l, reduce_tile, &rows);
    FOR_ROWS (r, &rows)
        factor[r] = SPLIT ? (lane_f)(1.0f) : row_factor(l[r]);
    store_output(O, factor, reduce_tile, to, &out_at, at.first, at.slice * SLICE, &rows);
    if (SPLIT && at.slice == 0) {
        part_layout(&lse_at, &a, maxima_of_parts(&a), 1, at.part, at.batch, at.head);
        store_stat(m, parts, &lse_at, at.first, &rows);
        part_layout(&lse_at, &a, sums_of_parts(&a), 1, at.part, at.batch, at.head);
        store_stat(l, parts, &lse_at, at.first, &rows);
    } else if (!SPLIT && a.store_lse && at.slice == 0) {
        FOR_ROWS (r, &rows)
            m[r] = row_lse(&a, m[r], l[r]);
        store_stat(m, lse, &lse_at, at.first, &rows);
    }
}
