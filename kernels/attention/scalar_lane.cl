/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by engines with single stationary rows as lanes: lane_f is float, lane_i int, LANES 1.
 * Included after tile_row is defined. */
#ifndef SCALAR_LANE_CL
#define SCALAR_LANE_CL

#include "attention/rows.cl"

INLINE lane_f lane_max(lane_f x, lane_f y)
{
    return fmax(x, y);
}

/* fma, as NVIDIA's compiler contracts products into multiply-adds regardless of FP_CONTRACT. */
INLINE lane_f scaled(lane_f x, const struct call *a)
{
    return fma(x, a->scale, a->zero);
}

#if defined(SOFTCAP)
#ifndef any_lane
#define any_lane(x) (x)
#endif
#ifndef lane_reciprocal
INLINE lane_f lane_reciprocal(lane_f x)
{
    return 1.0f / x;
}
#endif
#endif

/* Keeps NaN. */
#ifndef at_most_zero
INLINE lane_f at_most_zero(lane_f x)
{
    return x > 0.0f ? 0.0f : x;
}
#endif

/* x times its row's factor; 0 where the factor is 0, even if x is NaN. */
INLINE float times_factor(float x, float factor)
{
    return factor == 0.0f ? 0.0f : x * factor;
}

/* The float32 of row `row`, or `otherwise` if that row does not exist. */
INLINE float stat(const __global float *data, const struct layout *at, long row, float otherwise)
{
    return row < at->count ? data[row_offset(at, row)] : otherwise;
}

INLINE lane_f row_stat(const __global float *data, const struct layout *at, long first, int r, float otherwise)
{
    return stat(data, at, first + tile_row(r), otherwise);
}

/* n + more, rounded once, for n within +-2^22 and `more` a multiple of 2^22. Adding n to the bits
 * of 1.5 2^23 gives 1.5 2^23 + n: conversions take eight times as long on some GPUs. */
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

#if defined(BIAS)
INLINE lane_f gather_bias(const __global stored *bias, long at, lane_i i, long row, lane_i head, long per_head,
                          lane_i j, long column)
{
    return load_bias(bias, at + i * row + head * per_head + (column ? j : 0));
}
#endif

#endif
