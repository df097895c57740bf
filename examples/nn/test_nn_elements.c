/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the kernels with one work-item per element, and of the linear layer. */
#include "test_nn.h"

#include <math.h>
#include <stdlib.h>

#define ROOT_HALF 0.70710678118654752440
#define ROOT_TWO_PI 2.50662827463100050242

static double phi(double x)
{
    return 0.5 * erfc(-x * ROOT_HALF);
}

static double gelu_slope(double x)
{
    return phi(x) + x * exp(-0.5 * x * x) / ROOT_TWO_PI;
}

static void test_gelu(struct nn *nn, size_t count)
{
    struct tensor x = tensor_new(nn, count, 1), y = tensor_new(nn, count, 2);
    struct tensor dy = tensor_new(nn, count, 3), dx = tensor_new(nn, count, 4);
    double *value = doubles_new(count), *slope = doubles_new(count);
    for (size_t i = 0; i < count; ++i) {
        value[i] = (double)x.values[i] * phi(x.values[i]);
        slope[i] = (double)dy.values[i] * gelu_slope(x.values[i]);
    }
    nn_gelu(nn, count, x.block, y.block);
    nn_gelu_backward(nn, count, x.block, dy.block, dx.block);
    tensor_check(nn, &y, value, 1e-6, "gelu");
    tensor_check(nn, &dx, slope, 1e-6, "gelu_backward");
    tensor_free(&x);
    tensor_free(&y);
    tensor_free(&dy);
    tensor_free(&dx);
}

static void test_add(struct nn *nn, size_t count)
{
    struct tensor a = tensor_new(nn, count, 5), b = tensor_new(nn, count, 6);
    double *sum = doubles_new(count);
    for (size_t i = 0; i < count; ++i)
        sum[i] = (double)a.values[i] + b.values[i];
    nn_add(nn, count, a.block, b.block, a.block);
    tensor_check(nn, &a, sum, 1e-7, "add, in place");
    tensor_free(&a);
    tensor_free(&b);
}

/* Three steps on the same gradient, written as in the paper. */
static void test_adamw(struct nn *nn, size_t count)
{
    struct nn_adamw how = {1e-2f, 0.9f, 0.99f, 1e-8f, 0.1f, count / 3, 0};
    struct tensor p = tensor_new(nn, count, 7), g = tensor_new(nn, count, 8);
    clattn_block mean = nn_buffer(nn, count), square = nn_buffer(nn, count);
    double *expected = doubles_new(count);
    for (size_t i = 0; i < count; ++i) {
        double m = 0.0, v = 0.0, w = p.values[i];
        for (int step = 1; step <= 3; ++step) {
            m = how.beta1 * m + (1.0 - how.beta1) * g.values[i];
            v = how.beta2 * v + (1.0 - how.beta2) * g.values[i] * g.values[i];
            w -= how.rate * (m / (1.0 - pow(how.beta1, step)) / (sqrt(v / (1.0 - pow(how.beta2, step))) + how.epsilon) +
                             (i < how.decayed ? how.decay * w : 0.0));
        }
        expected[i] = w;
    }
    for (how.step = 1; how.step <= 3; ++how.step)
        nn_adamw(nn, count, &how, p.block, g.block, mean, square);
    tensor_check(nn, &p, expected, 1e-6, "adamw");
    tensor_free(&p);
    tensor_free(&g);
    nn_release(mean);
    nn_release(square);
}

void test_elements(struct nn *nn)
{
    test_gelu(nn, 1001);
    test_add(nn, 997);
    test_adamw(nn, 333);
}

/* ---- linear ---- */

enum { ROWS = 39, IN = 21, OUT = 50 };

static double *expect_y(const float *x, const float *w, const float *b)
{
    double *y = doubles_new(ROWS * OUT);
    for (int r = 0; r < ROWS; ++r)
        for (int o = 0; o < OUT; ++o) {
            y[r * OUT + o] = b[o];
            for (int i = 0; i < IN; ++i)
                y[r * OUT + o] += (double)x[r * IN + i] * w[o * IN + i];
        }
    return y;
}

static double *expect_dx(const float *dy, const float *w)
{
    double *dx = doubles_new(ROWS * IN);
    for (int r = 0; r < ROWS; ++r)
        for (int i = 0; i < IN; ++i)
            for (int o = 0; o < OUT; ++o)
                dx[r * IN + i] += (double)dy[r * OUT + o] * w[o * IN + i];
    return dx;
}

/* `before` + dy^T x. */
static double *expect_dw(const float *dy, const float *x, const float *before)
{
    double *dw = doubles_new(OUT * IN);
    for (int o = 0; o < OUT; ++o)
        for (int i = 0; i < IN; ++i) {
            dw[o * IN + i] = before[o * IN + i];
            for (int r = 0; r < ROWS; ++r)
                dw[o * IN + i] += (double)dy[r * OUT + o] * x[r * IN + i];
        }
    return dw;
}

static double *expect_db(const float *dy, const float *before)
{
    double *db = doubles_new(OUT);
    for (int o = 0; o < OUT; ++o) {
        db[o] = before[o];
        for (int r = 0; r < ROWS; ++r)
            db[o] += (double)dy[r * OUT + o];
    }
    return db;
}

void test_linear(struct nn *nn)
{
    struct tensor x = tensor_new(nn, ROWS * IN, 11), w = tensor_new(nn, OUT * IN, 12), b = tensor_new(nn, OUT, 13);
    struct tensor y = tensor_new(nn, ROWS * OUT, 14), dy = tensor_new(nn, ROWS * OUT, 15);
    struct tensor dx = tensor_new(nn, ROWS * IN, 16), dw = tensor_new(nn, OUT * IN, 17), db = tensor_new(nn, OUT, 18);
    nn_linear(nn, ROWS, IN, OUT, x.block, w.block, b.block, y.block);
    nn_linear_dx(nn, ROWS, IN, OUT, dy.block, w.block, dx.block);
    nn_linear_dw(nn, ROWS, IN, OUT, dy.block, x.block, dw.block, db.block);
    tensor_check(nn, &y, expect_y(x.values, w.values, b.values), 2e-6, "linear");
    tensor_check(nn, &dx, expect_dx(dy.values, w.values), 2e-6, "linear_dx");
    tensor_check(nn, &dw, expect_dw(dy.values, x.values, dw.values), 2e-6, "linear_dw, weights");
    tensor_check(nn, &db, expect_db(dy.values, db.values), 2e-6, "linear_dw, bias");
    struct tensor *const all[] = {&x, &w, &b, &y, &dy, &dx, &dw, &db};
    for (size_t i = 0; i < sizeof all / sizeof *all; ++i)
        tensor_free(all[i]);
}
