/* SPDX-License-Identifier: Apache-2.0 */
/* A test case of the layer as one line of words, and its data on the host.
 *
 *   bN nN mN eN cN hN[/N] dN   batch, len, context_len, dim, context_dim, heads[/kv_heads], dim_head
 *                              (default 0, which is clattn_layer's default)
 *   causal   align=top-left|N  offset N   window=L,R
 *   mask=B,H,N,M               random, three of four elements are true
 *   kvlen    key lengths: half of M, M, 0, more than M, negative        scale=F   tile=Q/K
 *   without=bq+bkv             absent biases
 *   only=dx+dwq                gradients to compute (default all)
 *   accumulate                 gradients of weights and biases are added to their buffers
 *   nanpad                     NaN and infinity in rows of context that are padding in every head
 *   nanblind                   NaN and infinity in rows of x and dout of queries that see no key
 *   grid                       inputs are multiples of 1/16: projections are exact in float32
 *   seed=N */
#ifndef CLATTN_CHECK_LAYER_CASE_H
#define CLATTN_CHECK_LAYER_CASE_H

#include "layer_shape.h"

enum { LAYER_BIASES = 1 << LAYER_BQ | 1 << LAYER_BKV | 1 << LAYER_BO };
enum { LAYER_WEIGHT_GRADIENTS = 1 << LAYER_DWQ | 1 << LAYER_DWKV | 1 << LAYER_DWO };
enum { LAYER_BIAS_GRADIENTS = 1 << LAYER_DBQ | 1 << LAYER_DBKV | 1 << LAYER_DBO };
enum { LAYER_SUMS = LAYER_WEIGHT_GRADIENTS | LAYER_BIAS_GRADIENTS }; /* can accumulate */
enum { LAYER_GRADIENTS = LAYER_SUMS | 1 << LAYER_DX | 1 << LAYER_DCONTEXT };

struct layer_case {
    const char *line;
    clattn_layer layer;
    unsigned biases;    /* present: bits of slots */
    unsigned gradients; /* to compute: bits of slots */
    int accumulate, nanpad, nanblind, grid;
    uint64_t seed;
};

/* Returns 0, or -1 for an unknown word. The line must outlive the case. */
int layer_case_parse(const char *line, struct layer_case *c);

struct layer_data {
    void *slot[LAYER_SLOTS]; /* numbers in inputs and, where the case accumulates, in LAYER_SUMS; else bytes of 0xff */
    size_t bytes[LAYER_SLOTS]; /* 0: the case has no such tensor */
};

int layer_data_make(const struct layer_case *c, struct layer_data *data); /* 0, or -1 when memory is short */
void layer_data_free(struct layer_data *data);

size_t layer_element(enum layer_slot slot); /* bytes */
int layer_is_output(enum layer_slot slot);

/* The members of clattn_layer_arrays (which has no `saved`) and of clattn_layer_tensors by slot. */
clattn_layer_arrays layer_data_arrays(const struct layer_case *c, const struct layer_data *data);
clattn_block *layer_block(clattn_layer_tensors *tensors, enum layer_slot slot);    /* NULL for mask and kv_lengths */
clattn_tensor *layer_strided(clattn_layer_tensors *tensors, enum layer_slot slot); /* NULL for all others */

#endif
