/* SPDX-License-Identifier: Apache-2.0 */
/* dbias = dS, summed over the dimensions along which the bias is broadcast, in the fixed order
 * batch, head, query, key.
 *
 * Grid: one work-group for each (batch, head) of the bias and tile of its rows and columns. BIAS_ROWS
 * and BIAS_COLS: the bias has a row per query, a column per key; else the work-group visits all
 * queries, all keys. Q (TILE_ROWS, D) and dO (TILE_ROWS, Dv) are stationary: resident, or loaded in
 * depth steps. V and K (TILE_COLS, ..) are streamed. dS of all tiles that it visits accumulates in
 * registers, with the rounding errors of these sums beside it. */
#include "attention/gradient.cl"
#include "attention/parameters.cl"

#if !defined(BIAS_ROWS) || !defined(BIAS_COLS)
#error "BIAS_ROWS and BIAS_COLS must be given with -D"
#endif

/* The sum that element (r, c) of a score tile belongs to. Without rows and columns, rows are summed
 * separately up to the end. */
#if BIAS_ROWS && BIAS_COLS
#define SUMS(name) SCORES(name)
#define SUM_OF(r, c) SCORE(r, c)
#elif BIAS_COLS
#define SUMS(name) COL_VALUES(name)
#define SUM_OF(r, c) (c)
#define FOR_SUMS(n, rows) FOR_COLS (n, COLS)
#else
#define SUMS(name) ROW_VALUES(name)
#define SUM_OF(r, c) (r)
#define FOR_SUMS(n, rows) FOR_ROWS (n, rows)
#endif

/* What a work-group computes: elements of dbias, and the scores that they are summed from. */
struct bias_job {
    int batch, end_batch, head, end_head;
    long row, end_row; /* queries */
    long col, end_col; /* keys */
};

/* Decodes a work-group's number. From fastest to slowest it counts tiles of columns, tiles of rows,
 * heads and batches of the bias. */
INLINE void find_bias_job(struct bias_job *job, const struct call *a)
{
    const long cols = BIAS_COLS ? (a->M + TILE_COLS - 1) / TILE_COLS : 1,
               rows = BIAS_ROWS ? (a->N + TILE_ROWS - 1) / TILE_ROWS : 1;
    long group = group_number(a);
    job->col = group % cols * TILE_COLS;
    job->end_col = BIAS_COLS ? min(job->col + TILE_COLS, a->M) : a->M;
    group /= cols;
    job->row = group % rows * TILE_ROWS;
    job->end_row = BIAS_ROWS ? min(job->row + TILE_ROWS, a->N) : a->N;
    group /= rows;
    const int heads = a->bias.head ? a->Hq : 1;
    job->head = (int)(group % heads);
    job->end_head = a->bias.head ? job->head + 1 : a->Hq;
    group /= heads;
    job->batch = (int)group;
    job->end_batch = a->bias.batch ? job->batch + 1 : a->B;
}

/* Keys of the job that the query rows first .. first + TILE_ROWS - 1 see. */
INLINE void bias_keys(struct range *keys, const struct call *a, const struct bias_job *bias, const struct job *job)
{
    visible_keys(keys, a, query_count(a, job->batch), job->M, job->first, TILE_ROWS);
    keys->end = min(keys->end, bias->end_col);
    if (BIAS_COLS) {
        const bool seen = keys->begin < keys->end && keys->end > bias->col;
        keys->begin = bias->col;
        keys->end = seen ? keys->end : bias->col;
    }
}

/* Adds the tile's dS to the sums. lost: their rounding errors. */
INLINE void add_gradients(ACC lane_f *sum, ACC lane_f *lost, const ACC lane_f *dS, const struct span *rows, int cols)
{
    FOR_ROWS (r, rows)
        FOR_COLS (c, cols) {
            const lane_f more = dS[SCORE(r, c)], before = sum[SUM_OF(r, c)], after = before + more;
            lost[SUM_OF(r, c)] += LOST_IN_SUM(before, more, after);
            sum[SUM_OF(r, c)] = after;
        }
}

/* Replaces the tile's products S by dS, without a softcap's slope; dP is their gradient's product. */
INLINE void bias_gradients(ACC lane_f *S, const ACC lane_f *dP, const ACC lane_f *lse, const ACC lane_f *delta,
                           const struct call *a, const struct edge *e, const struct span *rows, int cols)
{
    BY_BEND (bent, S, a, rows, cols)
        FOR_ROWS (r, rows)
            FOR_COLS (c, cols) {
                const lane_f x = capped(a, S[SCORE(r, c)], bent),
                             s = gradient_score(a, e, false, x, tile_row(r), (lane_i)(tile_col(c)));
                S[SCORE(r, c)] = score_gradient(false, probability(a, s, lse[r]), dP[SCORE(r, c)], delta[r]);
            }
}

INLINE float lane_of(lane_f value, int lane)
{
    return ((const float *)&value)[lane];
}

INLINE int int_lane_of(lane_i value, int lane)
{
    return ((const int *)&value)[lane];
}

/* Stores an element of dbias. */
INLINE void store_bias(__global uchar *dbias, const struct call *a, const struct bias_job *bias, long row, long col,
                       float value)
{
    const long at =
        a->dbias.offset + bias->batch * a->dbias.batch + bias->head * a->dbias.head + row * a->dbias.row + col;
#if defined(BIAS_FLOAT32)
    ((__global float *)dbias)[at] = value;
#else
    STORE((__global stored *)dbias, at, value);
#endif
}

