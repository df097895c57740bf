/* SPDX-License-Identifier: Apache-2.0 */
/* Loads and products of the schedule in engine_decode.cl. */
#ifndef TILE_DECODE_MMA_CL
#define TILE_DECODE_MMA_CL

#include "attention/engine.cl"
#include "attention/job.cl"
#include "attention/merge.cl"
#include "attention/vec16.cl"

#define KEY_VECTORS (D_PAD / 32) /* vec16 of a lane, in a row of Q or K */
#define VALUE_VECTORS (DV_PAD / 64)
#define QUERIES(name) uint4 name[2 * KEY_VECTORS]
#define KEYS(name) uint4 name[COLUMNS / 8 * KEY_VECTORS]
#define VALUES(name) uint4 name[COLUMNS / 4 * VALUE_VECTORS]

/* Loads vectors first, first + step, .. of a row that begins at `row`; those past its end are 0. */
INLINE void load_vec16s(uint4 *to, const __global stored *row, int depth, int first, const int step, const int count)
{
    FOR_UNROLLED (i, count) {
        const int d = (first + step * i) * VEC16;
        to[i] = 0;
        if (d < depth)
            to[i] = *(const __global uint4 *)(row + d);
    }
}

INLINE void load_queries(uint4 *queries, const struct rows *Q, long first)
{
    FOR_UNROLLED (r, 2)
        FOR_UNROLLED (i, KEY_VECTORS) {
            const long row = first + tile_row(r);
            uint4 vector = 0;
            if (tile_row(r) < TILE_ROWS && row_exists(Q, row))
                vector = load_vec16(Q->data + row_offset(&Q->at, row), (LANE % 4 + 4 * i) * VEC16, Q->at.depth);
            queries[r * KEY_VECTORS + i] = vector;
        }
}

/* The same for row `row` of K or V, or for the last row if that does not exist. */
INLINE void load_streamed(uint4 *to, const struct rows *t, long row, int first, const int step, const int count)
{
    const long there = min(row, t->at.count - 1);
    load_vec16s(to, t->data + t->at.origin + there * t->at.row, t->at.depth, first, step, count);
}

INLINE void blank_if(bool blank, uint4 *vectors, const int count)
{
    if (blank)
        FOR_UNROLLED (i, count)
            vectors[i] = 0;
}

INLINE int key_row(int n)
{
    return FIRST_COLUMN + 8 * n + LANE / 4;
}

INLINE int value_row(int n)
{
    return FIRST_COLUMN + n / 4 * 16 + n % 4 / 2 * 8 + LANE % 4 * 2 + n % 2;
}

/* Loads the lane's vectors of keys first .. first + TILE_COLS - 1; keys that do not exist are 0. */
INLINE void load_keys(uint4 *keys, const struct rows *K, long first)
{
    FOR_UNROLLED (n, COLUMNS / 8)
        load_streamed(keys + n * KEY_VECTORS, K, first + key_row(n), LANE % 4, 4, KEY_VECTORS);
    if (!all_exist(K, first))
        FOR_UNROLLED (n, COLUMNS / 8)
            blank_if(!row_exists(K, first + key_row(n)), keys + n * KEY_VECTORS, KEY_VECTORS);
}

INLINE void load_values(uint4 *values, const struct rows *V, long first)
{
    FOR_UNROLLED (n, COLUMNS / 4)
        load_streamed(values + n * VALUE_VECTORS, V, first + value_row(n), LANE / 4, 8, VALUE_VECTORS);
    if (!all_exist(V, first))
        FOR_UNROLLED (n, COLUMNS / 4)
            blank_if(!row_exists(V, first + value_row(n)), values + n * VALUE_VECTORS, VALUE_VECTORS);
}

/* S = Q K^T. The two products of each vector have separate sums, so that fewer wait for each
 * other. */
INLINE void multiply_keys(float *S, const uint4 *queries, const uint4 *keys, __local uint *exchange)
{
    SCORES(second);
    FOR_UNROLLED (s, ROWS * COLS)
        S[s] = second[s] = 0.0f;
    FOR_UNROLLED (i, KEY_VECTORS) {
        const uint4 q = queries[i], q8 = queries[KEY_VECTORS + i];
        const uint a[2][4] = {{q.x, q8.x, q.y, q8.y}, {q.z, q8.z, q.w, q8.w}};
        FOR_UNROLLED (n, COLUMNS / 8) {
            const uint4 k = keys[n * KEY_VECTORS + i];
            const uint b[2][2] = {{k.x, k.y}, {k.z, k.w}};
            ptx_multiply(S + SCORE(0, 2 * n), a[0], b[0], exchange);
            ptx_multiply(second + SCORE(0, 2 * n), a[1], b[1], exchange);
        }
    }
    FOR_UNROLLED (s, ROWS * COLS)
        S[s] += second[s];
}

