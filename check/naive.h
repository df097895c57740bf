/* SPDX-License-Identifier: Apache-2.0 */
/* Attention as an unfused framework computes it: S, P, dP and dS are stored, and so rounded to the
 * dtype. Its error is the yardstick for results in 16 bits; the reference alone decides what is
 * correct.
 *
 *   S = round(scale Q K^T)   P = round(softmax(S over visible keys))   O = round(P V)
 *   delta_i = dO_i . O_i   dP = round(dO V^T)   dS = round(P * (dP - delta))
 *   dQ = round(scale dS K)   dK = round(scale dS^T Q)   dV = round(P^T dO)
 *
 * With a softcap, dS is multiplied by its slope and rounded once more before dQ and dK.
 * With a sink, one more score whose P is dropped: dsink = - sum_i P_sink delta_i.
 *
 * Sums are in double; dK and dV are summed over the query heads of a group before they are
 * rounded. */
#ifndef CLATTN_CHECK_NAIVE_H
#define CLATTN_CHECK_NAIVE_H

#include "clattn.h"

/* Takes the reference's inputs. Outputs are contiguous: out (B,Hq,N,Dv), dq (B,Hq,N,D), dk
 * (B,Hk,M,D), dv (B,Hk,M,Dv), dbias in the shape of the bias, NULL if not wanted. Where dq, dk and dv are all NULL, a->dout is not read. Returns 0, or
 * -1 when memory is short. */
int naive_attention(const clattn_problem *p, const clattn_arrays *a, float *out, float *dq, float *dk, float *dv,
                    float *dbias);

/* The terms (B,Hq,N) of dsink. */
int naive_dsink(const clattn_problem *p, const clattn_arrays *a, double *terms);

/* The largest S of each row, (B,Hq,N); -inf where none is visible. */
int naive_max_logit(const clattn_problem *p, const clattn_arrays *a, float *max_logit);

/* One query row: out_row (Dv), dq_row (D). */
int naive_attention_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i,
                        float *out_row, float *dq_row);

#endif
