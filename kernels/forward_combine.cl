/* O and L from the parts of a split forward: with m = max_p m_p,
 *
 *   l = sum_p l_p exp2(m_p - m)     O = sum_p O_p exp2(m_p - m) / l     L = (m + log2 l) ln 2
 *
 * Grid: one work-group a row of (B,Hq,N); its items take four neighbouring elements of Dv each, in turns, and add up
 * the parts in their order. */
#include "part.cl"

#if !defined(PACKED) || !defined(MASK)
#error "PACKED and MASK must be given with -D"
#endif

#define PARTS_AT_ONCE 8 /* that are loaded before the first is used: an item has no other work to do meanwhile */

/* The largest of m[0 .. parts - 1]. */
INLINE float largest(const __global float *m, int parts)
{
    float most = -INFINITY;
    int p = 0;
    for (; p + PARTS_AT_ONCE <= parts; p += PARTS_AT_ONCE)
        FOR_UNROLLED (x, PARTS_AT_ONCE)
            most = fmax(most, m[p + x]);
    for (; p < parts; ++p)
        most = fmax(most, m[p]);
    return most;
}

/* Adds a part to both sums. */
INLINE void add_part(float4 *sum, float *total, const __global float *O, float m, float l, float shift)
{
    const float weight = exp2(m - shift);
    *total += weight * l;
    *sum += weight * *(const __global float4 *)O;
}

INLINE void store_quad(__global stored *row, int d, int depth, float4 value)
{
    const float values[4] = {value.x, value.y, value.z, value.w};
    FOR_UNROLLED (x, 4)
        if (d + x < depth)
            STORE(row, d + x, values[x]);
}

__kernel void forward_combine(const struct call a, const __global float *restrict parts, __global stored *restrict out,
                              __global float *restrict lse)
{
    const long row = a.first_group + (long)get_group_id(0);
    const long depth = a.part_depth;
    const long i = row % a.N, h = row / a.N % a.Hq, b = row / a.N / a.Hq;
    const __global float *O = parts + row * a.parts * depth;
    const __global float *m = parts + maxima_of_parts(&a) + row * a.parts;
    const __global float *l = parts + sums_of_parts(&a) + row * a.parts;

    const float most = largest(m, a.parts);
    const float shift = most == -INFINITY ? 0.0f : most; /* no key at all: keeps -inf - (-inf) out */

    __global stored *to = out + a.out.offset + b * a.out.batch + h * a.out.head + i * a.out.row;
    for (int d = 4 * (int)get_local_id(0); d < a.Dv; d += 4 * (int)get_local_size(0)) {
        float4 sum = 0.0f;
        float total = 0.0f;
        int p = 0;
        for (; p + PARTS_AT_ONCE <= a.parts; p += PARTS_AT_ONCE)
            FOR_UNROLLED (x, PARTS_AT_ONCE)
                add_part(&sum, &total, O + (p + x) * depth + d, m[p + x], l[p + x], shift);
        for (; p < a.parts; ++p)
            add_part(&sum, &total, O + p * depth + d, m[p], l[p], shift);
        store_quad(to, d, a.Dv, sum * (total == 0.0f ? 0.0f : 1.0f / total));
        if (a.store_lse && d == 0)
            lse[a.lse.offset + b * a.lse.batch + h * a.lse.head + i * a.lse.row] =
                total == 0.0f ? -INFINITY : (most + log2(total)) * M_LN2_F;
    }
}
