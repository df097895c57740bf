/* SPDX-License-Identifier: Apache-2.0 */
/* O and L from the partial results of a split forward: with m = max_p m_p and weights
 * w_p = exp2(scale_log2 (m_p - m)),
 *
 *   l = sum_p l_p w_p     O = sum_p O_p w_p / l     L = |scale| m + log(l / headroom)
 *
 * and the row's sink as one more score (merge.cl).
 *
 * Grid: one work-group a row of (B,Hq,N), of ITEMS work-items, a power of two, as lanes x columns.
 * A column takes four neighbouring elements of Dv at a time, a lane every lanes-th split. The
 * lanes' sums are added in a fixed order. */
#include "attention/parameters.cl"
#include "attention/split_partials.cl"

typedef float lane_f;
#define LANES 1
#define lane_exp2 exp2
#include "attention/merge.cl"

#if !defined(PACKED) || !defined(MASK) || !defined(ITEMS)
#error "PACKED, MASK and ITEMS must be given with -D"
#endif

#if HAS_IF_SINKS
#define FINISH_LSE(a, m, l) finish_lse_with_sink(a, m, l, of_head)
#else
#define FINISH_LSE(a, m, l) finish_lse(a, m, l)
#endif

#define PARTIALS_AT_ONCE 4 /* splits loaded before the first is used: nothing else hides the latency of loads */

/* The merged result of some splits: the largest m, and l and O relative to it. */
struct sums {
    float most, l;
    float4 O;
};

/* Merges `count` results into *of, in this order. */
INLINE void add_up(struct sums *of, const struct sums *more, const int count, const struct call *a)
{
    float most = of->most, l = 0.0f;
    float4 O = 0.0f;
    FOR_UNROLLED (x, count)
        most = fmax(most, more[x].most);
    const float weight = merge_weight(a, of->most, most);
    FOR_UNROLLED (x, count) {
        const float its_weight = merge_weight(a, more[x].most, most);
        l += its_weight * more[x].l;
        O += its_weight * more[x].O;
    }
    of->most = most;
    of->l = of->l * weight + l;
    of->O = of->O * weight + O;
}

/* Merges every `lanes`-th split from `lane` on, for the four elements at O. */
INLINE void add_partials(struct sums *of, const __global float *O, const __global float *m, const __global float *l,
                         int depth, int lane, int lanes, int splits, const struct call *a)
{
    of->most = -INFINITY;
    of->l = 0.0f;
    of->O = 0.0f;
    for (int p = lane; p < splits; p += PARTIALS_AT_ONCE * lanes) {
        struct sums more[PARTIALS_AT_ONCE];
        FOR_UNROLLED (x, PARTIALS_AT_ONCE) {
            const int split = p + x * lanes;
            more[x].most = -INFINITY;
            more[x].l = 0.0f;
            more[x].O = 0.0f;
            if (split < splits) {
                more[x].most = m[split];
                more[x].l = l[split];
                more[x].O = *(const __global float4 *)(O + (long)split * depth);
            }
        }
        add_up(of, more, PARTIALS_AT_ONCE, a);
    }
}

/* Merges the results of a column's lanes; lane 0 gets the sum. */
INLINE void join_lanes(struct sums *of, int lane, int lanes, int columns, __local float4 *outputs,
                       __local float2 *stats, const struct call *a)
{
    const int id = (int)get_local_id(0);
    for (int half_lanes = lanes / 2; half_lanes > 0; half_lanes /= 2) {
        outputs[id] = of->O;
        stats[id] = (float2)(of->most, of->l);
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < half_lanes) {
            const int other = id + half_lanes * columns;
            const struct sums more = {.O = outputs[other], .most = stats[other].x, .l = stats[other].y};
            add_up(of, &more, 1, a);
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

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void forward_combine(PARAMETERS(FORWARD_COMBINE_ARGS))
{
    ABSENT(FORWARD_COMBINE_ARGS)
    const long row = a.first_group + (long)get_group_id(0);
    const long depth = a.partial_depth;
    const long i = row % a.N, h = row / a.N % a.Hq, b = row / a.N / a.Hq;
    const __global float *O = partials + row * a.splits * depth;
    const __global float *m = partials + partial_maxima(&a) + row * a.splits;
    const __global float *l = partials + partial_sums(&a) + row * a.splits;

    __local float4 outputs[ITEMS];
    __local float2 stats[ITEMS];
    __global stored *to = out + a.out.offset + b * a.out.batch + h * a.out.head + i * a.out.row;
    int columns = ITEMS;
    while (columns > 1 && 2 * columns >= depth)
        columns /= 2;
    const int lanes = ITEMS / columns, lane = (int)get_local_id(0) / columns;
    for (int first = 0; first < depth; first += 4 * columns) {
        const int d = first + 4 * ((int)get_local_id(0) % columns);
        struct sums of;
        add_partials(&of, O + min((long)d, depth - 4), m, l, depth, lane, lanes, d < depth ? a.splits : 0, &a);
        join_lanes(&of, lane, lanes, columns, outputs, stats, &a);
#if HAS_IF_SINKS
        const float of_head = sink[a.sink.offset + h * a.sink.head];
        const float factor = finish_output_with_sink(&a, of.most, of.l, of_head);
#else
        const float factor = finish_output(of.l);
#endif
        if (lane == 0)
            store_quad(to, d, a.Dv, factor == 0.0f ? (float4)(0.0f) : of.O * factor);
        if (a.store_lse && d == 0 && lane == 0)
            lse[a.lse.offset + b * a.lse.batch + h * a.lse.head + i * a.lse.row] = FINISH_LSE(&a, of.most, of.l);
#if HAS_IF_MAX_LOGIT
        if (a.store_max_logit && d == 0 && lane == 0)
            max_logit[a.max_logit.offset + b * a.max_logit.batch + h * a.max_logit.head + i * a.max_logit.row] =
                finish_max_logit(&a, of.most);
#endif
    }
}
