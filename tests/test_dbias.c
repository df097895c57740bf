/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of a bias: the reference's against finite differences, what -inf and NaN in a bias may
 * not reach, a layer's, and passes that are refused. Other cases are in the case table. */
#include "device.h"

#include "check.h"
#include "data.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* A case's problem and arrays. */
struct world {
    struct test_case c;
    struct data_set set;
    clattn_arrays a;
};

static void world_make(struct world *w, const char *line)
{
    char error[CASE_LINE_SIZE];

    memset(w, 0, sizeof *w);
    w->a = (clattn_arrays)CLATTN_ARRAYS_INIT;
    assert_int_equal(case_parse(line, &w->c, error), 0);
    assert_int_equal(data_make(&w->c, &w->set), 0);
    data_arrays(&w->set, &w->a);
}

/* ---- the reference ---- */

/* sum(dout * out), of which the gradients are. */
static double loss(const struct world *w, double *out)
{
    const size_t count = data_count(&w->set.view[SLOT_OUT]);
    const float *dout = w->a.dout.data;
    double sum = 0.0;

    assert_int_equal(reference_forward(&w->c.problem, &w->a, out, NULL, NULL), 0);
    for (size_t n = 0; n < count; n++) {
        sum += (double)dout[n] * out[n];
    }
    return sum;
}

static void check_differences(const char *line)
{
    const float step = 0x1p-10f;
    struct world w;

    world_make(&w, line);
    const size_t count = data_count(&w.set.view[SLOT_BIAS]);
    float *const bias = (float *)(w.set.buffer[w.set.view[SLOT_BIAS].buffer].image) + w.set.view[SLOT_BIAS].offset;
    double *const out = malloc(data_count(&w.set.view[SLOT_OUT]) * sizeof *out);
    double *const dbias = malloc(count * sizeof *dbias);

    assert_non_null(out);
    assert_non_null(dbias);
    assert_int_equal(reference_dbias(&w.c.problem, &w.a, dbias, NULL), 0);
    for (size_t n = 0; n < count; n++) {
        const float kept = bias[n];

        bias[n] = kept + step;
        const double above = loss(&w, out), up = (double)bias[n];
        bias[n] = kept - step;
        const double below = loss(&w, out), down = (double)bias[n];
        bias[n] = kept;
        assert_true(fabs((above - below) / (up - down) - dbias[n]) <= 1e-5);
    }
    free(out);
    free(dbias);
    data_free(&w.set);
}

static void test_differences(void **state)
{
    (void)state;
    check_differences("b2 h2/1 n3 m5 d4 bias=2,2,3,5");
    check_differences("b2 h2 n3 m5 d4 causal bias=1,2,3,5");
    check_differences("b2 h2 n3 m5 d4 kvlen=4 bias=2,1,1,5");
    check_differences("b2 h2 n3 m5 d4 bias=1,1,3,1 scale=-0.7");
}

/* ---- the kernels ---- */

enum { RESULTS = CHECK_DBIAS + 1 };

struct results {
    float *tensor[RESULTS];
    size_t bytes[RESULTS];
};

/* Runs both passes, and keeps the outputs. */
static void run(clattn_runner *runner, struct world *w, struct results *r)
{
    clattn_array *const outputs[RESULTS] = {&w->a.out, &w->a.lse, &w->a.dq, &w->a.dk, &w->a.dv, &w->a.dbias};

    for (int n = 0; n < RESULTS; n++) {
        r->bytes[n] = data_count(&w->set.view[SLOT_OUT + n]) * sizeof(float);
        r->tensor[n] = malloc(r->bytes[n]);
        assert_non_null(r->tensor[n]);
        outputs[n]->data = r->tensor[n];
    }
    assert_success(clattn_run_forward(runner, &w->c.problem, &w->a, NULL));
    assert_success(clattn_run_backward(runner, &w->c.problem, &w->a, NULL));
}

static float *input(struct world *w, enum data_slot slot)
{
    const struct data_view *view = &w->set.view[slot];

    return (float *)w->set.buffer[view->buffer].image + view->offset;
}

/* Results are the same, bit for bit, whatever `poison` writes to. */
static void check_unreached(clattn_runner *runner, const char *line, void (*prepare)(struct world *w),
                            void (*poison)(struct world *w))
{
    struct world clean, dirty;
    struct results expected, found;

    world_make(&clean, line);
    world_make(&dirty, line);
    prepare(&clean);
    prepare(&dirty);
    poison(&dirty);
    run(runner, &clean, &expected);
    run(runner, &dirty, &found);
    for (int n = 0; n < RESULTS; n++) {
        assert_memory_equal(found.tensor[n], expected.tensor[n], expected.bytes[n]);
        free(found.tensor[n]);
        free(expected.tensor[n]);
    }
    data_free(&clean.set);
    data_free(&dirty.set);
}

enum { N = 70, M = 90, D = 8, DEAD = 3, KEY = 41 };

static void do_nothing(struct world *w)
{
    (void)w;
}

/* The bias of pairs that causality hides. */
static void poison_hidden(struct world *w)
{
    for (int i = 0; i < N; i++) {
        for (int j = i + M - N + 1; j < M; j++) {
            input(w, SLOT_BIAS)[i * M + j] = j % 2 ? NAN : INFINITY;
        }
    }
}

