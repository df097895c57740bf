/* SPDX-License-Identifier: Apache-2.0 */
/* layout=random: any layout that a caller may use, drawn from the case's seed. */
#include "layout.h"
#include "random.h"

/* The stride of a dimension of size 1: never used. */
static size_t any_stride(struct check_random *r)
{
    return (size_t)(check_random_bits(r) >> 7) | 1;
}

/* Strides of the dimensions in random order, with gaps that are multiples of `unit`. */
static void draw_strides(struct data_view *view, size_t unit, struct check_random *r)
{
    const int wide = check_random_below(r, 2) != 0;
    int order[3] = {2, 1, 0};
    size_t next = view->dim[3];

    for (int n = 2; n > 0; n--) {
        int other = (int)check_random_below(r, n + 1), swapped = order[n];

        order[n] = order[other];
        order[other] = swapped;
    }
    next += wide ? unit * (size_t)check_random_below(r, 5) : 0;
    for (int n = 0; n < 3; n++) {
        view->stride[order[n]] = next;
        next = next * view->dim[order[n]] + (wide ? unit * (size_t)check_random_below(r, 7) : 0);
    }
}

/* Key lengths have one stride. Half of the tensors end at the last byte of a buffer with a multiple
 * of 128 bytes, so that a read past the end leaves the buffer. */
void layout_random(struct data_view *view, enum data_slot slot, uint64_t seed)
{
    enum { ALIGNED_BYTES = 128 };
    struct check_random r = {seed ^ UINT64_C(0x6a09e667f3bcc909)};
    /* The first draw is the same for all tensors: engines copy rows by vec16 only where all tensors
     * are aligned. */
    const size_t unit = check_random_below(&r, 2) != 0 && view->dim[3] % 8 == 0 ? 8 : 1;
    const size_t line = ALIGNED_BYTES / view->element_bytes;
    size_t end;

    check_random_skip(&r, 64 * (uint64_t)slot);
    view->default_strides = check_random_below(&r, 4) == 0;
    if (!view->default_strides) {
        draw_strides(view, unit, &r);
        if (slot < SLOT_OUT && slot != SLOT_KV_LENGTHS && check_random_below(&r, 4) == 0) {
            /* Never stride 0 over the rows of K or V: sums of equal terms round in one direction,
             * and where they cancel they miss the tolerance, which assumes rounding errors of
             * either sign. */
            view->stride[check_random_below(&r, slot == SLOT_K || slot == SLOT_V ? 2 : 3)] = 0;
        }
        for (int n = 0; n < 3; n++) {
            view->stride[n] = view->dim[n] == 1 ? any_stride(&r) : view->stride[n];
        }
    }
    view->offset = check_random_below(&r, 3) != 0 ? unit * (size_t)check_random_below(&r, 40) : 0;
    end = data_row_offset(view, view->dim[0] * view->dim[1] * view->dim[2] - 1) / view->element_bytes + view->dim[3];
    if (check_random_below(&r, 2) != 0) {
        view->offset += (line - end % line) % line;
    }
}
