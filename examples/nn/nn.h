/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a network that the examples share: a device, its buffers, matrix products by CLBlast,
 * and the kernels of nn.cl.
 *
 * Tensors are float32 (ids int32), row-major and contiguous. A tensor is a clattn_block, a buffer
 * and the index of its first element, so that one buffer can hold all parameters of a model. A
 * block with a NULL mem is absent.
 *
 * Functions that compute enqueue on nn->queue, which is in order, and do not wait; reading waits.
 * An error prints one line with the failed call and ends the program. No function uses float
 * atomics: two runs on one device give the same bits.
 *
 * One thread at a time. */
#ifndef CLATTN_EXAMPLES_NN_H
#define CLATTN_EXAMPLES_NN_H

#include "clattn.h"

#include <stddef.h>
#include <stdint.h>

/* Every kernel of nn.cl. */
#define NN_KERNEL_LIST(X)                                                                                              \
    X(layer_norm)                                                                                                      \
    X(layer_norm_dx)                                                                                                   \
    X(layer_norm_dgain)                                                                                                \
    X(gelu)                                                                                                            \
    X(gelu_backward)                                                                                                   \
    X(add)                                                                                                             \
    X(repeat_row)                                                                                                      \
    X(sum_rows)                                                                                                        \
    X(gather)                                                                                                          \
    X(gather_backward)                                                                                                 \
    X(cross_entropy)                                                                                                   \
    X(adamw)

enum nn_kernel {
#define NN_KERNEL_ENUM(name) NN_KERNEL_##name,
    NN_KERNEL_LIST(NN_KERNEL_ENUM)
#undef NN_KERNEL_ENUM
        NN_KERNELS
};

/* ---- device (nn.c) ---- */

struct nn {
    cl_device_id device;
    cl_context cl;
    cl_command_queue queue;    /* in order */
    clattn_context *attention; /* for clattn_layer_plan_create */
    cl_program program;
    cl_kernel kernels[NN_KERNELS];
    size_t items;     /* work-items of a group, each with its own element */
    size_t row_items; /* work-items of a group that share a row or a column */
};

/* Opens the device `which` (as for clattn_find_device; NULL: the best) and compiles nn.cl.
 * `row_items`: work-items of a group that share a row, a power of two; 0: 1 on a CPU, up to 64
 * elsewhere. */
void nn_open(struct nn *nn, const char *which, size_t row_items);

/* Waits for the queue and releases everything that nn_open made. The caller releases its
 * buffers. */
void nn_close(struct nn *nn);

/* The device's name, valid until the next call. */
const char *nn_device_name(const struct nn *nn);

/* Ends the program with "error: CALL: WHY" on stderr. */
void nn_fail(const char *call, const char *why);

/* End the program if `call` did not succeed, naming it and its error. */
void nn_try(cl_int error, const char *call);
void nn_try_clattn(clattn_status status, const char *call);

/* ---- buffers (nn_buffers.c) ---- */

/* A new buffer of `count` elements of 4 bytes, zeroed. */
clattn_block nn_buffer(struct nn *nn, size_t count);

/* A new buffer that holds a copy of values[0 .. count - 1]. */
clattn_block nn_from_floats(struct nn *nn, const float *values, size_t count);
clattn_block nn_from_ints(struct nn *nn, const int32_t *values, size_t count);

/* Releases a buffer; ignores an absent block. */
void nn_release(clattn_block block);

/* The block that starts `elements` elements after `block`. */
clattn_block nn_after(clattn_block block, size_t elements);

/* Copy `count` elements of 4 bytes to and from the start of `block`, and wait. */
void nn_write(struct nn *nn, clattn_block block, const void *values, size_t count);
void nn_read(struct nn *nn, clattn_block block, void *values, size_t count);

/* block[0 .. count - 1] = 0. */
void nn_zero(struct nn *nn, clattn_block block, size_t count);

/* ---- products, by CLBlast (nn_linear.c) ---- */

/* CLBlast's first call compiles its kernels: seconds on a GPU, half a minute on some CPU drivers.
 * Create clattn's layer plans first: they set parameters of CLBlast that compile faster. */

/* y = x w^T + b      x (rows,in)  w (out,in), as in nn.Linear  b (out) or absent  y (rows,out) */
void nn_linear(struct nn *nn, size_t rows, size_t in, size_t out, clattn_block x, clattn_block w, clattn_block b,
               clattn_block y);

