/* SPDX-License-Identifier: Apache-2.0 */
/* The weights of all-MiniLM-L6-v2 on the device. */
#ifndef CLATTN_EXAMPLES_ENCODER_WEIGHTS_H
#define CLATTN_EXAMPLES_ENCODER_WEIGHTS_H

#include "nn.h"

enum {
    ENTRIES = 30522, /* of the vocabulary */
    POSITIONS = 512, /* longest sentence, in tokens */
    SEGMENTS = 2,    /* token types; a single sentence has type 0 only */
    LAYERS = 6,
    HEADS = 12,
    WIDTH = 384, /* of a hidden state */
    INNER = 1536 /* of the hidden state between the two products of a layer's MLP */
};
#define EPSILON 1e-12f /* of every layer norm */

/* All weights: X(name, rank, dimensions). The name is also the file's. A weight of the layers is
 * one block for all layers. */
#define WEIGHT_LIST(X)                                                                                                 \
    X(word, 2, ENTRIES, WIDTH, 1)                                                                                      \
    X(position, 2, POSITIONS, WIDTH, 1)                                                                                \
    X(segment, 2, SEGMENTS, WIDTH, 1)                                                                                  \
    X(in_norm, 1, WIDTH, 1, 1)                                                                                         \
    X(in_norm_bias, 1, WIDTH, 1, 1)                                                                                    \
    X(wq, 3, LAYERS, WIDTH, WIDTH)                                                                                     \
    X(wq_bias, 2, LAYERS, WIDTH, 1)                                                                                    \
    X(wkv, 3, LAYERS, 2 * WIDTH, WIDTH)                                                                                \
    X(wkv_bias, 2, LAYERS, 2 * WIDTH, 1)                                                                               \
    X(wo, 3, LAYERS, WIDTH, WIDTH)                                                                                     \
    X(wo_bias, 2, LAYERS, WIDTH, 1)                                                                                    \
    X(mid_norm, 2, LAYERS, WIDTH, 1)                                                                                   \
    X(mid_norm_bias, 2, LAYERS, WIDTH, 1)                                                                              \
    X(widen, 3, LAYERS, INNER, WIDTH)                                                                                  \
    X(widen_bias, 2, LAYERS, INNER, 1)                                                                                 \
    X(narrow, 3, LAYERS, WIDTH, INNER)                                                                                 \
    X(narrow_bias, 2, LAYERS, WIDTH, 1)                                                                                \
    X(out_norm, 2, LAYERS, WIDTH, 1)                                                                                   \
    X(out_norm_bias, 2, LAYERS, WIDTH, 1)

struct weights {
#define WEIGHT_MEMBER(name, rank, d0, d1, d2) clattn_block name;
    WEIGHT_LIST(WEIGHT_MEMBER)
#undef WEIGHT_MEMBER
};

/* Reads FOLDER/NAME.npy of every weight; a missing file or another shape ends the program. */
struct weights weights_read(struct nn *nn, const char *folder);

void weights_release(struct weights *weights);

#endif