static void hide_row(struct world *w)
{
    for (int j = 0; j < M; j++) {
        input(w, SLOT_BIAS)[DEAD * M + j] = -INFINITY;
    }
    for (int d = 0; d < D; d++) {
        input(w, SLOT_Q)[DEAD * D + d] = input(w, SLOT_DOUT)[DEAD * D + d] = 0.0f;
    }
}

/* A query that sees no key. */
static void poison_row(struct world *w)
{
    for (int d = 0; d < D; d++) {
        input(w, SLOT_Q)[DEAD * D + d] = NAN;
        input(w, SLOT_DOUT)[DEAD * D + d] = d % 2 ? INFINITY : NAN;
    }
}

static void hide_key(struct world *w)
{
    for (int i = 0; i < N; i++) {
        input(w, SLOT_BIAS)[i * M + KEY] = -INFINITY;
    }
    for (int d = 0; d < D; d++) {
        input(w, SLOT_K)[KEY * D + d] = 0.0f;
    }
}

static void poison_key(struct world *w)
{
    for (int d = 0; d < D; d++) {
        input(w, SLOT_K)[KEY * D + d] = 3e38f;
    }
}

static void test_hidden(void **state)
{
    check_unreached(*state, "b1 h1 n70 m90 d8 causal bias=1,1,70,90", do_nothing, poison_hidden);
    check_unreached(*state, "b1 h1 n70 m90 d8 bias=1,1,70,90", hide_row, poison_row);
    check_unreached(*state, "b1 h1 n70 m90 d8 bias=1,1,70,90", hide_key, poison_key);
}

/* ---- the layer ---- */

/* With projections that change nothing, a layer's out and dbias are attention's, up to the rounding of
 * products. */
static void test_layer(void **state)
{
    enum { LEN = 9, HEADS = 2, DEPTH = 8, DIM = HEADS * DEPTH };
    static float x[LEN * DIM], dout[LEN * DIM], bias[HEADS * LEN * LEN], one[2 * DIM * DIM];
    static float out[2][LEN * DIM], dbias[2][HEADS * LEN * LEN];
    clattn_layer layer = CLATTN_LAYER_INIT;
    clattn_layer_arrays l = CLATTN_LAYER_ARRAYS_INIT;
    clattn_problem p = CLATTN_PROBLEM_INIT;
    clattn_arrays a = CLATTN_ARRAYS_INIT;

    for (int n = 0; n < LEN * DIM; n++) {
        x[n] = (float)(n * 37 % 101 - 50) / 64.0f;
        dout[n] = (float)(n * 53 % 97 - 48) / 64.0f;
    }
    for (int n = 0; n < HEADS * LEN * LEN; n++) {
        bias[n] = (float)(n * 29 % 31 - 15) / 8.0f;
    }
    for (int n = 0; n < 2 * DIM; n++) {
        one[n * DIM + n % DIM] = 1.0f;
    }
    layer.batch = p.batch = 1;
    layer.len = p.q_len = p.kv_len = LEN;
    layer.dim = DIM;
    layer.heads = p.q_heads = p.kv_heads = HEADS;
    layer.dim_head = p.qk_dim = p.v_dim = DEPTH;
    p.score.bias_dim[0] = 1;
    p.score.bias_dim[1] = HEADS;
    p.score.bias_dim[2] = p.score.bias_dim[3] = LEN;
    layer.score = p.score;
    l.x = x;
    l.wq = l.wkv = l.wo = one;
    l.bias.data = a.bias.data = bias;
    l.out = out[0];
    l.dout = dout;
    l.dbias.data = dbias[0];
    const clattn_status status = clattn_run_layer_backward(*state, &layer, &l, NULL);
    if (status == CLATTN_NO_CLBLAST) {
        skip();
    }
    assert_success(status);
    a.q.data = a.k.data = a.v.data = x;
    a.out.data = out[1];
    a.dout.data = dout;
    a.dbias.data = dbias[1];
    for (int n = 0; n < 5; n++) {
        size_t *const strides[] = {a.q.stride, a.k.stride, a.v.stride, a.out.stride, a.dout.stride};

        strides[n][0] = LEN * DIM;
        strides[n][1] = DEPTH;
        strides[n][2] = DIM;
    }
    assert_success(clattn_run_backward(*state, &p, &a, NULL));
    for (int n = 0; n < LEN * DIM; n++) {
        assert_true(fabsf(out[0][n] - out[1][n]) <= 1e-6f);
    }
    for (int n = 0; n < HEADS * LEN * LEN; n++) {
        assert_true(fabsf(dbias[0][n] - dbias[1][n]) <= 1e-6f);
    }
    assert_true(fabsf(dbias[0][5]) > 1e-3f);
}

static void test_refused(void **state)
{
    struct world w;
    clattn_plan *plan = NULL;

    world_make(&w, "b1 h1 n3 m4 d8");
    assert_status(clattn_plan_create(clattn_runner_context(*state), &w.c.problem, CLATTN_BACKWARD_DBIAS, &plan),
                  CLATTN_INVALID_ARGUMENT, "CLATTN_BACKWARD_DBIAS, but problem.score.bias_dim is 0");
    assert_null(plan);
    data_free(&w.set);
    world_make(&w, "b1 h1 n3 m4 d8 bias=1,1,3,4");
    w.a.bias.data = NULL;
    assert_status(clattn_run_forward(*state, &w.c.problem, &w.a, NULL), CLATTN_INVALID_ARGUMENT, "bias is missing");
    data_free(&w.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_hidden),
        cmocka_unit_test(test_layer),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("dbias", tests, setup, teardown);
}
