/* What the two gradient kernels share: the rows of dO, LSE and delta. */
#ifndef GRADIENT_CL
#define GRADIENT_CL

#include "score.cl"
#include "tile.cl"

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

#endif
