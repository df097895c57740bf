/* SPDX-License-Identifier: Apache-2.0 */
/* The transformer: token numbers in, hidden states out.
 *
 *   x = norm(word + position + segment)
 *   six times: x = norm(x + attention(x)),   x = norm(x + narrow gelu(widen x))
 *
 * B sentences of N tokens, padded at their ends; hidden states are (B,N,WIDTH). */
#ifndef CLATTN_EXAMPLES_ENCODER_NETWORK_H
#define CLATTN_EXAMPLES_ENCODER_NETWORK_H

#include "weights.h"

struct network {
    struct nn *nn;
    const struct weights *weights;
    size_t rows;                      /* B N */
    clattn_layer_plan *attention;     /* shared by all layers, which have equal sizes */
    clattn_block words;               /* (B,N) token numbers */
    clattn_block positions, segments; /* (B,N) 0 .. N - 1 in each sentence; all 0 */
    cl_mem mask;                      /* (B,N) bytes, nonzero at tokens */
    clattn_block x, branch;           /* (B,N,WIDTH): the hidden states; a branch to add to them */
    clattn_block inner;               /* (B,N,INNER) */
    clattn_block workspace;           /* of the attention */
};

/* Plans the attention and makes the buffers. `nn` and `weights` must outlive the network. `tokens`
 * (B,N): 0 to ENTRIES - 1, N at most POSITIONS; `mask` (B,N): a nonzero byte in every row. */
void network_create(struct network *net, struct nn *nn, const struct weights *weights, size_t batch, size_t length,
                    const int32_t *tokens, const unsigned char *mask);

/* Enqueues the network; net->x gets the hidden states. Those of padding tokens have no meaning. */
void network_run(struct network *net);

void network_release(struct network *net);

#endif
