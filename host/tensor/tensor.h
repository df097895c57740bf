/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors as strided views. */
#ifndef CLATTN_TENSOR_TENSOR_H
#define CLATTN_TENSOR_TENSOR_H

#include "base/base.h"

enum clattn__tensor_use { TENSOR_INPUT, TENSOR_OUTPUT };

struct clattn__view {
    const char *name; /* "q" */
    enum clattn__tensor_use use;
    const void *memory; /* what two views must share to overlap: the root buffer */
    int64_t base;       /* byte of the first element in it */
    int64_t run;        /* bytes of one contiguous row */
    int64_t count[3];   /* batches, heads, rows */
    int64_t stride[3];  /* bytes between them */
};

/* Bytes from the first to past the last element, or -1 past 2^62. */
int64_t clattn__view_extent(const struct clattn__view *view);
/* Whether outputs among the views share bytes with any other view or themselves. */
clattn_status clattn__views_check_overlap(const struct clattn__view *views, size_t count);

enum clattn__elements { STORED, FLOAT, INT, BYTE }; /* STORED: of the problem's dtype */

/* A tensor of a pass. */
struct clattn__tensor_slot {
    const char *name;
    size_t index; /* among the tensors of attention (slots.h), or those of the layer */
    enum clattn__tensor_use use;
    bool optional;
    enum clattn__elements elements;
    size_t element_bytes;
    int64_t count[3]; /* batches, heads, rows */
    int64_t depth;
};
/* Whether the last dimension is contiguous, as engines need it. */
clattn_status clattn__slot_strides_check(const struct clattn__tensor_slot *slot, const size_t given[4]);
/* Its view with such strides, in elements, of which four zeros are filled in, and those of dimensions of size 1 cleared;
 * memory and base are the caller's to find. False where a stride exceeds CLATTN__MOST_STRIDE. */
#define CLATTN__MOST_STRIDE ((uint64_t)1 << 58)
bool clattn__slot_view(const struct clattn__tensor_slot *slot, const size_t given[4], struct clattn__view *view);

#endif
