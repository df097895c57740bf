/* SPDX-License-Identifier: Apache-2.0 */
/* delta_i = sum_d dO_id O_id: FlashAttention-2, Algorithm 2, line 4; with DLSE less the gradient of
 * L_i. delta is contiguous (B,Hq,N).
 *
 * Grid: one work-group for TILE_ROWS rows of one (batch, query head), TY at a time. TX work-items
 * share a row and read neighbouring vec16. Their sums are added in local memory. */
#include "attention/parameters.cl"
#include "attention/rows.cl"

#if !defined(PACKED) || !defined(MASK)
#error "PACKED and MASK must be given with -D"
#endif
#if !defined(TX) || !defined(TY) || !defined(TILE_ROWS)
#error "TX, TY and TILE_ROWS must be given with -D"
#elif TILE_ROWS % TY
#error "TY must divide TILE_ROWS"
#endif
#define WG_SIZE (TX * TY)
#define ITEM_ROWS (TILE_ROWS / TY)

/* Work-item (x, y)'s shares of the sums of rows y + n TY. Past the last of `rows` it reads that
 * row; nothing stores those sums. All loads of a step are issued before the first is used. */
INLINE void shares_of_rows(float *sums, const __global stored *out, const struct layout *out_at,
                           const __global stored *dout, const struct layout *dout_at, long first, int rows, int x,
                           int y)
{
    const bool vectors = has_vec16(out, out_at) && has_vec16(dout, dout_at);
    const int step = vectors ? VEC16 : 1;
    const __global stored *o[ITEM_ROWS], *g[ITEM_ROWS];
    FOR_UNROLLED (n, ITEM_ROWS) {
        const long row = first + min(y + n * TY, rows - 1);
        o[n] = out + row_offset(out_at, row) + x * step;
        g[n] = dout + row_offset(dout_at, row) + x * step;
        sums[n] = 0.0f;
    }
    const int end = out_at->depth - x * step;
    if (vectors)
        for (int d = 0; d < end; d += TX * VEC16) {
            vector of_o[ITEM_ROWS], of_g[ITEM_ROWS];
            FOR_UNROLLED (n, ITEM_ROWS) {
                of_o[n] = *(const __global vector *)(o[n] + d);
                of_g[n] = *(const __global vector *)(g[n] + d);
            }
            FOR_UNROLLED (n, ITEM_ROWS)
                sums[n] += vec16_sum(widen_vec16(of_o[n]) * widen_vec16(of_g[n]));
        }
    else
        for (int d = 0; d < end; d += TX)
            FOR_UNROLLED (n, ITEM_ROWS)
                sums[n] = mad(LOAD(o[n], d), LOAD(g[n], d), sums[n]);
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void delta(PARAMETERS(DELTA_ARGS))
{
    ABSENT(DELTA_ARGS)
    __local float shares[TILE_ROWS * TX];
    const int item = (int)get_local_id(0), x = item % TX, y = item / TX;
    const long tiles = (a.N + TILE_ROWS - 1) / TILE_ROWS, group = a.first_group + (long)get_group_id(0);
    const long first = group % tiles * TILE_ROWS, head = group / tiles; /* counted over all batches */
    const int h = (int)(head % a.Hq), b = (int)(head / a.Hq), rows = (int)min(a.N - first, (long)TILE_ROWS);

    struct layout out_at, dout_at;
    key_layout(&out_at, &a.out, b, h, a.Dv, a.N);
    key_layout(&dout_at, &a.dout, b, h, a.Dv, a.N);
    float sums[ITEM_ROWS];
    shares_of_rows(sums, out, &out_at, dout, &dout_at, first, rows, x, y);
    FOR_UNROLLED (n, ITEM_ROWS)
        shares[(y + n * TY) * TX + x] = sums[n];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = item; r < rows; r += WG_SIZE) {
        float sum = shares[r * TX];
        FOR_UNROLLED (n, TX - 1)
            sum += shares[r * TX + n + 1];
#if HAS_IF_DLSE
        struct layout dlse_at;
        key_layout(&dlse_at, &a.dlse, b, h, 1, a.N);
        sum = with_dlse(sum, dlse, &dlse_at, first + r);
#endif
        delta[head * a.N + first + r] = sum;
    }
}
