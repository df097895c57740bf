/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks: answers known without a reference, rows that see no key, the layer's dsink, and refused
 * calls. Other cases with sinks are in the case table. */
#include "device.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 2, QUERIES = 9, KEYS = 20, DEPTH = 4, ROWS = HEADS * QUERIES };

/* The arrays of a call. */
struct call {
    clattn_problem p;
    clattn_arrays a;
    float q[ROWS][DEPTH], k[HEADS * KEYS][DEPTH], v[HEADS * KEYS][DEPTH], dout[ROWS][DEPTH], sink[HEADS];
    float out[ROWS][DEPTH], lse[ROWS], dq[ROWS][DEPTH], dk[HEADS * KEYS][DEPTH], dv[HEADS * KEYS][DEPTH], dsink[HEADS];
    unsigned char mask[QUERIES][KEYS];
};

static int setup(void **state)
{
    clattn_options options = device_options();
    clattn_runner *runner;

    options.build_options = getenv("CLATTN_TEST_BUILD_OPTIONS");
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    *state = runner;
    return 0;
}

static int teardown(void **state)
{
    clattn_runner_destroy(*state);
    return 0;
}

static void fill(float *x, size_t count, int seed)
{
    for (size_t n = 0; n < count; n++) {
        x[n] = (float)((int)(n * 37 + (size_t)seed * 11) % 101 - 50) / 32.0f;
    }
}

static struct call *make_call(void)
{
    struct call *c = calloc(1, sizeof *c);

    assert_non_null(c);
    c->p = (clattn_problem)CLATTN_PROBLEM_INIT;
    c->a = (clattn_arrays)CLATTN_ARRAYS_INIT;
    c->p.batch = 1;
    c->p.q_heads = c->p.kv_heads = HEADS;
    c->p.q_len = QUERIES;
    c->p.kv_len = KEYS;
    c->p.qk_dim = c->p.v_dim = DEPTH;
    c->p.score.sinks = 1;
    fill(&c->q[0][0], ROWS * DEPTH, 1);
    fill(&c->k[0][0], HEADS * KEYS * DEPTH, 2);
    fill(&c->v[0][0], HEADS * KEYS * DEPTH, 3);
    fill(&c->dout[0][0], ROWS * DEPTH, 4);
    c->a.q.data = c->q;
    c->a.k.data = c->k;
    c->a.v.data = c->v;
    c->a.dout.data = c->dout;
    c->a.sink.data = c->sink;
    c->a.out.data = c->out;
    c->a.lse.data = c->lse;
    c->a.dq.data = c->dq;
    c->a.dk.data = c->dk;
    c->a.dv.data = c->dv;
    c->a.dsink.data = c->dsink;
    return c;
}

static void run_both(clattn_runner *runner, struct call *c)
{
    assert_success(clattn_run_forward(runner, &c->p, &c->a, NULL));
    assert_success(clattn_run_backward(runner, &c->p, &c->a, NULL));
}

/* ---- sinks far from scores ---- */

/* Far above, the sink takes all weight; far below or -inf, results are those without sinks, bit for
 * bit where the sink has no weight in float32. */
static void test_far(void **state)
{
    static const float high[] = {1e30f, 3000.0f}, low[] = {-1e30f, -INFINITY};
    struct call *c = make_call(), *without = make_call();

    without->p.score.sinks = 0;
    without->a.sink.data = NULL;
    without->a.dsink.data = NULL;
    run_both(*state, without);
    for (int n = 0; n < 2; n++) {
        c->sink[0] = high[n];
        c->sink[1] = low[n];
        run_both(*state, c);
        for (int row = 0; row < QUERIES; row++) {
            assert_true(c->lse[row] == high[n]);
            for (int d = 0; d < DEPTH; d++) {
                assert_true(c->out[row][d] == 0.0f && c->dq[row][d] == 0.0f);
            }
        }
        assert_true(c->dsink[0] == 0.0f && c->dsink[1] == 0.0f);
        assert_memory_equal(c->out[QUERIES], without->out[QUERIES], sizeof c->out / 2);
        assert_memory_equal(&c->lse[QUERIES], &without->lse[QUERIES], sizeof c->lse / 2);
        assert_memory_equal(c->dq[QUERIES], without->dq[QUERIES], sizeof c->dq / 2);
        assert_memory_equal(c->dv[KEYS], without->dv[KEYS], sizeof c->dv / 2);
    }
    free(c);
    free(without);
}

