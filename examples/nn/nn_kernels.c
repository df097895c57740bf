/* SPDX-License-Identifier: Apache-2.0 */
/* Launches the kernels of nn.cl. */
#include "nn.h"

#include <math.h>

/* A kernel, and the index of its next argument. */
struct launch {
    struct nn *nn;
    cl_kernel kernel;
    cl_uint next;
};

static struct launch begin(struct nn *nn, enum nn_kernel kernel)
{
    struct launch launch = {nn, nn->kernels[kernel], 0};
    return launch;
}

static void argument(struct launch *l, size_t size, const void *value)
{
    nn_try(clSetKernelArg(l->kernel, l->next++, size, value), "clSetKernelArg");
}

static void add_size(struct launch *l, size_t value)
{
    const cl_ulong number = value;
    argument(l, sizeof number, &number);
}

static void add_float(struct launch *l, float value)
{
    const cl_float number = value;
    argument(l, sizeof number, &number);
}

/* An absent block is a NULL pointer in the kernel. */
static void add_block(struct launch *l, clattn_block block)
{
    argument(l, sizeof block.mem, block.mem ? (const void *)&block.mem : NULL);
    add_size(l, block.offset);
}

static void enqueue(struct launch *l, size_t groups, size_t items)
{
    const size_t global = groups * items;
    if (global > 0)
        nn_try(clEnqueueNDRangeKernel(l->nn->queue, l->kernel, 1, NULL, &global, &items, 0, NULL, NULL),
               "clEnqueueNDRangeKernel");
}

/* One work-item per element; one group per row or column. */
static void enqueue_elements(struct launch *l, size_t count)
{
    const size_t items = l->nn->items;
    enqueue(l, (count + items - 1) / items, items);
}

static void enqueue_groups(struct launch *l, size_t groups)
{
    enqueue(l, groups, l->nn->row_items);
}

void nn_layer_norm(struct nn *nn, size_t rows, size_t columns, float epsilon, clattn_block x, clattn_block gain,
                   clattn_block bias, clattn_block y, clattn_block stats)
{
    struct launch l = begin(nn, NN_KERNEL_layer_norm);
    add_size(&l, columns);
    add_float(&l, epsilon);
    add_block(&l, x);
    add_block(&l, gain);
    add_block(&l, bias);
    add_block(&l, y);
    add_block(&l, stats);
    enqueue_groups(&l, rows);
}

static void layer_norm_dx(struct nn *nn, size_t rows, size_t columns, clattn_block x, clattn_block gain,
                          clattn_block stats, clattn_block dy, clattn_block dx)
{
    struct launch l = begin(nn, NN_KERNEL_layer_norm_dx);
    add_size(&l, columns);
    add_block(&l, x);
    add_block(&l, gain);
    add_block(&l, stats);
    add_block(&l, dy);
    add_block(&l, dx);
    enqueue_groups(&l, rows);
}

void nn_layer_norm_backward(struct nn *nn, size_t rows, size_t columns, clattn_block x, clattn_block gain,
                            clattn_block stats, clattn_block dy, clattn_block dx, clattn_block dgain,
                            clattn_block dbias)
{
    layer_norm_dx(nn, rows, columns, x, gain, stats, dy, dx);
    struct launch l = begin(nn, NN_KERNEL_layer_norm_dgain);
    add_size(&l, rows);
    add_size(&l, columns);
    add_block(&l, x);
    add_block(&l, stats);
    add_block(&l, dy);
    add_block(&l, dgain);
    add_block(&l, dbias);
    enqueue_groups(&l, columns);
}

void nn_gelu(struct nn *nn, size_t count, clattn_block x, clattn_block y)
{
    struct launch l = begin(nn, NN_KERNEL_gelu);
    add_size(&l, count);
    add_block(&l, x);
    add_block(&l, y);
    enqueue_elements(&l, count);
}

void nn_gelu_backward(struct nn *nn, size_t count, clattn_block x, clattn_block dy, clattn_block dx)
{
    struct launch l = begin(nn, NN_KERNEL_gelu_backward);
    add_size(&l, count);
    add_block(&l, x);
    add_block(&l, dy);
    add_block(&l, dx);
    enqueue_elements(&l, count);
}

void nn_add(struct nn *nn, size_t count, clattn_block a, clattn_block b, clattn_block y)
{
    struct launch l = begin(nn, NN_KERNEL_add);
    add_size(&l, count);
    add_block(&l, a);
    add_block(&l, b);
    add_block(&l, y);
    enqueue_elements(&l, count);
}

void nn_repeat_row(struct nn *nn, size_t rows, size_t columns, clattn_block row, clattn_block y)
{
    struct launch l = begin(nn, NN_KERNEL_repeat_row);
    add_size(&l, rows * columns);
    add_size(&l, columns);
    add_block(&l, row);
    add_block(&l, y);
    enqueue_elements(&l, rows * columns);
}

void nn_sum_rows(struct nn *nn, size_t rows, size_t columns, clattn_block x, clattn_block sum)
{
    struct launch l = begin(nn, NN_KERNEL_sum_rows);
    add_size(&l, rows);
    add_size(&l, columns);
    add_block(&l, x);
    add_block(&l, sum);
    enqueue_groups(&l, columns);
}

void nn_gather(struct nn *nn, size_t rows, size_t columns, clattn_block table, clattn_block ids, int accumulate,
               clattn_block y)
{
    const cl_int add = accumulate;
    struct launch l = begin(nn, NN_KERNEL_gather);
    add_size(&l, columns);
    add_block(&l, table);
    add_block(&l, ids);
    argument(&l, sizeof add, &add);
    add_block(&l, y);
    enqueue_groups(&l, rows);
}

void nn_gather_backward(struct nn *nn, size_t rows, size_t columns, size_t entries, clattn_block dy, clattn_block ids,
                        clattn_block dtable)
{
    struct launch l = begin(nn, NN_KERNEL_gather_backward);
    add_size(&l, rows);
    add_size(&l, columns);
    add_block(&l, dy);
    add_block(&l, ids);
    add_block(&l, dtable);
    enqueue_groups(&l, entries);
}

void nn_cross_entropy(struct nn *nn, size_t rows, size_t classes, clattn_block logits, clattn_block targets,
                      float factor, clattn_block losses, clattn_block dlogits)
{
    struct launch l = begin(nn, NN_KERNEL_cross_entropy);
    add_size(&l, classes);
    add_block(&l, logits);
    add_block(&l, targets);
    add_float(&l, factor);
    add_block(&l, losses);
    add_block(&l, dlogits);
    enqueue_groups(&l, rows);
}

void nn_adamw(struct nn *nn, size_t count, const struct nn_adamw *how, clattn_block parameters, clattn_block gradients,
              clattn_block mean, clattn_block square)
{
    struct launch l = begin(nn, NN_KERNEL_adamw);
    add_size(&l, count);
    add_size(&l, how->decayed);
    add_float(&l, how->rate);
    add_float(&l, how->beta1);
    add_float(&l, how->beta2);
    add_float(&l, (float)(1.0 / (1.0 - pow(how->beta1, (double)how->step))));
    add_float(&l, (float)(1.0 / (1.0 - pow(how->beta2, (double)how->step))));
    add_float(&l, how->epsilon);
    add_float(&l, how->decay);
    add_block(&l, parameters);
    add_block(&l, gradients);
    add_block(&l, mean);
    add_block(&l, square);
    enqueue_elements(&l, count);
}
