/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of attention, a line each: whoever goes through tensors goes by this list. */
#ifndef CLATTN_TENSOR_SLOTS_H
#define CLATTN_TENSOR_SLOTS_H

#include "tensor/tensor.h"

/* TENSOR(SLOT, member of clattn_tensors, clattn_arrays and struct call, passes that read it, passes that write it, when
 * it is there, shape, elements). Passes are bits of CLATTN_FORWARD and CLATTN_BACKWARD. */
#define CLATTN__TENSORS(TENSOR)                                                                                        \
    TENSOR(Q, q, BOTH_PASSES, 0, ALWAYS, QUERIES, STORED)                                                              \
    TENSOR(K, k, BOTH_PASSES, 0, ALWAYS, KEYS, STORED)                                                                 \
    TENSOR(V, v, BOTH_PASSES, 0, ALWAYS, VALUES, STORED)                                                               \
    TENSOR(MASK, mask, BOTH_PASSES, 0, WITH_MASK, MASK, BYTE)                                                          \
    TENSOR(KV_LENGTHS, kv_lengths, BOTH_PASSES, 0, WITH_LENGTHS, BATCHES, INT)                                         \
    TENSOR(OUT, out, CLATTN_BACKWARD, CLATTN_FORWARD, ALWAYS, OUTPUT, STORED)                                          \
    TENSOR(LSE, lse, CLATTN_BACKWARD, CLATTN_FORWARD, IF_WANTED, ROWS, FLOAT)                                          \
    TENSOR(DOUT, dout, CLATTN_BACKWARD, 0, ALWAYS, OUTPUT, STORED)                                                     \
    TENSOR(DQ, dq, 0, CLATTN_BACKWARD_DQ, ALWAYS, QUERIES, STORED)                                                     \
    TENSOR(DK, dk, 0, CLATTN_BACKWARD_DK, ALWAYS, KEYS, STORED)                                                        \
    TENSOR(DV, dv, 0, CLATTN_BACKWARD_DV, ALWAYS, VALUES, STORED)

#define CLATTN__ROLE(slot, member, read, written, when, shape, elements) ROLE_##slot,
enum { CLATTN__TENSORS(CLATTN__ROLE) ROLE_COUNT };

/* Fills roles[] for a forward or the gradients in `pass`; returns how many. */
size_t clattn__roles(const clattn_problem *problem, unsigned pass, struct clattn__role roles[ROLE_COUNT]);
/* The passes that write tensor ROLE_.. */
unsigned clattn__written_by(size_t index);
/* Its member of the struct, which may be written where the struct may be. */
clattn_tensor *clattn__tensor_at(const clattn_tensors *tensors, size_t index);
clattn_array clattn__array_at(const clattn_arrays *arrays, size_t index);

#endif
