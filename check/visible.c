/* SPDX-License-Identifier: Apache-2.0 */
#include "visible.h"

#include "host_view.h"

#include <math.h>

/* The number of keys of batch b: M, or its own length within 0..M. */
static int64_t key_count(const clattn_problem *p, const clattn_arrays *a, int64_t b)
{
    const int32_t *lengths = a->kv_lengths.data;
    size_t stride = a->kv_lengths.stride[0] != 0 ? a->kv_lengths.stride[0] : 1;
    int64_t length = p->kv_lengths ? lengths[(size_t)b * stride] : p->kv_len;

    return length < 0 ? 0 : length > p->kv_len ? p->kv_len : length;
}

/* The offset: query i is at key position i + this. */
static int64_t diagonal(const clattn_problem *p, const clattn_arrays *a, int64_t b)
{
    return p->score.align == CLATTN_ALIGN_BOTTOM_RIGHT ? key_count(p, a, b) - p->q_len
           : p->score.align == CLATTN_ALIGN_OFFSET     ? p->score.offset
                                                       : 0;
}

/* Key position of query i. */
static int64_t key_position(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t i)
{
    return i + diagonal(p, a, b);
}

/* The first key that the window leaves visible to query i. */
static int64_t key_begin(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t i)
{
    int64_t begin = key_position(p, a, b, i) - p->score.window_left;

    return p->score.window && p->score.window_left >= 0 && begin > 0 ? begin : 0;
}

/* One past the last key that key length, causality and window leave visible to query i; may be 0 or
 * less. */
static int64_t key_end(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t i)
{
    int64_t end = key_count(p, a, b);
    int64_t position = key_position(p, a, b, i);

    if (p->score.causal && position + 1 < end) {
        end = position + 1;
    }
    if (p->score.window && p->score.window_right >= 0 && position + p->score.window_right + 1 < end) {
        end = position + p->score.window_right + 1;
    }
    return end;
}

/* The bias of a pair, 0 without one. */
static double bias(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t *dim = p->score.bias_dim;
    const float *from = a->bias.data;
    size_t stride[3];

    if (dim[0] == 0) {
        return 0.0;
    }
    host_strides(&a->bias, dim[1], dim[2], dim[3], stride);
    from += dim[0] > 1 ? (size_t)b * stride[0] : 0;
    from += dim[1] > 1 ? (size_t)h * stride[1] : 0;
    from += dim[2] > 1 ? (size_t)i * stride[2] : 0;
    return (double)from[dim[3] > 1 ? j : 0];
}

static int bias_hides(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    return bias(p, a, b, h, i, j) == -INFINITY;
}

/* The mask's row for (b,h,i), and the distance of its keys in *step; NULL without a mask. */
static const unsigned char *mask_row(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i,
                                     size_t *step)
{
    const int64_t *dim = p->score.mask_dim;
    const unsigned char *row = a->mask.data;
    size_t stride[3];

    if (dim[0] == 0) {
        return NULL;
    }
    host_strides(&a->mask, dim[1], dim[2], dim[3], stride);
    row += dim[0] > 1 ? (size_t)b * stride[0] : 0;
    row += dim[1] > 1 ? (size_t)h * stride[1] : 0;
    row += dim[2] > 1 ? (size_t)i * stride[2] : 0;
    *step = dim[3] > 1 ? 1 : 0;
    return row;
}

size_t bias_count(const clattn_problem *p)
{
    const int64_t *dim = p->score.bias_dim;

    return (size_t)dim[0] * (size_t)dim[1] * (size_t)dim[2] * (size_t)dim[3];
}

size_t bias_index(const clattn_problem *p, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t *dim = p->score.bias_dim;
    const int64_t row = ((dim[0] > 1 ? b : 0) * dim[1] + (dim[1] > 1 ? h : 0)) * dim[2] + (dim[2] > 1 ? i : 0);

    return (size_t)(row * dim[3] + (dim[3] > 1 ? j : 0));
}

int64_t visible_keys(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t *keys)
{
    size_t step = 0;
    const unsigned char *mask = mask_row(p, a, b, h, i, &step);
    int64_t end = key_end(p, a, b, i);
    int64_t count = 0;

    for (int64_t j = key_begin(p, a, b, i); j < end; j++) {
        if ((mask == NULL || mask[(size_t)j * step] != 0) && !bias_hides(p, a, b, h, i, j)) {
            keys[count++] = j;
        }
    }
    return count;
}

int visible_pair(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    size_t step = 0;
    const unsigned char *mask = mask_row(p, a, b, h, i, &step);

    return j >= key_begin(p, a, b, i) && j < key_end(p, a, b, i) && (mask == NULL || mask[(size_t)j * step] != 0) &&
           !bias_hides(p, a, b, h, i, j);
}

/* Whether the window hides key j from all queries: checking the first and the last query
 * suffices. */
static int outside_windows(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t j)
{
    return p->score.window && (j < key_begin(p, a, b, 0) || j >= key_end(p, a, b, p->q_len - 1));
}

int visible_padding(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t j)
{
    size_t step = 0;
    const unsigned char *mask = p->score.mask_dim[2] == 1 ? mask_row(p, a, b, h, 0, &step) : NULL;

    return j >= key_count(p, a, b) || outside_windows(p, a, b, j) || (mask != NULL && mask[(size_t)j * step] == 0);
}

double score_scale(const clattn_problem *p)
{
    return p->score.scale != 0.0f ? (double)p->score.scale : 1.0 / sqrt((double)p->qk_dim);
}

/* -slope |i + offset - j| */
static double alibi(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t j)
{
    const int64_t *dim = p->score.alibi_dim;
    const float *slopes = a->alibi.data;
    size_t stride[3];

    if (dim[0] == 0) {
        return 0.0;
    }
    host_strides(&a->alibi, dim[1], 1, 1, stride);
    slopes += dim[0] > 1 ? (size_t)b * stride[0] : 0;
    slopes += dim[1] > 1 ? (size_t)h * stride[1] : 0;
    return -(double)*slopes * fabs((double)i + (double)diagonal(p, a, b) - (double)j);
}

/* The scaled product over the softcap. */
static double capped_share(const clattn_problem *p, double dot)
{
    return score_scale(p) * dot / (double)p->score.softcap;
}

double score_slope(const clattn_problem *p, double dot)
{
    const double c = p->score.softcap != 0.0f ? cosh(fmin(fabs(capped_share(p, dot)), 300.0)) : 1.0;

    return 1.0 / (c * c);
}

double score_of_pair(const clattn_problem *p, const clattn_arrays *a, int64_t b, int64_t h, int64_t i, int64_t j,
                     double dot)
{
    const double capped =
        p->score.softcap != 0.0f ? (double)p->score.softcap * tanh(capped_share(p, dot)) : score_scale(p) * dot;

    return capped + bias(p, a, b, h, i, j) + alibi(p, a, b, h, i, j);
}

double sink_of_head(const clattn_problem *p, const clattn_arrays *a, int64_t h)
{
    const float *sinks = a->sink.data;
    size_t stride[3];

    if (!p->score.sinks) {
        return -INFINITY;
    }
    host_strides(&a->sink, p->q_heads, 1, 1, stride);
    return (double)sinks[(size_t)h * stride[1]];
}
