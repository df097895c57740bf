/* SPDX-License-Identifier: Apache-2.0 */
/* The layer in double, the way the formulas are written: the truth of its tests.
 *
 *   Q = x wq^T + bq     (K V) = context wkv^T + bkv     O = attention     out = O wo^T + bo
 *   dO = dout wo     dQ, dK, dV of attention
 *   dx = dQ wq (and, without a context, + (dK dV) wkv)     dcontext = (dK dV) wkv
 *   dwq = dQ^T x     dwkv = (dK dV)^T context     dwo = dout^T O     biases: sums over rows
 *
 * the last three without the queries that see no key and the keys that no query sees, which would add 0 times whatever
 * they hold.
 *
 * Projections are plain loops; the attention is reference.c's, which takes float32: Q, K, V and dO are rounded on the
 * way, as the library stores them too. That is half a unit in the last place, far within the tolerances, and nothing at
 * all where the sums fit 24 bits (layer_case's word "grid"). Shares only the struct types of clattn.h with the
 * library. */
#ifndef CLATTN_CHECK_LAYER_REFERENCE_H
#define CLATTN_CHECK_LAYER_REFERENCE_H

#include "layer_shape.h"

/* A stretch of a tensor whose elements have one magnitude: dwkv is dK's rows, then dV's. */
struct layer_part {
    size_t end;       /* one past its last element */
    double tolerance; /* see layer_reference */
};

enum { LAYER_PARTS = 5 };

struct layer_truth {
    double *tensor[LAYER_SLOTS]; /* out, saved and the gradients; NULL where the layer has no such */
    struct layer_part part[LAYER_SLOTS][LAYER_PARTS];
    double *memory;
};

/* Out and saved; with arrays->dout also all gradients. Reads only inputs. 0, or -1 when host memory is short.
 *
 * Tolerances. A sum of K products in float32 (u = 2^-24) is off by about u sqrt(K) times its size; errors of what it is
 * made of pass through it in the same proportion. An element may so be off by
 *
 *   u max(1, score / 4) (sum of sqrt(K) over all sums on the way to it) size
 *
 * where size is the largest magnitude of its part, or a 16th of sqrt(K) max|a| max|b| where that is more (terms that
 * cancel), and score is the largest |S|, whose error is a relative error of P. */
int layer_reference(const clattn_layer *layer, const clattn_layer_arrays *arrays, struct layer_truth *truth);
void layer_truth_free(struct layer_truth *truth);

/* The tolerance of an element of a tensor of the truth. */
double layer_tolerance(const struct layer_truth *truth, enum layer_slot slot, size_t index);

#endif
