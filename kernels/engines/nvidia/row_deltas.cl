/* SPDX-License-Identifier: Apache-2.0 */
/* delta_i = sum_d dO_id O_id of a tile's stationary rows, with DLSE less the gradient of L_i,
 * computed by the kernel of dQ, for engines with the accumulators of fragments.cl. The four lanes of
 * a row read neighbouring vec16. */
#ifndef ROW_DELTAS_CL
#define ROW_DELTAS_CL

#define ROW_VECTORS ((DV_PAD + 31) / 32)

/* The dot product of 8 elements of O and of dO. */
INLINE float vec16_product(uint4 x, uint4 y)
{
    const uint xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
    float2 sum = 0.0f;
    FOR_UNROLLED (i, 4)
        sum = mad(ptx_unpack(xs[i]), ptx_unpack(ys[i]), sum);
    return sum.x + sum.y;
}

/* A lane's shares of the rows' sums, by vec16. All loads are issued before the first is used.
 * Vectors past the end of a row are loaded from its last one, and not added. */
INLINE void vec16_shares(float *sums, const struct delta_rows *of, const long *row_of)
{
    uint4 x[ROWS * ROW_VECTORS], y[ROWS * ROW_VECTORS];
    FOR_UNROLLED (n, ROWS * ROW_VECTORS) {
        const int d = min(n % ROW_VECTORS * 32 + LANE % 4 * VEC16, of->out_at.depth - VEC16);
        x[n] = *(const __global uint4 *)(of->out + row_offset(&of->out_at, row_of[n / ROW_VECTORS]) + d);
        y[n] = *(const __global uint4 *)(of->dout + row_offset(&of->dout_at, row_of[n / ROW_VECTORS]) + d);
    }
    FOR_UNROLLED (n, ROWS * ROW_VECTORS) {
        const uint there = n % ROW_VECTORS * 32 + LANE % 4 * VEC16 < of->out_at.depth ? ~0u : 0u;
        sums[n / ROW_VECTORS] += as_float(as_uint(vec16_product(x[n], y[n])) & there);
    }
}

INLINE void shares_of_rows(float *sums, const struct delta_rows *of, const long *row_of)
{
    FOR_UNROLLED (r, ROWS)
        for (int d = LANE % 4; d < of->out_at.depth; d += 4)
            sums[r] = mad(LOAD(of->out + row_offset(&of->out_at, row_of[r]), d),
                          LOAD(of->dout + row_offset(&of->dout_at, row_of[r]), d), sums[r]);
}

INLINE void row_deltas(float *values, const struct delta_rows *of, long first, bool keep, __local uint *tile,
                       const struct span *rows)
{
    long row_of[ROWS]; /* the last row for those that do not exist */
    FOR_ROWS (r, rows) {
        row_of[r] = min(first + tile_row(r), of->out_at.count - 1);
        values[r] = 0.0f;
    }
    if (has_vec16(of->out, &of->out_at) && has_vec16(of->dout, &of->dout_at))
        vec16_shares(values, of, row_of);
    else
        shares_of_rows(values, of, row_of);
    reduce_sum(values, tile, rows);
#if HAS_IF_OWN_DLSE
    FOR_ROWS (r, rows)
        values[r] = with_dlse(values[r], of->dlse, &of->dlse_at, row_of[r]);
#endif
    FOR_ROWS (r, rows)
        values[r] = row_of[r] == first + tile_row(r) ? values[r] : 0.0f;
    if (keep)
        store_stat(values, of->delta, &of->delta_at, first, rows);
}

#endif
