/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of the host as clattn_const_array describes them: where their rows are. */
#ifndef CLATTN_CHECK_HOST_VIEW_H
#define CLATTN_CHECK_HOST_VIEW_H

#include "clattn.h"

/* A (B,H,rows,depth) float32 tensor, its strides filled in. */
struct host_view {
    const float *data;
    size_t stride[3];
};

/* The array's strides; all 0: those of a contiguous tensor. */
void host_strides(const clattn_const_array *array, int64_t heads, int64_t rows, int64_t depth, size_t stride[3]);

struct host_view host_view(const clattn_const_array *array, int64_t heads, int64_t rows, int64_t depth);
/* What an input holds, for the test that made it to write or free. */
void *host_writable(const clattn_const_array *array);
const float *host_row(const struct host_view *view, int64_t b, int64_t h, int64_t row);

#endif