/* dx = dy w          dy (rows,out)  w (out,in)  dx (rows,in), overwritten */
void nn_linear_dx(struct nn *nn, size_t rows, size_t in, size_t out, clattn_block dy, clattn_block w, clattn_block dx);

/* dw += dy^T x       dy (rows,out)  x (rows,in)  dw (out,in)
 * db += sum of dy over its rows     db (out) or absent */
void nn_linear_dw(struct nn *nn, size_t rows, size_t in, size_t out, clattn_block dy, clattn_block x, clattn_block dw,
                  clattn_block db);

/* ---- kernels (nn_kernels.c) ---- */

/* y = (x - mean) / sqrt(variance + epsilon) * gain + bias, row by row; the variance is the mean
 * squared deviation.
 *
 *   x, y (rows,columns), may be the same    gain, bias (columns)
 *   stats (rows,2) for backward: mean and 1 / sqrt(variance + epsilon) of each row; absent: not wanted */
void nn_layer_norm(struct nn *nn, size_t rows, size_t columns, float epsilon, clattn_block x, clattn_block gain,
                   clattn_block bias, clattn_block y, clattn_block stats);

/* Gradients of nn_layer_norm, each added to its block.
 *
 *   x, dy, dx (rows,columns)    gain, dgain, dbias (columns)    stats as forward wrote them */
void nn_layer_norm_backward(struct nn *nn, size_t rows, size_t columns, clattn_block x, clattn_block gain,
                            clattn_block stats, clattn_block dy, clattn_block dx, clattn_block dgain,
                            clattn_block dbias);

/* y = x Phi(x), Phi the normal distribution function, within 1e-7: GELU with erf, not with tanh.
 * x, y (count), may be the same. */
void nn_gelu(struct nn *nn, size_t count, clattn_block x, clattn_block y);

/* dx = dy (Phi(x) + x phi(x))     all (count); dx may be dy */
void nn_gelu_backward(struct nn *nn, size_t count, clattn_block x, clattn_block dy, clattn_block dx);

/* y = a + b     all (count); y may be a or b */
void nn_add(struct nn *nn, size_t count, clattn_block a, clattn_block b, clattn_block y);

/* Every row of y (rows,columns) = row (columns). */
void nn_repeat_row(struct nn *nn, size_t rows, size_t columns, clattn_block row, clattn_block y);

/* sum (columns) += the sum of the rows of x (rows,columns). */
void nn_sum_rows(struct nn *nn, size_t rows, size_t columns, clattn_block x, clattn_block sum);

/* Row r of y = row ids[r] of table; with accumulate 1, += (positions and segments are added to
 * words).
 *
 *   table (entries,columns)    ids (rows) int32, each 0 to entries - 1    y (rows,columns) */
void nn_gather(struct nn *nn, size_t rows, size_t columns, clattn_block table, clattn_block ids, int accumulate,
               clattn_block y);

/* Row ids[r] of dtable (entries,columns) += row r of dy (rows,columns), in the order of r. */
void nn_gather_backward(struct nn *nn, size_t rows, size_t columns, size_t entries, clattn_block dy, clattn_block ids,
                        clattn_block dtable);

/* losses[r] = log sum_c exp logits[r,c] - logits[r, targets[r]], and its gradient times `factor`
 * (1 / rows for the mean).
 *
 *   logits (rows,classes)    targets (rows) int32    losses (rows)
 *   dlogits (rows,classes), may be logits, or absent */
void nn_cross_entropy(struct nn *nn, size_t rows, size_t classes, clattn_block logits, clattn_block targets,
                      float factor, clattn_block losses, clattn_block dlogits);

/* AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101): one step, all parameters at once. */
struct nn_adamw {
    float rate;         /* learning rate of this step */
    float beta1, beta2; /* decay rates of the two averages */
    float epsilon;
    float decay;    /* weight decay, multiplied by rate; only for the first `decayed` parameters */
    size_t decayed; /* matrices come first, biases and gains after them */
    int64_t step;   /* 1, 2, ... */
};

/* parameters, gradients, mean, square (count); mean and square are zero before step 1. */
void nn_adamw(struct nn *nn, size_t count, const struct nn_adamw *how, clattn_block parameters, clattn_block gradients,
              clattn_block mean, clattn_block square);

#endif
