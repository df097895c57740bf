/* SPDX-License-Identifier: Apache-2.0 */
/* In-place softmax of the rows of S (rows, M), for the baseline that stores S. Row r is query r % N
 * and sees the keys j <= r % N + offset; a row that sees no key becomes 0. One work-group of GROUP
 * work-items per row; a work-item processes WIDTH keys at a time. */
#if !defined GROUP || !defined WIDTH
#error "-D GROUP or -D WIDTH is missing"
#endif

#define INLINE static inline __attribute__((always_inline))

#if WIDTH == 16
typedef float16 lanes;
#define READ(from) vload16(0, from)
#define WRITE(value, to) vstore16(value, 0, to)
INLINE float fold_max(float16 x)
{
    const float8 a = fmax(x.lo, x.hi);
    const float4 b = fmax(a.lo, a.hi);
    const float2 c = fmax(b.lo, b.hi);
    return fmax(c.lo, c.hi);
}
INLINE float fold_sum(float16 x)
{
    const float8 a = x.lo + x.hi;
    const float4 b = a.lo + a.hi;
    const float2 c = b.lo + b.hi;
    return c.lo + c.hi;
}
#elif WIDTH == 1
typedef float lanes;
#define READ(from) (*(from))
#define WRITE(value, to) (*(to) = (value))
#define fold_max(x) (x)
#define fold_sum(x) (x)
#else
#error "WIDTH is 1 or 16"
#endif

/* Reduces `value` over the work-group by `fold`; all work-items get the result. A macro, as
 * barriers stay at the top level. */
#define REDUCE(value, fold)                                                                                            \
    shared[me] = value;                                                                                                \
    for (int apart = GROUP / 2; apart > 0; apart /= 2) {                                                               \
        barrier(CLK_LOCAL_MEM_FENCE);                                                                                  \
        if (me < apart)                                                                                                \
            shared[me] = fold(shared[me], shared[me + apart]);                                                         \
    }                                                                                                                  \
    barrier(CLK_LOCAL_MEM_FENCE);                                                                                      \
    value = shared[0];                                                                                                 \
    barrier(CLK_LOCAL_MEM_FENCE)

#define ADD(x, y) ((x) + (y))

__attribute__((reqd_work_group_size(GROUP, 1, 1))) kernel void softmax(global float *scores, const long N, const long M,
                                                                       const long offset, const float scale)
{
    local float shared[GROUP];
    const int me = (int)get_local_id(0);
    global float *row = scores + (long)get_group_id(0) * M;
    const long seen = clamp((long)get_group_id(0) % N + offset + 1, 0L, M);
    const long whole = seen - seen % WIDTH; /* keys processed WIDTH at a time; the rest one by one */
    lanes most = (lanes)(-INFINITY), sum = (lanes)(0.0f);
    for (long j = me * WIDTH; j < whole; j += GROUP * WIDTH)
        most = fmax(most, scale * READ(row + j));
    float row_most = fold_max(most), row_sum = 0.0f;
    for (long j = whole + me; j < seen; j += GROUP)
        row_most = fmax(row_most, scale * row[j]);
    REDUCE(row_most, fmax);
    for (long j = me * WIDTH; j < whole; j += GROUP * WIDTH) {
        const lanes p = exp(scale * READ(row + j) - row_most);
        WRITE(p, row + j);
        sum += p;
    }
    for (long j = whole + me; j < seen; j += GROUP) {
        row[j] = exp(scale * row[j] - row_most);
        row_sum += row[j];
    }
    row_sum += fold_sum(sum);
    REDUCE(row_sum, ADD);
    const float factor = 1.0f / row_sum;
    for (long j = me * WIDTH; j < whole; j += GROUP * WIDTH)
        WRITE(factor * READ(row + j), row + j);
    for (long j = whole + me; j < M; j += GROUP)
        row[j] = j < seen ? factor * row[j] : 0.0f;
}
