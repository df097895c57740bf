/* delta_i = sum_d dO_id O_id: FlashAttention-2, Algorithm 2, line 4. delta is contiguous (B,Hq,N).
 *
 * Grid: one work-group for OWN rows of one (batch, query head), TY at a time. TX items read a row together, each a piece
 * of 16 bytes beside its neighbour's; what they summed up meets in local memory. */
#include "rows.cl"

#if !defined(PACKED) || !defined(MASK)
#error "PACKED and MASK must be given with -D"
#endif
#if !defined(TX) || !defined(TY) || !defined(OWN)
#error "TX, TY and OWN must be given with -D"
#elif OWN % TY
#error "TY must divide OWN"
#endif
#define WG_SIZE (TX * TY)

/* Whether all rows begin where a piece may, and are whole pieces. */
INLINE bool has_pieces(const __global stored *data, const struct layout *at)
{
    return ((size_t)(data + at->origin) & 15) == 0 && at->row % PIECE == 0 && at->depth % PIECE == 0;
}

/* Item x's share of the sum over a row. */
INLINE float share_of_row(const __global stored *o, const __global stored *g, int depth, int x, bool pieces)
{
    float sum = 0.0f;
    if (pieces) {
        piece_f sums = 0.0f;
        for (int d = x * PIECE; d < depth; d += TX * PIECE)
            sums =
                mad(widen_piece(*(const __global piece *)(o + d)), widen_piece(*(const __global piece *)(g + d)), sums);
        sum = sum_of_piece(sums);
    } else {
        for (int d = x; d < depth; d += TX)
            sum = mad(LOAD(o, d), LOAD(g, d), sum);
    }
    return sum;
}

__kernel __attribute__((reqd_work_group_size(WG_SIZE, 1, 1))) void delta(const struct call a,
                                                                         const __global stored *restrict out,
                                                                         const __global stored *restrict dout,
                                                                         __global float *restrict result)
{
    __local float shares[OWN * TX];
    const int item = (int)get_local_id(0), x = item % TX, y = item / TX;
    const long tiles = (a.N + OWN - 1) / OWN, group = a.first_group + (long)get_group_id(0);
    const long first = group % tiles * OWN, head = group / tiles; /* of all batches */
    const int h = (int)(head % a.Hq), b = (int)(head / a.Hq), rows = (int)min(a.N - first, (long)OWN);

    struct layout out_at, dout_at;
    key_layout(&out_at, &a.out, b, h, a.Dv, a.N);
    key_layout(&dout_at, &a.dout, b, h, a.Dv, a.N);
    const bool pieces = has_pieces(out, &out_at) && has_pieces(dout, &dout_at);
    FOR_UNROLLED (n, OWN / TY) {
        const int r = y + n * TY;
        if (r < rows)
            shares[r * TX + x] = share_of_row(out + row_offset(&out_at, first + r),
                                              dout + row_offset(&dout_at, first + r), a.Dv, x, pieces);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int r = item; r < rows; r += WG_SIZE) {
        float sum = shares[r * TX];
        FOR_UNROLLED (n, TX - 1)
            sum += shares[r * TX + n + 1];
        result[head * a.N + first + r] = sum;
    }
}
