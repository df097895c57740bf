/* SPDX-License-Identifier: Apache-2.0 */
/* Position of queries among the keys: query i is at key i + diagonal_offset. N and M are those of
 * the batch. */
#ifndef POSITION_CL
#define POSITION_CL

#include "attention/rows.cl"

INLINE long diagonal_offset(const struct call *a, long N, long M)
{
    return a->bottom_right ? M - N : a->offset;
}

/* If a->causal, query i sees no key after i + last_offset. Causality and windows both set this
 * end. */
INLINE long last_offset(const struct call *a, long N, long M)
{
    return diagonal_offset(a, N, M) + (WINDOW ? a->window_right : 0);
}

/* If a->window_begins, query i sees no key before i + first_offset. */
INLINE long first_offset(const struct call *a, long N, long M)
{
    return diagonal_offset(a, N, M) - a->window_left;
}

/* Keys before seen_begin, and from seen_end on, are in no query's window, independent of masks.
 * Passes that sum over keys treat them as rows that do not exist. */
INLINE long seen_begin(const struct call *a, long N, long M)
{
    return WINDOW && a->window_begins ? clamp(first_offset(a, N, M), 0L, M) : 0;
}

INLINE long seen_end(const struct call *a, long N, long M)
{
    return WINDOW && a->causal ? clamp(N + last_offset(a, N, M), 0L, M) : M;
}

/* Queries from seeing_end on see no key: their windows begin after the last key. Passes that sum
 * over queries treat them as rows that do not exist. */
INLINE long seeing_end(const struct call *a, long N, long M)
{
    return WINDOW && a->window_begins ? clamp(M - first_offset(a, N, M), 0L, N) : N;
}

#endif
