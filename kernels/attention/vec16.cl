/* SPDX-License-Identifier: Apache-2.0 */
/* Loads of vec16 (16 bytes), for schedules that load straight into registers, TILE_COLS keys at a
 * time. */
#ifndef VEC16_CL
#define VEC16_CL

#include "attention/rows.cl"

/* Elements d .. d + VEC16 - 1 of a row; those past its end are 0. */
INLINE uint4 load_vec16(const __global stored *row, int d, int depth)
{
#if STORAGE == STORAGE_FLOAT32
    return as_uint4(load_quad(row, d, depth));
#else
    const uint2 low = as_uint2(load_quad(row, d, depth)), high = as_uint2(load_quad(row, d + 4, depth));
    return (uint4)(low.x, low.y, high.x, high.y);
#endif
}

/* Whether rows first .. first + TILE_COLS - 1 all exist. */
INLINE bool all_exist(const struct rows *t, long first)
{
    return !has_padding(t) && first + TILE_COLS <= t->at.count;
}

#endif