/* All scores are 0 and all values and gradients 1: P of the sink is 1 / (1 + KEYS / e^s), and so
 * dsink of the head is - QUERIES DEPTH P (1 - P). */
static void test_equal(void **state)
{
    struct call *c = make_call();

    c->sink[0] = 0.0f;
    c->sink[1] = 3.0f;
    memset(c->q, 0, sizeof c->q);
    for (int n = 0; n < HEADS * KEYS * DEPTH; n++) {
        (&c->v[0][0])[n] = 1.0f;
    }
    for (int n = 0; n < ROWS * DEPTH; n++) {
        (&c->dout[0][0])[n] = 1.0f;
    }
    run_both(*state, c);
    for (int h = 0; h < HEADS; h++) {
        const double total = exp((double)c->sink[h]) + KEYS, p = exp((double)c->sink[h]) / total;

        assert_true(fabs((double)c->lse[h * QUERIES] - log(total)) <= 1e-6 * log(total));
        assert_true(fabs((double)c->out[h * QUERIES][0] - (1.0 - p)) <= 1e-6);
        assert_true(fabs((double)c->dsink[h] + QUERIES * DEPTH * p * (1.0 - p)) <= 1e-5);
    }
    free(c);
}

/* ---- rows that see no key ---- */

/* Every third query sees nothing: O is 0 and L the sink, and NaN in its q and dout reaches no
 * gradient. */
static void test_unseeing(void **state)
{
    struct call *c = make_call(), *clean = make_call();

    for (int i = 0; i < QUERIES; i++) {
        memset(c->mask[i], i % 3 == 1 ? 0 : 1, KEYS);
    }
    memcpy(clean->mask, c->mask, sizeof c->mask);
    for (int row = 0; row < ROWS; row++) {
        for (int d = 0; row % QUERIES % 3 == 1 && d < DEPTH; d++) {
            c->q[row][d] = c->dout[row][d] = NAN;
            clean->q[row][d] = clean->dout[row][d] = 0.0f;
        }
    }
    for (struct call *one = c; one; one = one == c ? clean : NULL) {
        one->sink[0] = 0.5f;
        one->sink[1] = -0.25f;
        one->p.score.mask_dim[0] = one->p.score.mask_dim[1] = 1;
        one->p.score.mask_dim[2] = QUERIES;
        one->p.score.mask_dim[3] = KEYS;
        one->a.mask.data = one->mask;
        run_both(*state, one);
    }
    for (int row = 0; row < ROWS; row++) {
        assert_true((c->lse[row] == c->sink[row / QUERIES]) == (row % QUERIES % 3 == 1));
        assert_true((c->out[row][0] == 0.0f) == (row % QUERIES % 3 == 1));
    }
    assert_memory_equal(c->out, clean->out, sizeof c->out);
    assert_memory_equal(c->dq, clean->dq, sizeof c->dq);
    assert_memory_equal(c->dk, clean->dk, sizeof c->dk);
    assert_memory_equal(c->dv, clean->dv, sizeof c->dv);
    assert_memory_equal(c->dsink, clean->dsink, sizeof c->dsink);
    assert_true(isfinite(c->dsink[0]) && c->dsink[0] != 0.0f);
    free(c);
    free(clean);
}

/* ---- which gradients ---- */

/* dsink alone is what it is beside others. */
static void test_alone(void **state)
{
    struct call *c = make_call(), *alone = make_call();

    alone->a.dq.data = alone->a.dk.data = alone->a.dv.data = NULL;
    run_both(*state, c);
    run_both(*state, alone);
    assert_memory_equal(c->dsink, alone->dsink, sizeof c->dsink);
    assert_true(c->dsink[0] != 0.0f && c->dsink[1] != 0.0f);
    free(c);
    free(alone);
}

