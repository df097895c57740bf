/* SPDX-License-Identifier: Apache-2.0 */
/* Loads and products of the schedule in engine_decode.cl. */
#ifndef TILE_DECODE_CL
#define TILE_DECODE_CL

#include "attention/engine.cl"
#include "attention/merge.cl"
#include "attention/vec16.cl"

/* WIDEN_VEC16 converts a vec16, WIDEN_QUAD four elements of a value. As many elements are converted
 * as multiplied, so float16 takes the device's conversion of one element; not every compiler finds
 * it for widen4. */
#if STORAGE == STORAGE_FLOAT32
#define WIDEN_VEC16(to, bits) ((to)[0] = as_float4(bits))
#define WIDEN_QUAD(to, quad) (*(to) = (quad))
#else
#define WIDEN_VEC16(to, bits) (widen_words((to), (bits).lo), widen_words((to) + 1, (bits).hi))
#define WIDEN_QUAD(to, quad) widen_words((to), as_uint2(quad))
INLINE void widen_words(float4 *to, uint2 words)
{
#if STORAGE == STORAGE_FLOAT16
    const ushort4 quad = as_ushort4(words);
    const ushort bits[4] = {quad.x, quad.y, quad.z, quad.w};
    const half *halves = (const half *)bits;
    *to = (float4)(vload_half(0, halves), vload_half(1, halves), vload_half(2, halves), vload_half(3, halves));
#else
    *to = as_float4((uint4)(words.x << 16, words.x & 0xffff0000u, words.y << 16, words.y & 0xffff0000u));
#endif
}
#endif
#define VEC16_QUADS (VEC16 / 4)

INLINE void fetch_queries(__local float4 *tile, const struct rows *Q, long first)
{
    FOR_ROLLED(at, (int)get_local_id(0), TILE_ROWS * D_PAD / 4, WG_SIZE)
    {
        const int row = at / (D_PAD / 4), d = at % (D_PAD / 4) * 4;
        float4 value = 0.0f;
        if (row_exists(Q, first + row))
            value = widen4(load_quad(Q->data + row_offset(&Q->at, first + row), d, Q->at.depth));
        tile[at] = value;
    }
}

/* Vectors that an item loads of a depth step of the tile's keys. The n-th is vector n WG_SIZE +
 * item of the step. Its key and its index in the key's row are written so that addresses are one
 * base and one constant step, not a register for each vector. */
#define PREFETCHED ((TILE_COLS * STEP_VECTORS + WG_SIZE - 1) / WG_SIZE)
#define ALL_PREFETCH (TILE_COLS * STEP_VECTORS % WG_SIZE == 0)
#define IS_PREFETCHED(n) (ALL_PREFETCH || (int)get_local_id(0) + (n)*WG_SIZE < TILE_COLS * STEP_VECTORS)
#define IN_STEP (WG_SIZE % STEP_VECTORS == 0)
#define VEC16_KEY(n)                                                                                                   \
    (IN_STEP ? (int)get_local_id(0) / STEP_VECTORS + (n) * (WG_SIZE / STEP_VECTORS)                                    \
             : ((int)get_local_id(0) + (n)*WG_SIZE) / STEP_VECTORS)
#define VEC16_AT(n) (((int)get_local_id(0) + (IN_STEP ? 0 : (n)*WG_SIZE)) % STEP_VECTORS)

/* Whether the depth step from d of keys first .. first + TILE_COLS - 1 is loaded ahead into
 * registers: whole tiles of whole vectors, nearly all there are. */
INLINE bool carries_keys(const struct rows *K, bool vectors, long first, int d)
{
    return vectors && all_exist(K, first) && d + DEPTH_STEP <= K->at.depth;
}

INLINE void prefetch_keys(uint4 *prefetched, const struct rows *K, bool vectors, long first, int d)
{
    if (!carries_keys(K, vectors, first, d))
        return;
    const __global stored *data = K->data + K->at.origin + (first + VEC16_KEY(0)) * K->at.row + d + VEC16_AT(0) * VEC16;
    FOR_UNROLLED (n, PREFETCHED) {
        if (IS_PREFETCHED(n))
            prefetched[n] = *(const __global uint4 *)data;
        data += (VEC16_KEY(n + 1) - VEC16_KEY(n)) * K->at.row + (VEC16_AT(n + 1) - VEC16_AT(n)) * VEC16;
    }
}

/* Stores the depth step in local memory: from registers if it was loaded ahead, else from global
 * memory. */
INLINE void store_prefetched_keys(__local uint4 *tile, const uint4 *prefetched, const struct rows *K, bool vectors,
                                  long first, int d)
{
    if (carries_keys(K, vectors, first, d)) {
        FOR_UNROLLED (n, PREFETCHED)
            if (IS_PREFETCHED(n))
                tile[VEC16_KEY(n) * KEY_LD + VEC16_AT(n)] = prefetched[n];
        return;
    }
    FOR_ROLLED(at, (int)get_local_id(0), TILE_COLS * STEP_VECTORS, WG_SIZE)
    {
        const int row = at / STEP_VECTORS;
        uint4 vector = 0;
        if (row_exists(K, first + row))
            vector = load_vec16(K->data + row_offset(&K->at, first + row), d + at % STEP_VECTORS * VEC16, K->at.depth);
        tile[row * KEY_LD + at % STEP_VECTORS] = vector;
    }
}

