/* SPDX-License-Identifier: Apache-2.0 */
/* Attention as an unfused framework computes it, each product of matrices a pass over memory: whatever it stores is
 * rounded to the dtype, S, P, dP and dS too. The measure of what can be asked of 16 bits; never of what is right.
 *
 *   S = round(scale Q K^T)   P = round(softmax(S over visible keys))   O = round(P V)
 *   delta_i = dO_i . O_i   dP = round(dO V^T)   dS = round(P * (dP - delta))
 *   dQ = round(scale dS K)   dK = round(scale dS^T Q)   dV = round(P^T dO)
 *
 * Sums are in double, and those over the query heads of a group are rounded once. */
#ifndef CLATTN_CHECK_NAIVE_H
#define CLATTN_CHECK_NAIVE_H

#include "clattn.h"

/* Inputs are those of the reference; outputs are contiguous: out (B,Hq,N,Dv), dq (B,Hq,N,D), dk (B,Hk,M,D),
 * dv (B,Hk,M,Dv). dq, dk and dv may all be NULL; a->dout is then not read. Returns 0, or -1 when memory is short. */
int naive_attention(const clattn_problem *p, const clattn_arrays *a, float *out, float *dq, float *dk, float *dv);

/* One row of it: out_row (Dv), dq_row (D). */
int naive_attention_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i,
                        float *out_row, float *dq_row);

#endif
