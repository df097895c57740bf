/* SPDX-License-Identifier: Apache-2.0 */
/* Which queries of a layer see a key, and which keys a query sees. Other rows add nothing to the
 * gradients of weights, even where they hold NaN. */
#ifndef CLATTN_CHECK_LAYER_SEEN_H
#define CLATTN_CHECK_LAYER_SEEN_H

#include "layer_shape.h"

/* The layer's attention; its tiles are left at their defaults. */
clattn_problem layer_problem(const clattn_layer *layer);

/* 1 when query i of batch b sees a key in any head; 1 when any query sees key j in any head. `a`
 * has the layer's mask and key lengths. */
int layer_query_sees(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t i);
int layer_key_is_seen(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t j);
/* 1 when key j is padding (clattn.h) in every head. */
int layer_key_is_padding(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t j);

#endif
