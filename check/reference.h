/* SPDX-License-Identifier: Apache-2.0 */
/* Attention and its gradients in double, written as the formulas are: the truth of every test.
 *
 *   S = scale Q K^T     P = softmax(S over visible keys)     O = P V     L_i = log sum_j exp S_ij
 *   With a softcap c, S = c tanh(scale Q K^T / c), and dS is multiplied by 1 - tanh^2 in dQ and dK.
 *
 * With a sink s of the head: P_ij = exp(S_ij - L_i) with L_i = log(exp s + sum_j exp S_ij)
 *
 *   delta_i = dO_i . O_i     dS = P * (dO V^T - delta)     dQ = scale dS K     dK = scale dS^T Q     dV = P^T dO
 *
 * Shares only the struct types of clattn.h with the library. Inputs are float32 host arrays with
 * clattn's strides (all three 0: contiguous), independent of p->dtype. Outputs are contiguous
 * doubles; NULL: not wanted (sizes too, but not the outputs of *_row). A pair (i,j) that is not
 * visible is skipped, not multiplied by 0, so that padding keys may hold NaN. Scratch is O(M),
 * never N x M. L and O are recomputed; arrays->out and arrays->lse are never read. No global state:
 * any number of threads.
 *
 * Every function that returns int returns 0, or -1 when host memory is short. */
#ifndef CLATTN_CHECK_REFERENCE_H
#define CLATTN_CHECK_REFERENCE_H

#include "clattn.h"

/* The magnitude of the terms of a result, to which rounding errors are proportional even where the
 * terms cancel (a gradient that is 0 in theory). Each is the largest over all rows; 0 where no pair
 * is visible. size(x . y) is sqrt(sum_d (x_d y_d)^2), which stays large where the terms of x . y
 * cancel. */
struct reference_sizes {
    double score; /* |S_ij| of a visible pair */
    double out;   /* |V_jd| of a visible key, a bound of sum_j P_ij |V_jd| */
    double lse;   /* |max_j S_ij| + log(number of visible keys), and |scale| size(q . k) */
    double dq;    /* |scale| sum_j P_ij (size(dP_ij) + size(delta_i)) max|K|; size(delta_i) = sum_j P_ij size(dP_ij) */
    double dk;    /* |scale| sum_i P_ij (size(dP_ij) + size(delta_i)) max|Q| */
    double dv;    /* sum_i P_ij max|dO| */
    double dbias; /* the sum over its pairs of P_ij (size(dP_ij) + size(delta_i)) */
    double dsink; /* sum_i exp(s - L_i) size(delta_i) */
};

/* out (B,Hq,N,Dv), lse (B,Hq,N). Sets score, out and lse of `sizes`. */
int reference_forward(const clattn_problem *p, const clattn_arrays *a, double *out, double *lse,
                      struct reference_sizes *sizes);

/* max_logit (B,Hq,N): the largest S of each row, without a sink; -inf where none is visible. */
int reference_max_logit(const clattn_problem *p, const clattn_arrays *a, double *max_logit);

/* dq (B,Hq,N,D), dk (B,Hk,M,D), dv (B,Hk,M,Dv). Sets score, dq, dk and dv of `sizes`. Reads
 * a->dout. */
int reference_backward(const clattn_problem *p, const clattn_arrays *a, double *dq, double *dk, double *dv,
                       struct reference_sizes *sizes);

/* dsink (Hq), and its terms (B,Hq,N), the sums of which it is. Sets dsink of `sizes`. Reads
 * a->dout. */
int reference_dsink(const clattn_problem *p, const clattn_arrays *a, double *dsink, double *terms,
                    struct reference_sizes *sizes);

/* dbias, in the shape of the bias: dS, summed over the dimensions along which the bias is broadcast.
 * Raises score and dbias of `sizes`. */
int reference_dbias(const clattn_problem *p, const clattn_arrays *a, double *dbias, struct reference_sizes *sizes);

/* One row of the forward: out_row (Dv), one lse. For tensors too large to check whole. `sizes` is
 * not reset, only raised to the sizes of this row: start from {0}. */
int reference_forward_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i,
                          double *out_row, double *lse, struct reference_sizes *sizes);

/* The gradients of batch b, key head hk and its Hq/Hk query heads: dq (Hq/Hk,N,D), dk (M,D), dv
 * (M,Dv). `sizes` is raised as above. */
int reference_backward_group(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t hk, double *dq,
                             double *dk, double *dv, struct reference_sizes *sizes);

/* The gradient of one query row: dq_row (D). `sizes` is raised as above. */
int reference_dq_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, double *dq_row,
                     struct reference_sizes *sizes);

#endif
