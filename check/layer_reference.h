/* SPDX-License-Identifier: Apache-2.0 */
/* The layer in double, written as the formulas are: the truth of its tests.
 *
 *   Q = x wq^T + bq     (K V) = context wkv^T + bkv     O = attention     out = O wo^T + bo
 *   dO = dout wo     dQ, dK, dV of attention
 *   dx = dQ wq (and, without a context, + (dK dV) wkv)     dcontext = (dK dV) wkv
 *   dwq = dQ^T x     dwkv = (dK dV)^T context     dwo = dout^T O     biases: sums over rows
 *
 * dwq, dwkv and dwo leave out queries that see no key and keys that no query sees: they would add 0
 * times their data, which may be NaN.
 *
 * Projections are plain loops. Attention is reference.c, which takes float32: Q, K, V and dO are
 * rounded, as they are in the library. That is half a unit in the last place, far below the
 * tolerances, and exact where the sums fit 24 bits (layer_case's word "grid"). Shares only the
 * struct types of clattn.h with the library. */
#ifndef CLATTN_CHECK_LAYER_REFERENCE_H
#define CLATTN_CHECK_LAYER_REFERENCE_H

#include "layer_shape.h"

/* A range of a tensor's elements with one tolerance: dwkv has one of dK's rows, then one of
 * dV's. */
struct layer_part {
    size_t end;       /* one past its last element */
    double tolerance; /* see layer_reference */
};

enum { LAYER_PARTS = 5 };

struct layer_truth {
    double *tensor[LAYER_SLOTS]; /* out, saved and the gradients; NULL where the layer has no such tensor */
    struct layer_part part[LAYER_SLOTS][LAYER_PARTS];
    double *memory;
};

/* Computes out and saved and, where arrays->dout is given, all gradients. Reads only inputs.
 * Returns 0, or -1 when host memory is short.
 *
 * Tolerances. A sum of K products in float32 (u = 2^-24) has a relative error of about u sqrt(K),
 * and passes on the relative errors of its terms. An element's error may be
 *
 *   u max(1, score / 4) (sum of sqrt(K) over all sums that lead to it) size
 *
 * size is the largest magnitude of its layer_part, but at least 1/16 of sqrt(K) max|a| max|b|, for
 * terms that cancel; score is the largest |S|, as an absolute error of S is a relative error of
 * P. */
int layer_reference(const clattn_layer *layer, const clattn_layer_arrays *arrays, struct layer_truth *truth);
void layer_truth_free(struct layer_truth *truth);

/* The tolerance of an element of a tensor of the truth. */
double layer_tolerance(const struct layer_truth *truth, enum layer_slot slot, size_t index);

#endif