/* ---- the layer ---- */

/* A layer whose weights are the identity is attention of x with itself. */
static void test_layer(void **state)
{
    enum { WIDTH = HEADS * DEPTH };
    static float x[QUERIES][WIDTH], dout[QUERIES][WIDTH], out[QUERIES][WIDTH], dsink[HEADS], dx[QUERIES][WIDTH];
    static float weights[2 * WIDTH][WIDTH];
    static const float sink[HEADS] = {0.5f, -1.0f};
    const size_t stride[4] = {QUERIES * WIDTH, DEPTH, WIDTH, 1};
    struct call *c = make_call();
    clattn_layer layer = CLATTN_LAYER_INIT;
    clattn_layer_arrays l = CLATTN_LAYER_ARRAYS_INIT;

    fill(&x[0][0], QUERIES * WIDTH, 5);
    fill(&dout[0][0], QUERIES * WIDTH, 6);
    for (int n = 0; n < 2 * WIDTH; n++) {
        weights[n][n % WIDTH] = 1.0f;
    }
    layer.batch = 1;
    layer.len = QUERIES;
    layer.dim = WIDTH;
    layer.heads = HEADS;
    layer.dim_head = DEPTH;
    layer.score.sinks = 1;
    l.x = &x[0][0];
    l.wq = l.wkv = l.wo = &weights[0][0];
    l.dout = &dout[0][0];
    l.out = &out[0][0];
    l.dsink.data = dsink;
    clattn_status status = clattn_run_layer_backward(*state, &layer, &l, NULL);

    if (status == CLATTN_NO_CLBLAST) {
        free(c);
        return;
    }
    assert_int_equal(status, CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "array sink is missing"));
    l.sink.data = sink;
    assert_success(clattn_run_layer_backward(*state, &layer, &l, NULL)); /* dsink alone */
    memcpy(c->sink, sink, sizeof sink);
    c->p.kv_len = QUERIES;
    c->a.q.data = c->a.k.data = c->a.v.data = x;
    c->a.dout.data = dout;
    memcpy(c->a.q.stride, stride, sizeof stride);
    memcpy(c->a.k.stride, stride, sizeof stride);
    memcpy(c->a.v.stride, stride, sizeof stride);
    memcpy(c->a.dout.stride, stride, sizeof stride);
    run_both(*state, c);
    for (int h = 0; h < HEADS; h++) {
        assert_true(fabsf(dsink[h] - c->dsink[h]) <= 1e-6f);
        dsink[h] = 0.0f;
    }
    l.dx = &dx[0][0];
    assert_success(clattn_run_layer_backward(*state, &layer, &l, NULL));
    assert_true(fabsf(dsink[0] - c->dsink[0]) <= 1e-6f && fabsf(dsink[1] - c->dsink[1]) <= 1e-6f);
    assert_true(fabsf(out[3][1] - c->out[3][1]) <= 1e-6f && dx[0][0] != 0.0f);
    free(c);
}

/* ---- refusals ---- */

static void test_missing(void **state)
{
    struct call *c = make_call();

    c->a.sink.data = NULL;
    assert_int_equal(clattn_run_forward(*state, &c->p, &c->a, NULL), CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "array sink is missing"));
    c->a.sink.data = c->sink;
    c->p.score.sinks = 2;
    assert_int_equal(clattn_run_forward(*state, &c->p, &c->a, NULL), CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "problem.score.sinks is 2"));
    c->p.score.sinks = 0;
    assert_int_equal(clattn_run_backward(*state, &c->p, &c->a, NULL), CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "passes has CLATTN_BACKWARD_DSINK, but problem.score.sinks is 0"));
    free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_far),   cmocka_unit_test(test_equal), cmocka_unit_test(test_unseeing),
        cmocka_unit_test(test_alone), cmocka_unit_test(test_layer), cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests_name("sinks", tests, setup, teardown);
}
