/* SPDX-License-Identifier: Apache-2.0 */
/* The partial results of a split forward, in the workspace: float32, contiguous, one array after
 * the other. partial_depth is Dv rounded up to a multiple of 4.
 *
 *   O (B,Hq,N,splits,partial_depth)   sum of P V over the split, P as in softmax.cl
 *   m (B,Hq,N,splits)                 m of the split; -inf if it has no score
 *   l (B,Hq,N,splits)                 sum of P over the split */
#ifndef SPLIT_PARTIALS_CL
#define SPLIT_PARTIALS_CL

#include "attention/args.h"

/* Index of the first m, and of the first l. */
INLINE long partial_maxima(const struct call *a)
{
    return a->N * a->Hq * a->B * a->splits * a->partial_depth;
}

INLINE long partial_sums(const struct call *a)
{
    return a->N * a->Hq * a->B * a->splits * (a->partial_depth + 1);
}

#endif
