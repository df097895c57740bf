/* SPDX-License-Identifier: Apache-2.0 */
/* Where queries stand among the keys. N and M are a batch's own. */
#ifndef POSITION_CL
#define POSITION_CL

#include "attention/rows.cl"

/* Query i is at key position i + this. */
INLINE long diagonal_offset(const struct call *a, long N, long M)
{
    return a->bottom_right ? M - N : a->offset;
}

/* Keys before seen_begin, and from seen_end on, are seen by no query, whatever a mask says: passes that add up over keys
 * take them for rows that do not exist. */
INLINE long seen_begin(const struct call *a, long N, long M)
{
    return 0;
}

INLINE long seen_end(const struct call *a, long N, long M)
{
    return M;
}

/* Queries from this one on see no key, whatever a mask says: passes that add up over queries take them for rows that do
 * not exist. */
INLINE long seeing_end(const struct call *a, long N, long M)
{
    return N;
}

#endif
