/* SPDX-License-Identifier: Apache-2.0 */
/* The tensors of a test case on the host: where its layout puts them, and what its data kind fills them with.
 *
 * Each buffer has an image: what it holds before anything runs. Inputs: the case's numbers, rounded to its dtype, and
 * NaN in every gap and around the view (bytes of 1 for a mask). Outputs: NaN in the view, and a guard pattern in every
 * gap and around it. */
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
    SLOT_OUT, /* the outputs, to the end, in the order of enum check_tensor */
    SLOT_LSE,
    SLOT_DQ,
    SLOT_DK,
    SLOT_DV,
    SLOT_COUNT
};

/* Element (b,h,r,d) is at [offset + b stride[0] + h stride[1] + r stride[2] + d] of the buffer, in elements. */
struct data_view {
    int buffer; /* index; tensors of a packed layout share one. -1: the case has no such tensor */
    size_t element_bytes;
    clattn_dtype dtype; /* of its elements; not read for mask and key lengths */
    size_t dim[4];      /* B, H, rows, depth; lse: (B,Hq,N,1), key lengths: (B,1,1,1) */
    size_t offset;
    size_t stride[3];
    int default_strides; /* strides are contiguous, and 0 is passed for them */
};

struct data_buffer {
    unsigned char *image;
    size_t bytes;
    int output;
    float *wide; /* an input of 16-bit elements: the same elements as floats; otherwise NULL */
};

struct data_set {
    struct data_view view[SLOT_COUNT];
    struct data_buffer buffer[SLOT_COUNT];
    int buffers;
};

/* 0, or -1 when host memory is short or the layout does not fit the case (packed needs N = M) or the
 * sizes do not make sense. */
int data_make(const struct test_case *c, struct data_set *set);
void data_free(struct data_set *set);

/* The set as arrays of the host, for a runner: they point into the images. */
void data_arrays(const struct data_set *set, clattn_arrays *arrays);

/* The same for the reference: q, k, v and dout are float32 and hold the numbers that the images stand for. */
void data_reference_arrays(const struct data_set *set, clattn_arrays *arrays);

/* The member of the slot. */
clattn_tensor *data_tensor(clattn_tensors *tensors, enum data_slot slot);

/* The elements of a view. */
size_t data_count(const struct data_view *view);

/* Calls that walk a view in the order (b,h,r): the byte offset of row `row` of the B H rows. */
size_t data_row_offset(const struct data_view *view, size_t row);

#endif
