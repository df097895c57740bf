/* SPDX-License-Identifier: Apache-2.0 */
/* A forward whose work-groups share the keys out. */
#ifndef CLATTN_SELECT_SPLIT_H
#define CLATTN_SELECT_SPLIT_H

#include "select/config.h"

/* Warps that a compute unit has registers for in engine nvidia_mma's schedule for few query rows. */
enum { CLATTN__DECODE_MMA_WARPS = 8 };

/* Keys that float32 adds up well enough one by one, of a group of work-items in simt's schedule for few query rows. */
enum { CLATTN__DECODE_GROUP_KEYS = 4096 };

/* Parts of the keys for a forward with this tile; 1: it is not split. */
int clattn__split_count(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *config);
/* Elements of a row of O in a part: Dv, rounded up. Bytes that all parts take, see kernels/attention/split_partials.cl; 0 where there is
 * but one. */
int clattn__split_depth(const clattn_problem *problem);
size_t clattn__split_bytes(const clattn_problem *problem, int splits);

#endif
