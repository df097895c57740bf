/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a test case on the host: their layout and their data.
 *
 * Each buffer has an image, its contents before the run. An input has the case's numbers, rounded
 * to its dtype, in the view, and NaN (a mask: bytes of 1) around the view and in its gaps. An
 * output has NaN in the view, and a guard pattern around it and in its gaps. */
#ifndef CLATTN_CHECK_DATA_H
#define CLATTN_CHECK_DATA_H

#include "cases.h"

enum data_slot {
    SLOT_Q,
    SLOT_K,
    SLOT_V,
    SLOT_MASK,
    SLOT_KV_LENGTHS,
    SLOT_DOUT,
    SLOT_ALIBI,
    SLOT_BIAS,
    SLOT_SINK,
    SLOT_DLSE,
    SLOT_OUT, /* from here on outputs, in the order of enum check_tensor */
    SLOT_LSE,
    SLOT_DQ,
    SLOT_DK,
    SLOT_DV,
    SLOT_DBIAS,
    SLOT_DSINK,
    SLOT_MAX_LOGIT,
    SLOT_COUNT
};

/* Element (b,h,r,d) is at [offset + b stride[0] + h stride[1] + r stride[2] + d] of the buffer, in
 * elements. */
struct data_view {
    int buffer; /* index; the tensors of a packed layout share a buffer. -1: the case has no such tensor */
    size_t element_bytes;
    clattn_dtype dtype; /* not read for mask and key lengths */
    size_t dim[4];      /* B, H, rows, depth; lse: (B,Hq,N,1), key lengths: (B,1,1,1) */
    size_t offset;
    size_t stride[3];
    int default_strides; /* strides are contiguous, and passed to clattn as 0 */
};

struct data_buffer {
    unsigned char *image;
    size_t bytes;
    int output;
    float *wide; /* the elements of a 16-bit input as floats; else NULL */
};

struct data_set {
    struct data_view view[SLOT_COUNT];
    struct data_buffer buffer[SLOT_COUNT];
    int buffers;
};

/* Returns 0, or -1: host memory is short, sizes are invalid, or the layout does not fit them
 * (packed needs N = M). */
int data_make(const struct test_case *c, struct data_set *set);
void data_free(struct data_set *set);

/* The set as host arrays for a runner, pointing into the images. */
void data_arrays(const struct data_set *set, clattn_arrays *arrays);

/* The same for the reference: q, k, v and dout are converted to float32. */
void data_reference_arrays(const struct data_set *set, clattn_arrays *arrays);

/* The member of `tensors` for the slot. */
clattn_tensor *data_tensor(clattn_tensors *tensors, enum data_slot slot);

/* The number of elements of a view. */
size_t data_count(const struct data_view *view);

/* The byte offset of row `row`, rows being numbered in the order (b,h,r). */
size_t data_row_offset(const struct data_view *view, size_t row);

#endif
