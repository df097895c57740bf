/* SPDX-License-Identifier: Apache-2.0 */
/* What engines share whose lanes are single stationary rows: lane_f is float, lane_i int, LANES 1. Included where tile_row is
 * known. */
#ifndef SCALAR_LANE_CL
#define SCALAR_LANE_CL

#include "attention/rows.cl"

INLINE lane_f lane_max(lane_f x, lane_f y)
{
    return fmax(x, y);
}

/* NVIDIA's compiler makes multiply-adds of products, whatever FP_CONTRACT says. */
INLINE lane_f scaled(lane_f x, const struct call *a)
{
    return fma(x, a->scale, a->zero);
}

/* NaN stays. */
#ifndef at_most_zero
INLINE lane_f at_most_zero(lane_f x)
{
    return x > 0.0f ? 0.0f : x;
}
#endif

/* x times its row's factor; a factor of 0 leaves nothing, not even NaN. */
INLINE float times_factor(float x, float factor)
{
    return factor == 0.0f ? 0.0f : x * factor;
}

/* A float32 a row, of row `row`; `otherwise` where that does not exist. */
INLINE float stat(const __global float *data, const struct layout *at, long row, float otherwise)
{
    return row < at->count ? data[row_offset(at, row)] : otherwise;
}

INLINE lane_f row_stat(const __global float *data, const struct layout *at, long first, int r, float otherwise)
{
    return stat(data, at, first + tile_row(r), otherwise);
}

/* n + more, rounded once, for n within +-2^22, and `more` a multiple of that. n stands in the lowest bits of 1.5 2^23 + n:
 * conversions take some GPUs eight times as long. */
INLINE lane_f lane_sum(lane_i n, float more)
{
    return as_float(0x4b400000 + n) + (more - 0x1.8p23f);
}

INLINE lane_f gather_float(const __global float *data, lane_i n, long stride)
{
    return data[n * stride];
}

INLINE lane_i gather_mask(const __global uchar *mask, lane_i i, long row, lane_i head, long per_head, lane_i j,
                          long column)
{
    return mask[i * row + head * per_head + j * column];
}

#endif
