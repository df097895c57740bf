/* SPDX-License-Identifier: Apache-2.0 */
/* Where queries stand among the keys: query i at key position i + diagonal_offset. N and M are a batch's own. */
#ifndef POSITION_CL
#define POSITION_CL

#include "attention/rows.cl"

INLINE long diagonal_offset(const struct call *a, long N, long M)
{
    return a->bottom_right ? M - N : a->offset;
}

/* Query i sees no key past i + this, where a->causal: an end on the right, which causality and a window may have. */
INLINE long last_offset(const struct call *a, long N, long M)
{
    return diagonal_offset(a, N, M) + (WINDOW ? a->window_right : 0);
}

/* And none before i + this, where a->window_begins. */
INLINE long first_offset(const struct call *a, long N, long M)
{
    return diagonal_offset(a, N, M) - a->window_left;
}

/* Keys before seen_begin, and from seen_end on, are in no query's window, whatever a mask says: passes that add up over
 * keys take them for rows that do not exist. */
INLINE long seen_begin(const struct call *a, long N, long M)
{
    return WINDOW && a->window_begins ? clamp(first_offset(a, N, M), 0L, M) : 0;
}

INLINE long seen_end(const struct call *a, long N, long M)
{
    return WINDOW && a->causal ? clamp(N + last_offset(a, N, M), 0L, M) : M;
}

/* Queries from this one on see no key, as their windows begin behind the last: passes that add up over queries take them
 * for rows that do not exist. */
INLINE long seeing_end(const struct call *a, long N, long M)
{
    return WINDOW && a->window_begins ? clamp(M - first_offset(a, N, M), 0L, N) : N;
}

#endif
