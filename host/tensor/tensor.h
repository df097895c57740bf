/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors as strided views. */
#ifndef CLATTN_TENSOR_TENSOR_H
#define CLATTN_TENSOR_TENSOR_H

#include "base/base.h"

enum clattn__tensor_use { TENSOR_INPUT, TENSOR_OUTPUT };

struct clattn__view {
    const char *name; /* "q" */
    enum clattn__tensor_use use;
    const void *memory; /* the root buffer; views of different memory do not overlap */
    int64_t base;       /* first element: byte in memory */
    int64_t run;        /* bytes of a contiguous row */
    int64_t count[3];   /* batches, heads, rows */
    int64_t stride[3];  /* bytes */
};

/* Bytes from the first element to the end of the last one; -1: more than 2^62. */
int64_t clattn__view_extent(const struct clattn__view *view);
/* Fails if an output shares bytes with another view or with itself. */
clattn_status clattn__views_check_overlap(const struct clattn__view *views, size_t count);

/* STORED: in the problem's dtype; OF_BIAS: in that, or float32 with score.bias_float32. */
enum clattn__elements { STORED, FLOAT, INT, BYTE, OF_BIAS };

/* A tensor of a pass. */
struct clattn__tensor_slot {
    const char *name;
    size_t index; /* in the list of attention's tensors (slots.h), or of the layer's */
    enum clattn__tensor_use use;
    bool optional;
    enum clattn__elements elements;
    size_t element_bytes;
    int64_t count[3]; /* batches, heads, rows */
    int64_t depth;
};
/* Fails if the last dimension is not contiguous, which engines require. */
clattn_status clattn__slot_strides_check(const struct clattn__tensor_slot *slot, const size_t given[4]);
/* The slot's view with the given strides (in elements). Four zeros become the contiguous strides;
 * the stride of a dimension of size 1 becomes 0. The caller sets memory and base. False if a stride
 * exceeds CLATTN__MOST_STRIDE. */
#define CLATTN__MOST_STRIDE ((uint64_t)1 << 58)
bool clattn__slot_view(const struct clattn__tensor_slot *slot, const size_t given[4], struct clattn__view *view);

#endif
