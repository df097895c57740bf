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

/* S and dP of the tile become dS, in S. */
INLINE void dq_scores(ACC lane_f *S, const ACC lane_f *dP, const ACC lane_f *lse, const ACC lane_f *delta,
                      const struct call *a, const struct edge *e, bool full, const struct span *rows, int cols)
{
    FOR_ROWS (r, rows)
        FOR_COLS (c, cols) {
            const lane_f s = gradient_score(a, e, full, S[SCORE(r, c)], tile_row(r), tile_col(c));
            S[SCORE(r, c)] = score_gradient(full, probability(a, s, lse[r]), dP[SCORE(r, c)], delta[r]);
        }
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_dq(PARAMETERS(BACKWARD_DQ_ARGS))
{
    ABSENT(BACKWARD_DQ_ARGS)
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

    struct place at;
    find_place(&at, &a, D_PAD, 1, a.N * a.pack, a.Hq, a.pack, a.causal);
    const int kv_head = at.head / (a.Hq / a.Hk);
    const long key_total = key_count(&a, kv_lengths, at.batch);
    struct rows Q, dO, K, V;
    query_rows(&Q, q, &a, &a.q, at.batch, at.head, a.D);
    query_rows(&dO, dout, &a, &a.dout, at.batch, at.head, a.Dv);
    key_rows(&K, k, &a.k, at.batch, kv_head, a.D, key_total);
    key_rows(&V, v, &a.v, at.batch, kv_head, a.Dv, key_total);
    blank_padding(&K, &a, mask, at.batch, at.head);
    blank_padding(&V, &a, mask, at.batch, at.head);
    struct layout lse_at, dq_at;
    query_layout(&lse_at, &a, &a.lse, at.batch, at.head, 1);
    query_layout(&dq_at, &a, &a.dq, at.batch, at.head, a.D);
    struct span rows;
    rows_in_use(&rows, Q.at.count - at.first);

    if (OWNER_RESIDENT) {
        fetch_owner(q_tile, &Q, at.first, 0, D_PAD, &rows);
        fetch_owner(dout_tile, &dO, at.first, 0, DV_PAD, &rows);
    }
    FOR_ROWS (r, &rows) {
        row_lse[r] = lse_for_gradient(row_stat(lse, &lse_at, at.first, r, -INFINITY));
        FOR_OUT (x)
            dQ[OUT(r, x)] = 0.0f;
    }

    struct range keys;
    visible_keys(&keys, &a, at.first, key_total);
    fetch_first(walked_tile, &K, D_PAD, v_tile, &V, DV_PAD, &keys);
    struct delta_rows of_delta;
    find_delta_rows(&of_delta, delta, out, dout, &a, at.batch, at.head);
    row_deltas(row_delta, &of_delta, at.first, at.slice == 0, ds_tile, &rows);
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
            tile_scores(dP, dout_tile, &dO, at.first, v_tile, &V, j, DV_PAD, &seeing, cols);
            tile_scores(S, q_tile, &Q, at.first, walked_tile, &K, j, D_PAD, &seeing, cols);
            if (is_full(&keys, j))
                dq_scores(S, dP, row_lse, row_delta, &a, &e, true, &seeing, cols);
            else
                dq_scores(S, dP, row_lse, row_delta, &a, &e, false, &seeing, cols);
            tile_output(dQ, S, ds_tile, walked_tile, &K, j, at.slice * SLICE, STAGED_LAST, D_PAD, &seeing, cols);
        }
        if (SETTLES && end < keys.end) {
            settled_factors(factor, settled, &rows);
            settle_output(dQ, settled_dQ, factor, dq, &dq_at, at.first, at.slice * SLICE, &rows);
            settled = true;
        }
    }
    if (SETTLES && settled) {
        settled_factors(factor, true, &rows);
        join_output(dQ, settled_dQ, factor, dq, &dq_at, at.first, at.slice * SLICE, &rows);
    }
    FOR_ROWS (r, &rows)
        factor[r] = gradient_factor(&a, row_lse[r]);
    store_output(dQ, factor, ds_tile, dq, &dq_at, at.first, at.slice * SLICE, &rows);
}
