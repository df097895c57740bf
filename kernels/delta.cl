/* delta_i = sum_d dO_id O_id: FlashAttention-2, Algorithm 2, line 4. One work-item a row of (B,Hq,N); delta is
 * contiguous. */
#include "rows.cl"

#if !defined(PACKED) || !defined(MASK)
#error "PACKED and MASK must be given with -D"
#endif

__kernel void delta(const struct call a, const __global stored *restrict out, const __global stored *restrict dout,
                    __global float *restrict result)
{
    const long at = (a.first_group + (long)get_group_id(0)) * (long)get_local_size(0) + (long)get_local_id(0);
    if (at >= a.N * a.Hq * a.B)
        return;
    const long i = at % a.N, h = at / a.N % a.Hq, b = at / a.N / a.Hq;
    const __global stored *o = out + a.out.offset + b * a.out.batch + h * a.out.head + i * a.out.row;
    const __global stored *g = dout + a.dout.offset + b * a.dout.batch + h * a.dout.head + i * a.dout.row;
    float sum = 0.0f;
    for (int d = 0; d < a.Dv; ++d)
        sum = mad(LOAD(o, d), LOAD(g, d), sum);
    result[at] = sum;
}
