/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the kernels with one work-group per row or column. */
#include "test_nn.h"

#include <math.h>
#include <stdlib.h>

#define EPSILON 1e-5f

enum { ROWS = 43, COLUMNS = 37, ENTRIES = 9 };

/* ---- layer norm ---- */

struct norm {
    const float *x, *gain, *bias, *dy;
    double *y, *stats, *dx, *dgain, *dbias;
};

/* Computes a row forward, then adds its terms to every gradient. */
static void norm_row(const struct norm *n, int row)
{
    const float *x = n->x + row * COLUMNS, *dy = n->dy + row * COLUMNS;
    double mean = 0.0, square = 0.0, mean_g = 0.0, mean_gh = 0.0;
    for (int c = 0; c < COLUMNS; ++c)
        mean += x[c] / (double)COLUMNS;
    for (int c = 0; c < COLUMNS; ++c)
        square += (x[c] - mean) * (x[c] - mean) / (double)COLUMNS;
    const double inverse = 1.0 / sqrt(square + EPSILON);
    n->stats[2 * row] = mean;
    n->stats[2 * row + 1] = inverse;
    for (int c = 0; c < COLUMNS; ++c) {
        const double h = (x[c] - mean) * inverse;
        n->y[row * COLUMNS + c] = h * n->gain[c] + n->bias[c];
        n->dgain[c] += dy[c] * h;
        n->dbias[c] += dy[c];
        mean_g += (double)dy[c] * n->gain[c] / (double)COLUMNS;
        mean_gh += (double)dy[c] * n->gain[c] * h / (double)COLUMNS;
    }
    for (int c = 0; c < COLUMNS; ++c) {
        const double h = (x[c] - mean) * inverse, g = (double)dy[c] * n->gain[c];
        n->dx[row * COLUMNS + c] += (g - mean_g - h * mean_gh) * inverse;
    }
}

/* A tensor's values as doubles: a gradient before terms are added. */
static double *as_doubles(const struct tensor *tensor)
{
    double *values = doubles_new(tensor->count);
    for (size_t i = 0; i < tensor->count; ++i)
        values[i] = tensor->values[i];
    return values;
}

