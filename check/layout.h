/* SPDX-License-Identifier: Apache-2.0 */
/* Where the tensors of a test case lie in their buffers. Internal to data_make. */
#ifndef CLATTN_CHECK_LAYOUT_H
#define CLATTN_CHECK_LAYOUT_H

#include "data.h"

/* Fills in the views and makes the buffers, their images uninitialised. 0, or -1 as data_make. */
int layout_make(struct data_set *set, const struct test_case *c);

/* Offset and strides of a view whose dimensions are set, for LAYOUT_RANDOM. */
void layout_random(struct data_view *view, enum data_slot slot, uint64_t seed);

#endif
