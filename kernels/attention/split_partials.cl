/* SPDX-License-Identifier: Apache-2.0 */
/* Where the work-groups of a split forward leave what they made of their part of the keys: in the workspace, all
 * float32, contiguous, one after the other; partial_depth is Dv rounded up to a multiple of 4
 *
 *   O (B,Hq,N,parts,partial_depth)   sum of P V over the part, P as in softmax.cl
 *   m (B,Hq,N,parts)              the part's m; -inf where it has no score
 *   l (B,Hq,N,parts)              sum of P */
#ifndef SPLIT_PARTIALS_CL
#define SPLIT_PARTIALS_CL

#include "attention/args.h"

/* Where m and l begin. */
INLINE long partial_maxima(const struct call *a)
{
    return a->N * a->Hq * a->B * a->splits * a->partial_depth;
}

INLINE long partial_sums(const struct call *a)
{
    return a->N * a->Hq * a->B * a->splits * (a->partial_depth + 1);
}

#endif