/* S += Q K^T over a depth step. `q`: that step of row 0. */
INLINE void multiply_keys(float *S, const __local float4 *q, const __local uint4 *keys, int cols)
{
    FOR_STEPS (p, STEP_VECTORS) {
        FOR_COLS (c, cols) {
            float4 k[VEC16_QUADS];
            WIDEN_VEC16(k, keys[tile_col(c) * KEY_LD + p]);
            FOR_UNROLLED (x, VEC16_QUADS)
                FOR_UNROLLED (r, ROWS) {
                    const float4 row = q[r * (D_PAD / 4) + p * VEC16_QUADS + x];
                    float sum = S[SCORE(r, c)];
                    sum = mad(row.x, k[x].x, sum);
                    sum = mad(row.y, k[x].y, sum);
                    sum = mad(row.z, k[x].z, sum);
                    S[SCORE(r, c)] = mad(row.w, k[x].w, sum);
                }
        }
    }
}

/* Stores P in local memory, key by key, for all items of the group. */
INLINE void put_operand(__local float *tile, const float *P, int cols)
{
    FOR_COLS (c, cols) {
        float p[ROWS];
        FOR_UNROLLED (r, ROWS)
            p[r] = P[SCORE(r, c)];
        write_rows(tile + tile_col(c) * ROWS, p);
    }
}

/* Whether the values of keys first .. first + TILE_COLS - 1 are loaded ahead into registers, for
 * the output block from d. */
INLINE bool carries_values(const struct rows *V, long first, int d)
{
    return V->quads && all_exist(V, first) && d + OUT_BLOCK <= V->at.depth;
}

/* The item's first value of a key. */
INLINE const __global stored *values_at(const struct rows *V, long key, int d)
{
    return V->data + V->at.origin + key * V->at.row + d + out_depth(0);
}

INLINE void prefetch_value(stored4 *prefetched, const __global stored *data)
{
    FOR_OUT (x)
        prefetched[x] = *(const __global stored4 *)(data + 4 * TX * x);
}

/* Loads the values of the group's first STRIP keys in the tile from `first`. */
INLINE void prefetch_values(stored4 *prefetched, const struct rows *V, long first, int d)
{
    const __global stored *data = values_at(V, first + item_y() * GROUP_KEYS, d);
    FOR_UNROLLED (k, STRIP) {
        prefetch_value(prefetched + OUT(k, 0), data);
        data += V->at.row;
    }
}

/* O += P V for one key of the group. `P`: the key's P, of all rows. */
INLINE void multiply_value(float4 *O, const __local float *P, const stored4 *value)
{
    float p[ROWS];
    read_rows(p, P);
    FOR_OUT (x) {
        float4 v;
        WIDEN_QUAD(&v, value[x]);
        FOR_UNROLLED (r, ROWS)
            O[OUT(r, x)] = mad((float4)(p[r]), v, O[OUT(r, x)]);
    }
}

/* The same for all keys of the group in the tile from `first`. `prefetched` holds the first strip of
 * this tile, and afterwards that of the next tile, if there are `more`. */
INLINE void multiply_values(float4 *O, const __local float *P, stored4 *prefetched, const struct rows *V, long first,
                            int d, bool more)
{
    const __local float *own = P + item_y() * GROUP_KEYS * ROWS;
    if (carries_values(V, first, d)) {
        const bool next = more && carries_values(V, first + TILE_COLS, d);
        FOR_ROLLED(s, 0, GROUP_KEYS, STRIP)
        {
            const bool last = s + STRIP == GROUP_KEYS;
            const long key = (last ? first + TILE_COLS : first + s + STRIP) + item_y() * GROUP_KEYS;
            const __global stored *data = values_at(V, key, d);
            FOR_UNROLLED (k, STRIP) {
                multiply_value(O, own + (s + k) * ROWS, prefetched + OUT(k, 0));
                if (!last || next)
                    prefetch_value(prefetched + OUT(k, 0), data);
                data += V->at.row;
            }
        }
        return;
    }
    FOR_ROLLED(k, 0, GROUP_KEYS, 1)
    {
        const long row = first + item_y() * GROUP_KEYS + k;
        stored4 value[OUT_COLS];
        FOR_OUT (x) {
            value[x] = 0;
            if (row_exists(V, row))
                value[x] = load_quad(V->data + row_offset(&V->at, row), d + out_depth(x), V->at.depth);
        }
        multiply_value(O, own + k * ROWS, value);
    }
}

/* Merges m and l of the groups, into m and l of every item. weight: the merge weight of each row of
 * the group's O. */
INLINE void join_groups(float *m, float *l, float *weight, __local float *items, __local float *stats,
                        const struct call *a)
{
    __local float *maxima = stats, *sums = stats + TY * ROWS;
    reduce_sum(l, items);
    if (item_x() == 0) {
        write_rows(maxima + item_y() * ROWS, m);
        write_rows(sums + item_y() * ROWS, l);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    FOR_UNROLLED (r, ROWS)
        weight[r] = merge_row(m + r, l + r, maxima + r, sums + r, TY, ROWS, a);
}

/* data row = the sum of weight O over the groups, for one row of the tile and the output block from
 * d. */
INLINE void store_row(const float4 *O, float weight, __local float *tile, __global result *data,
                      const struct layout *at, long row, int d)
{
    barrier(CLK_LOCAL_MEM_FENCE);
    FOR_OUT (x)
        *(__local float4 *)(tile + item_y() * OUT_BLOCK + out_depth(x)) =
            weight == 0.0f ? (float4)(0.0f) : O[x] * weight;
    barrier(CLK_LOCAL_MEM_FENCE);
    FOR_ROLLED(x, (int)get_local_id(0), OUT_BLOCK, WG_SIZE)
    {
        float sum = 0.0f;
        FOR_ROLLED(y, 0, TY, 1)
        sum += tile[y * OUT_BLOCK + x];
        if (row < at->count && d + x < at->depth)
            STORE_RESULT(data, row_offset(at, row) + d + x, sum);
    }
}

#endif
