/* SPDX-License-Identifier: Apache-2.0 */
/* The layout of a test case's tensors in their buffers. Internal to data_make. */
#ifndef CLATTN_CHECK_LAYOUT_H
#define CLATTN_CHECK_LAYOUT_H

#include "data.h"

/* Fills in the views and allocates the buffers; images are uninitialised. Returns 0, or -1 as
 * data_make does. */
int layout_make(struct data_set *set, const struct test_case *c);

/* LAYOUT_RANDOM: sets offset and strides of a view that has its dimensions. */
void layout_random(struct data_view *view, enum data_slot slot, uint64_t seed);

#endif
