/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a layer by slot, and their sizes. Written from the text of clattn.h; shares only
 * its struct types. */
#ifndef CLATTN_CHECK_LAYER_SHAPE_H
#define CLATTN_CHECK_LAYER_SHAPE_H

#include "clattn.h"

/* The members of clattn_layer_tensors, in their order. */
enum layer_slot {
    LAYER_X,
    LAYER_CONTEXT,
    LAYER_MASK,
    LAYER_KV_LENGTHS,
    LAYER_WQ,
    LAYER_WKV,
    LAYER_WO,
    LAYER_BQ,
    LAYER_BKV,
    LAYER_BO,
    LAYER_OUT,
    LAYER_SAVED,
    LAYER_DOUT,
    LAYER_DX,
    LAYER_DCONTEXT,
    LAYER_DWQ,
    LAYER_DWKV,
    LAYER_DWO,
    LAYER_DBQ,
    LAYER_DBKV,
    LAYER_DBO,
    LAYER_SLOTS
};

/* The sizes of a layer with its defaults filled in. */
struct layer_shape {
    int64_t b, n, m, e, c, h, hk, d;
    int64_t inner;    /* H D: a row of Q and O */
    int64_t kv_inner; /* 2 Hk D: a row of K and V */
    int self;         /* keys and values come from x */
};

struct layer_shape layer_shape(const clattn_layer *layer);
/* The number of elements of a tensor; 0 where the layer lacks it (context, dcontext, mask,
 * kv_lengths). */
size_t layer_count(const clattn_layer *layer, enum layer_slot slot);
const char *layer_slot_name(enum layer_slot slot); /* "dwq" */

#endif
