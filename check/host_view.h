/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of host tensors that a clattn_const_array describes. */
#ifndef CLATTN_CHECK_HOST_VIEW_H
#define CLATTN_CHECK_HOST_VIEW_H

#include "clattn.h"

/* A float32 tensor (B,H,rows,depth) with its strides. */
struct host_view {
    const float *data;
    size_t stride[3];
};

/* The array's strides; where all are 0, those of a contiguous tensor. */
void host_strides(const clattn_const_array *array, int64_t heads, int64_t rows, int64_t depth, size_t stride[3]);

struct host_view host_view(const clattn_const_array *array, int64_t heads, int64_t rows, int64_t depth);
/* The data of an input, for the test that owns it to write or free. */
void *host_writable(const clattn_const_array *array);
const float *host_row(const struct host_view *view, int64_t b, int64_t h, int64_t row);

#endif