void test_layer_norm(struct nn *nn)
{
    struct tensor x = tensor_new(nn, ROWS * COLUMNS, 21), y = tensor_new(nn, ROWS * COLUMNS, 22);
    struct tensor gain = tensor_new(nn, COLUMNS, 23), bias = tensor_new(nn, COLUMNS, 24);
    struct tensor stats = tensor_new(nn, 2 * ROWS, 25), dy = tensor_new(nn, ROWS * COLUMNS, 26);
    struct tensor dx = tensor_new(nn, ROWS * COLUMNS, 27);
    struct tensor dgain = tensor_new(nn, COLUMNS, 28), dbias = tensor_new(nn, COLUMNS, 29);
    const struct norm n = {x.values,        gain.values,          bias.values,
                           dy.values,       doubles_new(y.count), doubles_new(stats.count),
                           as_doubles(&dx), as_doubles(&dgain),   as_doubles(&dbias)};
    const clattn_block absent = {NULL, 0};
    double *again = doubles_new(y.count);
    for (int row = 0; row < ROWS; ++row)
        norm_row(&n, row);
    for (size_t i = 0; i < y.count; ++i)
        again[i] = n.y[i];
    nn_layer_norm(nn, ROWS, COLUMNS, EPSILON, x.block, gain.block, bias.block, y.block, stats.block);
    nn_layer_norm_backward(nn, ROWS, COLUMNS, x.block, gain.block, stats.block, dy.block, dx.block, dgain.block,
                           dbias.block);
    nn_layer_norm(nn, ROWS, COLUMNS, EPSILON, x.block, gain.block, bias.block, x.block, absent);
    tensor_check(nn, &y, n.y, 1e-6, "layer_norm");
    tensor_check(nn, &x, again, 1e-6, "layer_norm, in place");
    tensor_check(nn, &stats, n.stats, 1e-6, "layer_norm, stats");
    tensor_check(nn, &dx, n.dx, 2e-6, "layer_norm_dx");
    tensor_check(nn, &dgain, n.dgain, 2e-6, "layer_norm_dgain, gain");
    tensor_check(nn, &dbias, n.dbias, 2e-6, "layer_norm_dgain, bias");
    struct tensor *const all[] = {&x, &y, &gain, &bias, &stats, &dy, &dx, &dgain, &dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        tensor_free(all[i]);
}

/* ---- rows of a table ---- */

void test_gather(struct nn *nn)
{
    clattn_block ids;
    int32_t *id = ids_new(nn, ROWS, ENTRIES, 31, &ids);
    struct tensor table = tensor_new(nn, ENTRIES * COLUMNS, 32), y = tensor_new(nn, ROWS * COLUMNS, 33);
    struct tensor added = tensor_new(nn, ROWS * COLUMNS, 34), dtable = tensor_new(nn, ENTRIES * COLUMNS, 35);
    double *rows = doubles_new(y.count), *sum = as_doubles(&added), *gradient = as_doubles(&dtable);
    for (int r = 0; r < ROWS; ++r)
        for (int c = 0; c < COLUMNS; ++c) {
            rows[r * COLUMNS + c] = table.values[id[r] * COLUMNS + c];
            sum[r * COLUMNS + c] += table.values[id[r] * COLUMNS + c];
            gradient[id[r] * COLUMNS + c] += added.values[r * COLUMNS + c];
        }
    nn_gather_backward(nn, ROWS, COLUMNS, ENTRIES, added.block, ids, dtable.block);
    nn_gather(nn, ROWS, COLUMNS, table.block, ids, 0, y.block);
    nn_gather(nn, ROWS, COLUMNS, table.block, ids, 1, added.block);
    tensor_check(nn, &y, rows, 1e-7, "gather");
    tensor_check(nn, &added, sum, 1e-7, "gather, accumulated");
    tensor_check(nn, &dtable, gradient, 1e-6, "gather_backward");
    struct tensor *const all[] = {&table, &y, &added, &dtable};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        tensor_free(all[i]);
    nn_release(ids);
    free(id);
}

/* ---- cross-entropy ---- */

void test_cross_entropy(struct nn *nn)
{
    const float factor = 0.25f;
    const clattn_block absent = {NULL, 0};
    clattn_block targets;
    int32_t *target = ids_new(nn, ROWS, COLUMNS, 41, &targets);
    struct tensor logits = tensor_new(nn, ROWS * COLUMNS, 42);
    struct tensor losses = tensor_new(nn, ROWS, 43), only = tensor_new(nn, ROWS, 44);
    double *loss = doubles_new(ROWS), *again = doubles_new(ROWS), *gradient = doubles_new(logits.count);
    for (int r = 0; r < ROWS; ++r) {
        const float *row = logits.values + r * COLUMNS;
        double sum = 0.0;
        for (int c = 0; c < COLUMNS; ++c)
            sum += exp(row[c]);
        loss[r] = again[r] = log(sum) - row[target[r]];
        for (int c = 0; c < COLUMNS; ++c)
            gradient[r * COLUMNS + c] = factor * (exp(row[c]) / sum - (c == target[r]));
    }
    nn_cross_entropy(nn, ROWS, COLUMNS, logits.block, targets, factor, only.block, absent);
    nn_cross_entropy(nn, ROWS, COLUMNS, logits.block, targets, factor, losses.block, logits.block);
    tensor_check(nn, &only, again, 1e-6, "cross_entropy, loss only");
    tensor_check(nn, &losses, loss, 1e-6, "cross_entropy");
    tensor_check(nn, &logits, gradient, 1e-6, "cross_entropy, dlogits");
    tensor_free(&logits);
    tensor_free(&losses);
    tensor_free(&only);
    nn_release(targets);
    free(target);
}
