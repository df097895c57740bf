/* SPDX-License-Identifier: Apache-2.0 */
/* dsink_h = - sum over batches b and queries i of exp(sink_h - L_bhi) delta_bhi: the sink's weight in
 * a row is exp(sink - L), and it has no value, so its dP is 0.
 *
 * Grid: one work-group for a head, of ITEMS work-items, a power of two. Work-item x sums rows x,
 * x + ITEMS, .. of all batches, in chunks of CHUNK rows. The chunks' sums are added with their
 * rounding errors, which would grow with their number; the work-items' sums, as a tree. */
#include "attention/parameters.cl"

#if !defined(PACKED) || !defined(MASK) || !defined(ITEMS)
#error "PACKED, MASK and ITEMS must be given with -D"
#endif

#define CHUNK 64

/* The term of one row. One that sees no key has L = sink and O = 0: its delta is 0, or that of dlse,
 * or NaN where dO or dlse is not finite, which is no part of the sum. */
INLINE float sink_term(float sink, float lse, float delta)
{
    const float term = exp2((sink - lse) * M_LOG2E_F) * delta;
    return (lse == sink && isnan(delta)) || sink == -INFINITY ? 0.0f : term;
}

__kernel __attribute__((reqd_work_group_size(ITEMS, 1, 1))) void backward_dsink(PARAMETERS(BACKWARD_DSINK_ARGS))
{
    ABSENT(BACKWARD_DSINK_ARGS)
    __local float shares[ITEMS];
    const int item = (int)get_local_id(0);
    const long h = a.first_group + (long)get_group_id(0), rows = a.B * a.N;
    const float of_head = sink[a.sink.offset + h * a.sink.head];
    float sum = 0.0f, lost = 0.0f;
    for (long first = item; first < rows; first += CHUNK * ITEMS) {
        float chunk = 0.0f;
        for (long row = first; row < min(rows, first + CHUNK * ITEMS); row += ITEMS) {
            const long b = row / a.N, i = row % a.N;
            const float of_row = lse[a.lse.offset + b * a.lse.batch + h * a.lse.head + i * a.lse.row];
            chunk += sink_term(of_head, of_row, delta[(b * a.Hq + h) * a.N + i]);
        }
        const float next = sum + chunk;
        lost += LOST_IN_SUM(sum, chunk, next);
        sum = next;
    }
    shares[item] = sum + lost;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_items = ITEMS / 2; half_items > 0; half_items /= 2) {
        if (item < half_items)
            shares[item] += shares[item + half_items];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (item == 0)
        dsink[a.dsink.offset + h * a.dsink.head] = -shares[0];
}
