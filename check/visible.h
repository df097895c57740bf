/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a pair is visible (key lengths, causality, window, mask, bias), and its score. */
#ifndef CLATTN_CHECK_VISIBLE_H
#define CLATTN_CHECK_VISIBLE_H

#include "clattn.h"

/* Writes the keys that query i of head h of batch b sees to `keys` (room for M), in order; returns
 * how many. */
int64_t visible_keys(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t *keys);

/* 1 when query i of head h of batch b sees key j. */
int visible_pair(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t j);

/* 1 when key j is padding for query head h: past the key length, outside every query's window, or
 * false in a mask with one row for all queries. */
int visible_padding(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t j);

/* The number of elements of the bias, 0 without one, and the index of the element of a pair in a
 * contiguous bias. */
size_t bias_count(const clattn_problem *p);
size_t bias_index(const clattn_problem *p, int64_t b, int64_t h, int64_t i, int64_t j);

/* The scale, and the score S (softcap, bias and ALiBi included) of a pair with q . k = `dot`, visible or
 * not. */
double score_scale(const clattn_problem *p);
/* The sink of head h; -inf in a problem without sinks. */
double sink_of_head(const clattn_problem *p, const clattn_arrays *a, int64_t h);
double score_of_pair(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t j,
                     double dot);

/* The derivative of S by the scaled product: 1 without a softcap. */
double score_slope(const clattn_problem *p, double dot);

#endif
