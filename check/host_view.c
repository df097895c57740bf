/* SPDX-License-Identifier: Apache-2.0 */
#include "host_view.h"

#include <string.h>

void host_strides(const clattn_const_array *array, int64_t heads, int64_t rows, int64_t depth, size_t stride[3])
{
    if (array->stride[0] == 0 && array->stride[1] == 0 && array->stride[2] == 0 && array->stride[3] == 0) {
        stride[2] = (size_t)depth;
        stride[1] = (size_t)rows * stride[2];
        stride[0] = (size_t)heads * stride[1];
    } else {
        memcpy(stride, array->stride, 3 * sizeof *stride);
    }
}

struct host_view host_view(const clattn_const_array *array, int64_t heads, int64_t rows, int64_t depth)
{
    struct host_view view = {array->data, {0, 0, 0}};

    host_strides(array, heads, rows, depth, view.stride);
    return view;
}

const float *host_row(const struct host_view *view, int64_t b, int64_t h, int64_t row)
{
    return view->data + (size_t)b * view->stride[0] + (size_t)h * view->stride[1] + (size_t)row * view->stride[2];
}

void *host_writable(const clattn_const_array *array)
{
    return (void *)(uintptr_t)array->data;
}