/* lower_halves packs the lower halves of two words, upper_halves the upper ones. */
INLINE uint lower_halves(uint x, uint y)
{
    return (x & 0xffffu) | y << 16;
}

INLINE uint upper_halves(uint x, uint y)
{
    return x >> 16 | (y & 0xffff0000u);
}

/* O of products 2 w and 2 w + 1 += P V over sixteen keys. v0 .. v9: word w of the lane's vectors of
 * four keys. */
INLINE void multiply_words(float *O, const uint *P, uint v0, uint v1, uint v8, uint v9, __local uint *exchange)
{
    const uint even[2] = {lower_halves(v0, v1), lower_halves(v8, v9)},
               odd[2] = {upper_halves(v0, v1), upper_halves(v8, v9)};
    ptx_multiply(O, P, even, exchange);
    ptx_multiply(O + OUT(0, 2), P, odd, exchange);
}

/* O += P V. */
INLINE void multiply_values(float *O, const float *P, const uint4 *values, __local uint *exchange)
{
    FOR_UNROLLED (k, COLUMNS / 16) {
        uint p[4];
        pack_block(p, P, 0, k);
        FOR_UNROLLED (i, VALUE_VECTORS) {
            const uint4 *v = values + 4 * k * VALUE_VECTORS + i;
            const uint4 v0 = v[0], v1 = v[VALUE_VECTORS], v8 = v[2 * VALUE_VECTORS], v9 = v[3 * VALUE_VECTORS];
            multiply_words(O + OUT(0, 16 * i), p, v0.x, v1.x, v8.x, v9.x, exchange);
            multiply_words(O + OUT(0, 16 * i + 4), p, v0.y, v1.y, v8.y, v9.y, exchange);
            multiply_words(O + OUT(0, 16 * i + 8), p, v0.z, v1.z, v8.z, v9.z, exchange);
            multiply_words(O + OUT(0, 16 * i + 12), p, v0.w, v1.w, v8.w, v9.w, exchange);
        }
    }
}

/* A row of O in local memory: element x of its four lanes are neighbours, and padding puts eight
 * rows in different banks. index_of_depth: the index of depth d. Element x = 16 i + x % 16 of lane
 * a has depth 64 i + 16 a + 8 (x % 2) + x % 16 / 2. */
#define SUM_ROW (DV_PAD + 4)
INLINE int index_of_depth(int d)
{
    const int x = d / 64 * 16 + d % 8 * 2 + d % 16 / 8, a = d % 64 / 16;
    return 4 * x + a;
}

/* Merges m and l of the warps, into m and l of every lane. weight: the merge weight of each row of
 * the warp's O. `stats`: m of the warps' rows, then l. */
INLINE void join_stats(float *m, float *l, float *weight, __local float *stats, const struct call *a)
{
    __local float *maxima = stats, *sums = stats + WARPS * TILE_ROWS;
    FOR_UNROLLED (r, ROWS)
        if (LANE % 4 == 0 && tile_row(r) < TILE_ROWS) {
            maxima[WARP * TILE_ROWS + tile_row(r)] = m[r];
            sums[WARP * TILE_ROWS + tile_row(r)] = l[r];
        }
    barrier(CLK_LOCAL_MEM_FENCE);
    FOR_UNROLLED (r, ROWS) {
        const int row = min(tile_row(r), TILE_ROWS - 1);
        weight[r] = merge_row(m + r, l + r, maxima + row, sums + row, WARPS, TILE_ROWS, a);
    }
}

/* data rows = the sum of factor O over the warps; only elements that exist are written. `tile`:
 * (WARPS, TILE_ROWS, SUM_ROW). */
INLINE void store_sum(const float *O, const float *factor, __local float *tile, __global result *data,
                      const struct layout *at, long first)
{
    FOR_UNROLLED (r, ROWS)
        if (tile_row(r) < TILE_ROWS)
            FOR_OUT (x)
                tile[(WARP * TILE_ROWS + tile_row(r)) * SUM_ROW + 4 * x + LANE % 4] =
                    times_factor(O[OUT(r, x)], factor[r]);
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int i = (int)get_local_id(0); i < TILE_ROWS * DV_PAD; i += WG_SIZE) {
        const int row = i / DV_PAD, d = i % DV_PAD;
        float sum = 0.0f;
        FOR_UNROLLED (w, WARPS)
            sum += tile[(w * TILE_ROWS + row) * SUM_ROW + index_of_depth(d)];
        if (first + row < at->count && d < at->depth)
            STORE_RESULT(data, row_offset(at, first + row) + d, sum);
    }
}

#endif
