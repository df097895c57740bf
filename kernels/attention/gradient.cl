/* SPDX-License-Identifier: Apache-2.0 */
/* What the two gradient kernels share: the rows of dO, LSE and delta. */
#ifndef GRADIENT_CL
#define GRADIENT_CL

#include "attention/score.cl"
#include "attention/tile.cl"

/* Of the queries of heads `head` on, from the kernels' arguments lse and delta. */
INLINE void lse_stats(struct stats *lse, const __global float *data, __local float *tile, const struct call *a, int b,
                      int head)
{
    query_layout(&lse->at, a, &a->lse, b, head, 1);
    lse->data = data;
    lse->otherwise = -INFINITY;
    lse->tile = tile;
}

/* delta is contiguous (B,Hq,N). */
INLINE void delta_view(struct view *v, const struct call *a)
{
    v->offset = 0;
    v->batch = a->Hq * a->N;
    v->head = a->N;
    v->row = 1;
}

INLINE void delta_layout(struct layout *at, const struct call *a, int b, int head)
{
    struct view v;
    delta_view(&v, a);
    query_layout(at, a, &v, b, head, 1);
}

/* Where delta of query rows goes, and what it follows from. */
struct delta_rows {
    __global float *delta;
    const __global stored *out, *dout;
    struct layout delta_at, out_at, dout_at;
};

INLINE void find_delta_rows(struct delta_rows *of, __global float *delta, const __global stored *out,
                            const __global stored *dout, const struct call *a, int b, int head)
{
    of->delta = delta;
    of->out = out;
    of->dout = dout;
    delta_layout(&of->delta_at, a, b, head);
    query_layout(&of->out_at, a, &a->out, b, head, a->Dv);
    query_layout(&of->dout_at, a, &a->dout, b, head, a->Dv);
}

/* delta of a tile's own rows, 0 for those that do not exist. An engine may make it here and, if `keep`, leave it for the
 * kernel of dK and dV: MAKES_DELTA. Kernel delta did so before the others. */
#ifdef MAKES_DELTA
#include "engines/nvidia/row_deltas.cl"
#else
INLINE void row_deltas(ACC lane_f *values, const struct delta_rows *of, long first, bool keep, const __local void *tile,
                       const struct span *rows)
{
    FOR_ROWS (r, rows)
        values[r] = row_stat(of->delta, &of->delta_at, first, r, 0.0f);
}
#endif

INLINE void delta_stats(struct stats *delta, const __global float *data, __local float *tile, const struct call *a,
                        int b, int head)
{
    delta_layout(&delta->at, a, b, head);
    delta->data = data;
    delta->otherwise = 0.0f;
    delta->tile = tile;
}

#endif
