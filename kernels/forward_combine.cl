/* O and L from the parts of a split forward: with m = max_p m_p,
 *
 *   l = sum_p l_p exp2(m_p - m)     O = sum_p O_p exp2(m_p - m) / l     L = (m + log2 l) ln 2
 *
 * Grid: one work-group a row of (B,Hq,N), of a power of two of items up to MOST_ITEMS. They stand as lanes x columns:
 * a column takes four neighbouring elements of Dv at a time, a lane every lanes-th part; the lanes' sums are added up in
 * a fixed order. */
#include "part.cl"

#if !defined(PACKED) || !defined(MASK)
#error "PACKED and MASK must be given with -D"
#endif

#define MOST_ITEMS 256
#define PARTS_AT_ONCE 4 /* that are loaded before the first is used: an item has no other work to do meanwhile */

/* The largest of m[0 .. parts - 1]; leaves `tile` free for all. */
INLINE float largest(const __global float *m, int parts, __local float *tile)
{
    const int id = (int)get_local_id(0);
    float most = -INFINITY;
    for (int p = id; p < parts; p += (int)get_local_size(0))
        most = fmax(most, m[p]);
    tile[id] = most;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_size = (int)get_local_size(0) / 2; half_size > 0; half_size /= 2) {
        if (id < half_size)
            tile[id] = fmax(tile[id], tile[id + half_size]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    most = tile[0];
    barrier(CLK_LOCAL_MEM_FENCE);
    return most;
}

/* Adds a part to both sums. */
INLINE void add_part(float4 *sum, float *total, const __global float *O, float m, float l, float shift)
{
    const float weight = exp2(m - shift);
    *total += weight * l;
    *sum += weight * *(const __global float4 *)O;
}

/* Adds up what the lanes of a column hold: lane 0 gets it. */
INLINE void join_lanes(float4 *sum, float *total, int lane, int lanes, int columns, __local float4 *sums,
                       __local float *totals)
{
    const int id = (int)get_local_id(0);
    for (int half_lanes = lanes / 2; half_lanes > 0; half_lanes /= 2) {
        sums[id] = *sum;
        totals[id] = *total;
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < half_lanes) {
            *sum += sums[id + half_lanes * columns];
            *total += totals[id + half_lanes * columns];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
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

    __local float4 sums[MOST_ITEMS];
    __local float totals[MOST_ITEMS];
    const float most = largest(m, a.parts, totals);
    const float shift = most == -INFINITY ? 0.0f : most; /* no key at all: keeps -inf - (-inf) out */

    __global stored *to = out + a.out.offset + b * a.out.batch + h * a.out.head + i * a.out.row;
    int columns = (int)get_local_size(0);
    while (columns > 1 && 2 * columns >= depth)
        columns /= 2;
    const int lanes = (int)get_local_size(0) / columns, lane = (int)get_local_id(0) / columns;
    for (int first = 0; first < depth; first += 4 * columns) {
        const int d = first + 4 * ((int)get_local_id(0) % columns);
        float4 sum = 0.0f;
        float total = 0.0f;
        int p = d < depth ? lane : a.parts;
        for (; p + (PARTS_AT_ONCE - 1) * lanes < a.parts; p += PARTS_AT_ONCE * lanes)
            FOR_UNROLLED (x, PARTS_AT_ONCE)
                add_part(&sum, &total, O + (p + x * lanes) * depth + d, m[p + x * lanes], l[p + x * lanes], shift);
        for (; p < a.parts; p += lanes)
            add_part(&sum, &total, O + p * depth + d, m[p], l[p], shift);
        join_lanes(&sum, &total, lane, lanes, columns, sums, totals);
        if (lane == 0)
            store_quad(to, d, a.Dv, sum * (total == 0.0f ? 0.0f : 1.0f / total));
        if (a.store_lse && d == 0 && lane == 0)
            lse[a.lse.offset + b * a.lse.batch + h * a.lse.head + i * a.lse.row] =
                total == 0.0f ? -INFINITY : (most + log2(total)) * M_LN2_F;
    }
}
