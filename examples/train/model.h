/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of the model in one buffer, their gradients in another, AdamW's averages in two
 * more.
 *
 *   x = token[ids] + position
 *   in each block:  x += layer(norm(x))      x += w2 gelu(w1 norm(x) + b1) + b2
 *   logits = token norm(x)
 *
 * E is dim, V the vocabulary, N the length. The token table is used twice (tied). */
#ifndef CLATTN_TRAIN_MODEL_H
#define CLATTN_TRAIN_MODEL_H

#include "nn.h"

struct sizes {
    size_t vocabulary, length, blocks, dim, heads;
};

/* All parameters: X(name, count, rows, columns). Matrices come first: weight decay applies to
 * them. */
#define MODEL_LIST(X)                                                                                                  \
    X(token, 1, s->vocabulary, s->dim)                                                                                 \
    X(position, 1, s->length, s->dim)                                                                                  \
    X(wq, s->blocks, s->dim, s->dim)                                                                                   \
    X(wkv, s->blocks, 2 * s->dim, s->dim)                                                                              \
    X(wo, s->blocks, s->dim, s->dim)                                                                                   \
    X(w1, s->blocks, 4 * s->dim, s->dim)                                                                               \
    X(w2, s->blocks, s->dim, 4 * s->dim)                                                                               \
    X(bq, s->blocks, 1, s->dim)                                                                                        \
    X(bkv, s->blocks, 1, 2 * s->dim)                                                                                   \
    X(bo, s->blocks, 1, s->dim)                                                                                        \
    X(b1, s->blocks, 1, 4 * s->dim)                                                                                    \
    X(b2, s->blocks, 1, s->dim)                                                                                        \
    X(gain_1, s->blocks, 1, s->dim)                                                                                    \
    X(bias_1, s->blocks, 1, s->dim)                                                                                    \
    X(gain_2, s->blocks, 1, s->dim)                                                                                    \
    X(bias_2, s->blocks, 1, s->dim)                                                                                    \
    X(gain_end, 1, 1, s->dim)                                                                                          \
    X(bias_end, 1, 1, s->dim)

enum model_part {
#define MODEL_ENUM(name, many, rows, columns) MODEL_##name,
    MODEL_LIST(MODEL_ENUM)
#undef MODEL_ENUM
        MODEL_PARTS,
    MODEL_FIRST_VECTOR = MODEL_bq
};

struct model {
    struct nn *nn;
    struct sizes sizes;
    size_t start[MODEL_PARTS + 1]; /* index where each part starts, one block after the other; then the end */
    size_t count[MODEL_PARTS];     /* elements of a part in one block */
    clattn_block parameters, gradients, mean, square;
};

/* Initialises weights as nn.Linear does, the layer's by clattn_layer_init_weights; biases 0, tokens
 * normal, positions sines, gains 1 except the last. */
void model_open(struct model *model, struct nn *nn, const struct sizes *sizes, uint64_t seed);
void model_close(struct model *model);

size_t model_count(const struct model *model); /* of all parameters */
const char *model_part_name(enum model_part part);

/* The parameters, and the gradients, of a part in a block. */
clattn_block model_parameter(const struct model *model, enum model_part part, size_t block);
clattn_block model_gradient(const struct model *model, enum model_part part, size_t block);

/* The attention layer of every block, for `batch` sequences. */
clattn_layer model_layer(const struct sizes *sizes, size_t batch);

#endif