#if BIAS_ROWS && BIAS_COLS
INLINE void store_sums(__global uchar *dbias, const ACC lane_f *sum, const struct call *a, const struct bias_job *bias,
                       const struct span *rows)
{
    FOR_ROWS (r, rows)
        FOR_COLS (c, COLS)
            for (int lane = 0; lane < LANES; ++lane) {
                const long row = bias->row + int_lane_of(tile_row(r), lane), col = bias->col + tile_col(c);
                if (row < bias->end_row && col < bias->end_col)
                    store_bias(dbias, a, bias, row, col, lane_of(sum[SCORE(r, c)], lane));
            }
}
#else
#define SHARED_SUMS (BIAS_ROWS ? TILE_ROWS : BIAS_COLS ? TILE_COLS : 1)

/* Adds the work-items' shares, one work-item after the other, and stores the sums. */
INLINE void store_sums(__global uchar *dbias, const ACC lane_f *sum, const struct call *a, const struct bias_job *bias,
                       __local float *shared, const struct span *rows)
{
    const int item = (int)get_local_id(0);
    for (int n = item; n < SHARED_SUMS; n += WG_SIZE)
        shared[n] = 0.0f;
    for (int turn = 0; turn < WG_SIZE; ++turn) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (turn == item)
            FOR_SUMS (n, rows)
                for (int lane = 0; lane < LANES; ++lane) {
                    const int at = BIAS_ROWS ? int_lane_of(tile_row(n), lane) : BIAS_COLS ? tile_col(n) : 0;
                    shared[at] += lane_of(sum[n], lane);
                }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int n = item; n < SHARED_SUMS; n += WG_SIZE) {
        const long row = BIAS_ROWS ? bias->row + n : 0, col = BIAS_COLS ? bias->col + n : 0;
        if (row < bias->end_row && col < bias->end_col)
            store_bias(dbias, a, bias, row, col, shared[n]);
    }
}
#endif

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void backward_dbias(PARAMETERS(BACKWARD_DBIAS_ARGS))
{
    ABSENT(BACKWARD_DBIAS_ARGS)
    const struct score_inputs given = GIVEN_INPUTS;
    STREAMED_TILE(streamed_tile);
    AHEAD_TILE(v_tile, streamed_tile);
    STATIONARY_TILE(q_tile, D_PAD, streamed_tile);
    STATIONARY_TILE(dout_tile, DV_PAD, streamed_tile);
    SCORES(S);
    SCORES(dP);
    SUMS(sum);
    SUMS(lost);
    ROW_VALUES(row_lse);
    ROW_VALUES(row_delta);
#if !BIAS_ROWS || !BIAS_COLS
    __local float shared[SHARED_SUMS];
#endif

    struct bias_job sums;
    find_bias_job(&sums, &a);
    const struct span all = {0, ROWS};
    FOR_ROWS (r, &all)
        FOR_COLS (c, COLS)
            sum[SUM_OF(r, c)] = lost[SUM_OF(r, c)] = 0.0f;
    for (int batch = sums.batch; batch < sums.end_batch; ++batch)
        for (int head = sums.head; head < sums.end_head; ++head) {
            struct job job;
            struct layout lse_at, delta_at;
            head_job(&job, &a, batch, head, q, dout, k, v, &given, kv_lengths);
            query_layout(&lse_at, &a, &a.lse, batch, head, query_count(&a, batch), 1);
            delta_layout(&delta_at, &a, &job);
            for (job.first = sums.row; job.first < sums.end_row; job.first += TILE_ROWS) {
                struct span rows;
                struct range keys;
                rows_in_use(&rows, job.Q.at.count - job.first);
                bias_keys(&keys, &a, &sums, &job);
                barrier(CLK_LOCAL_MEM_FENCE); /* the tile before may still be read */
                if (STATIONARY_RESIDENT) {
                    fetch_stationary(q_tile, &job.Q, job.first, 0, D_PAD, &rows);
                    fetch_stationary(dout_tile, &job.dO, job.first, 0, DV_PAD, &rows);
                }
                FOR_ROWS (r, &rows) {
                    row_lse[r] = lse_for_gradient(SEEING_LSE(row_stat(lse, &lse_at, job.first, r, -INFINITY), r));
                    row_delta[r] = row_stat(delta, &delta_at, job.first, r, 0.0f);
                }
                fetch_first(streamed_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, &keys);
                for (long j = keys.begin; j < keys.end; j += TILE_COLS) {
                    struct edge e;
                    find_job_edge(&e, &a, &job, job.first, j, &given);
                    const int cols = cols_in_use(keys.end - j);
                    struct span seeing = rows;
                    narrow_rows(&seeing, first_seeing(&e), TILE_ROWS);
                    fetch_tiles(streamed_tile, &job.K, D_PAD, v_tile, &job.V, DV_PAD, j, &keys);
                    tile_scores(dP, dout_tile, &job.dO, job.first, v_tile, &job.V, j, DV_PAD, &seeing, cols);
                    tile_scores(S, q_tile, &job.Q, job.first, streamed_tile, &job.K, j, D_PAD, &seeing, cols);
                    bias_gradients(S, dP, row_lse, row_delta, &a, &e, &seeing, cols);
                    add_gradients(sum, lost, S, &seeing, cols);
                }
            }
        }
    FOR_ROWS (r, &all)
        FOR_COLS (c, COLS) {
            sum[SUM_OF(r, c)] += lost[SUM_OF(r, c)];
            lost[SUM_OF(r, c)] = 0.0f;
        }
#if BIAS_ROWS && BIAS_COLS
    store_sums(dbias, sum, &a, &sums, &all);
#else
    store_sums(dbias, sum, &a, &sums, shared, &all);
#endif
}
