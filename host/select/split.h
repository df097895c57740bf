/* SPDX-License-Identifier: Apache-2.0 */
/* Splits of the keys in forward. */
#ifndef CLATTN_SELECT_SPLIT_H
#define CLATTN_SELECT_SPLIT_H

#include "select/config.h"

/* Warps for which a compute unit has registers in nvidia_mma's decode. */
enum { CLATTN__DECODE_MMA_WARPS = 8 };

/* Keys that float32 sums one by one with enough precision, for a group of work-items in simt's
 * decode. */
enum { CLATTN__DECODE_GROUP_KEYS = 4096 };

/* Number of splits for a forward with this tile; 1: none. */
int clattn__split_count(const struct clattn__device *device, const clattn_problem *problem,
                        const struct clattn__config *config);
/* Elements of a row of O in the partial results: Dv, rounded up to a multiple of 4. Bytes of all
 * partial results (kernels/attention/split_partials.cl); 0 without splits. */
int clattn__partial_depth(const clattn_problem *problem);
size_t clattn__partials_bytes(const clattn_problem *problem, int splits);

#endif
