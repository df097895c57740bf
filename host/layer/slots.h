/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of the layer, one line each: the one list for all code that loops over them. */
#ifndef CLATTN_LAYER_SLOTS_H
#define CLATTN_LAYER_SLOTS_H

#include "tensor/slots.h"

/* BLOCK(SLOT, member of clattn_layer_tensors and clattn_layer_arrays, passes that read it, passes
 * that write it, passes in which it may be absent, when the layer has it, rows, columns). A
 * DEVICE_BLOCK is a member of clattn_layer_tensors only. A TENSOR is attention's, as in its list, and
 * an ATTENTION_OUTPUT too, which the given pass writes and which may be absent. */
#define CLATTN__LAYER_TENSORS(BLOCK, DEVICE_BLOCK, TENSOR, ATTENTION_OUTPUT)                                           \
    BLOCK(X, x, BOTH_PASSES, 0, 0, ALWAYS, rows, dim)                                                                  \
    BLOCK(CONTEXT, context, BOTH_PASSES, 0, 0, WITH_CONTEXT, keys, context_dim)                                        \
    CLATTN__SCORE_TENSORS(TENSOR)                                                                                      \
    ATTENTION_OUTPUT(DBIAS, dbias, CLATTN_BACKWARD)                                                                    \
    ATTENTION_OUTPUT(DSINK, dsink, CLATTN_BACKWARD)                                                                    \
    ATTENTION_OUTPUT(MAX_LOGIT, max_logit, CLATTN_FORWARD)                                                             \
    BLOCK(WQ, wq, BOTH_PASSES, 0, 0, ALWAYS, width, dim)                                                               \
    BLOCK(WKV, wkv, BOTH_PASSES, 0, 0, ALWAYS, kv_width, context_dim)                                                  \
    BLOCK(WO, wo, BOTH_PASSES, 0, 0, ALWAYS, dim, width)                                                               \
    BLOCK(BQ, bq, CLATTN_FORWARD, 0, CLATTN_FORWARD, ALWAYS, 1, width)                                                 \
    BLOCK(BKV, bkv, CLATTN_FORWARD, 0, CLATTN_FORWARD, ALWAYS, 1, kv_width)                                            \
    BLOCK(BO, bo, CLATTN_FORWARD, 0, CLATTN_FORWARD, ALWAYS, 1, dim)                                                   \
    BLOCK(OUT, out, 0, CLATTN_FORWARD, 0, ALWAYS, rows, dim)                                                           \
    DEVICE_BLOCK(SAVED, saved, CLATTN_BACKWARD, CLATTN_FORWARD, CLATTN_FORWARD, ALWAYS, 1, saved)                      \
    BLOCK(DOUT, dout, CLATTN_BACKWARD, 0, 0, ALWAYS, rows, dim)                                                        \
    BLOCK(DX, dx, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, ALWAYS, rows, dim)                                              \
    BLOCK(DCONTEXT, dcontext, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, WITH_CONTEXT, keys, context_dim)                    \
    BLOCK(DWQ, dwq, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, ALWAYS, width, dim)                                           \
    BLOCK(DWKV, dwkv, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, ALWAYS, kv_width, context_dim)                              \
    BLOCK(DWO, dwo, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, ALWAYS, dim, width)                                           \
    BLOCK(DBQ, dbq, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, ALWAYS, 1, width)                                             \
    BLOCK(DBKV, dbkv, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, ALWAYS, 1, kv_width)                                        \
    BLOCK(DBO, dbo, 0, CLATTN_BACKWARD, CLATTN_BACKWARD, ALWAYS, 1, dim)

#define CLATTN__LAYER_TENSOR_SLOT(slot, ...) LAYER_##slot,
enum {
    CLATTN__LAYER_TENSORS(CLATTN__LAYER_TENSOR_SLOT, CLATTN__LAYER_TENSOR_SLOT, CLATTN__LAYER_TENSOR_SLOT,
                          CLATTN__LAYER_TENSOR_SLOT) LAYER_TENSOR_SLOT_COUNT
};

#endif
