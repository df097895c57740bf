/* What the two gradient kernels share: the rows of dO, LSE and delta. */
#ifndef GRADIENT_CL
#define GRADIENT_CL

#include "score.cl"
#include "tile.cl"

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

INLINE void delta_stats(struct stats *delta, const __global float *data, __local float *tile, const struct call *a,
                        int b, int head)
{
    delta_layout(&delta->at, a, b, head);
    delta->data = data;
    delta->otherwise = 0.0f;
    delta->tile = tile;
}

#endif
