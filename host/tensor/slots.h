/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of attention, one line each: the one list for all code that loops over tensors. */
#ifndef CLATTN_TENSOR_SLOTS_H
#define CLATTN_TENSOR_SLOTS_H

#include "tensor/tensor.h"

/* TENSOR(SLOT, member of clattn_tensors, clattn_arrays and struct call, passes that read it, passes
 * that write it, whether problem p has it, shape (B, H, rows, depth), elements). Passes are bits of
 * CLATTN_FORWARD and CLATTN__GRADIENTS. */
#define CLATTN__TENSORS(TENSOR)                                                                                        \
    TENSOR(Q, q, BOTH_PASSES, 0, true, SHAPE(p->batch, p->q_heads, p->q_len, p->qk_dim), STORED)                       \
    TENSOR(K, k, BOTH_PASSES, 0, true, SHAPE(p->batch, p->kv_heads, p->kv_len, p->qk_dim), STORED)                     \
    TENSOR(V, v, BOTH_PASSES, 0, true, SHAPE(p->batch, p->kv_heads, p->kv_len, p->v_dim), STORED)                      \
    CLATTN__SCORE_TENSORS(TENSOR)                                                                                      \
    TENSOR(OUT, out, CLATTN__GRADIENTS, CLATTN_FORWARD, true, SHAPE(p->batch, p->q_heads, p->q_len, p->v_dim), STORED) \
    TENSOR(LSE, lse, CLATTN__GRADIENTS, CLATTN_FORWARD, true, SHAPE(p->batch, p->q_heads, p->q_len, 1), FLOAT)         \
    TENSOR(DOUT, dout, CLATTN__GRADIENTS, 0, true, SHAPE(p->batch, p->q_heads, p->q_len, p->v_dim), STORED)            \
    TENSOR(DQ, dq, 0, CLATTN_BACKWARD_DQ, true, SHAPE(p->batch, p->q_heads, p->q_len, p->qk_dim), STORED)              \
    TENSOR(DK, dk, 0, CLATTN_BACKWARD_DK, true, SHAPE(p->batch, p->kv_heads, p->kv_len, p->qk_dim), STORED)            \
    TENSOR(DV, dv, 0, CLATTN_BACKWARD_DV, true, SHAPE(p->batch, p->kv_heads, p->kv_len, p->v_dim), STORED)             \
    TENSOR(DLSE, dlse, CLATTN__GRADIENTS & ~CLATTN_BACKWARD_DV, 0, p->score.dlse != 0,                                 \
           SHAPE(p->batch, p->q_heads, p->q_len, 1), FLOAT)                                                            \
    TENSOR(DBIAS, dbias, 0, CLATTN_BACKWARD_DBIAS, p->score.bias_dim[0] != 0,                                          \
           SHAPE(p->score.bias_dim[0], p->score.bias_dim[1], p->score.bias_dim[2], p->score.bias_dim[3]), OF_BIAS)     \
    TENSOR(DSINK, dsink, 0, CLATTN_BACKWARD_DSINK, p->score.sinks != 0, SHAPE(1, p->q_heads, 1, 1), FLOAT)             \
    TENSOR(MAX_LOGIT, max_logit, 0, CLATTN_FORWARD, p->score.max_logit != 0, SHAPE(p->batch, p->q_heads, p->q_len, 1), \
           FLOAT)

/* Inputs of a score besides Q and K. A layer's calls have them too, under the same names. */
#define CLATTN__SCORE_TENSORS(TENSOR)                                                                                  \
    TENSOR(MASK, mask, BOTH_PASSES, 0, p->score.mask_dim[0] != 0,                                                      \
           SHAPE(p->score.mask_dim[0], p->score.mask_dim[1], p->score.mask_dim[2], p->score.mask_dim[3]), BYTE)        \
    TENSOR(KV_LENGTHS, kv_lengths, BOTH_PASSES, 0, p->kv_lengths != 0, SHAPE(p->batch, 1, 1, 1), INT)                  \
    TENSOR(ALIBI, alibi, BOTH_PASSES, 0, p->score.alibi_dim[0] != 0,                                                   \
           SHAPE(p->score.alibi_dim[0], p->score.alibi_dim[1], 1, 1), FLOAT)                                           \
    TENSOR(BIAS, bias, BOTH_PASSES, 0, p->score.bias_dim[0] != 0,                                                      \
           SHAPE(p->score.bias_dim[0], p->score.bias_dim[1], p->score.bias_dim[2], p->score.bias_dim[3]), OF_BIAS)     \
    TENSOR(SINK, sink, BOTH_PASSES, 0, p->score.sinks != 0, SHAPE(1, p->q_heads, 1, 1), FLOAT)

#define CLATTN__TENSOR_SLOT(slot, member, read, written, when, shape, elements) TENSOR_SLOT_##slot,
enum { CLATTN__TENSORS(CLATTN__TENSOR_SLOT) TENSOR_SLOT_COUNT };

/* Lists the tensors that `pass` (CLATTN_FORWARD or gradients) reads or writes. Returns their
 * number. */
size_t clattn__slots(const clattn_problem *problem, unsigned pass, struct clattn__tensor_slot slots[TENSOR_SLOT_COUNT]);
/* The passes that write tensor TENSOR_SLOT_... */
unsigned clattn__written_by(size_t index);
/* Member TENSOR_SLOT_.. of the struct. It may be written if the struct may be. */
clattn_tensor *clattn__tensor_at(const clattn_tensors *tensors, size_t index);
clattn_array clattn__array_at(const clattn_arrays *arrays, size_t index);

#endif
