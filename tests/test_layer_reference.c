/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the layer's reference. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "layer_case.h"
#include "layer_reference.h"
#include "random.h"

#include <math.h>
#include <string.h>

/* Step of the finite differences: a power of two, so that sums of "grid" data stay exact in
 * float32. */
#define STEP 0x1p-9

struct sample {
    struct layer_case c;
    struct layer_data data;
    clattn_layer_arrays a;
    struct layer_truth truth;
};

static void sample_open(struct sample *s, const char *line)
{
    assert_int_equal(layer_case_parse(line, &s->c), 0);
    assert_int_equal(layer_data_make(&s->c, &s->data), 0);
    s->a = layer_data_arrays(&s->c, &s->data);
    assert_int_equal(layer_reference(&s->c.layer, &s->a, &s->truth), 0);
}

static void sample_close(struct sample *s)
{
    layer_truth_free(&s->truth);
    layer_data_free(&s->data);
}

/* sum of out * dout: the loss of the gradients. */
static double loss(const struct sample *s)
{
    struct layer_truth truth;
    double sum = 0.0;

    assert_int_equal(layer_reference(&s->c.layer, &s->a, &truth), 0);
    for (size_t n = 0; n < layer_count(&s->c.layer, LAYER_OUT); n++) {
        sum += truth.tensor[LAYER_OUT][n] * (double)s->a.dout[n];
    }
    layer_truth_free(&truth);
    return sum;
}

/* x += by u, u random multiples of 1/16 */
static void move(float *x, size_t count, uint64_t seed, float by)
{
    struct check_random random = {seed};

    for (size_t n = 0; n < count; n++) {
        x[n] += by * (float)(check_random_below(&random, 33) - 16) / 16.0f;
    }
}

/* Compares (loss(x + h u) - loss(x - h u)) / 2h, extrapolated with step 2h to fourth order, with
 * gradient . u. */
static void check_direction(struct sample *s, enum layer_slot input, enum layer_slot gradient)
{
    static const struct {
        float by; /* by how many further steps */
        double weight;
    } places[] = {{1.0f, 8.0 / 12.0}, {1.0f, -1.0 / 12.0}, {-3.0f, -8.0 / 12.0}, {-1.0f, 1.0 / 12.0}};
    const size_t count = layer_count(&s->c.layer, input);
    const uint64_t seed = 100 + (uint64_t)input;
    struct check_random random = {seed};
    float *x = s->data.slot[input];
    double expected = 0.0;
    double found = 0.0;
    double size = 0.0;

    for (size_t n = 0; n < count; n++) {
        const double term = s->truth.tensor[gradient][n] * (double)(check_random_below(&random, 33) - 16) / 16.0;

        expected += term;
        size += fabs(term);
    }
    for (size_t n = 0; n < sizeof places / sizeof places[0]; n++) {
        move(x, count, seed, places[n].by * (float)STEP);
        found += places[n].weight * loss(s) / STEP;
    }
    move(x, count, seed, 2.0f * (float)STEP);
    if (!(fabs(found - expected) <= 1e-6 * (size + 1e-3))) {
        fail_msg("%s: %s: finite difference %.12g, gradient %.12g", s->c.line, layer_slot_name(gradient), found,
                 expected);
    }
}

static void test_finite_differences(void **state)
{
    static const char *const lines[] = {
        "b1 n3 e4 h2 d3 grid",
        "b2 n4 e5 h2/1 d2 causal grid seed=2",
        "b2 n3 m5 e4 c3 h2 d3 grid seed=3",
        "b1 n5 m3 e3 c6 h4/2 d2 causal grid without=bq seed=4",
        "b2 n3 m4 e1 h2/1 d1 causal align=-1 grid without=bkv+bo seed=5",
        "b2 n4 m6 e3 c4 h2 d2 mask=2,1,1,6 scale=-0.5 grid seed=6",
        "b2 n4 e3 h2 d2 mask=1,2,4,4 causal align=top-left grid without=bq+bkv+bo seed=7",
        "b3 n2 m6 e3 c2 h3/1 d2 kvlen grid seed=8",
        "b1 n2 m3 e2 grid seed=9",
    };
    static const enum layer_slot pairs[][2] = {
        {LAYER_X, LAYER_DX},   {LAYER_CONTEXT, LAYER_DCONTEXT}, {LAYER_WQ, LAYER_DWQ},   {LAYER_WKV, LAYER_DWKV},
        {LAYER_WO, LAYER_DWO}, {LAYER_BQ, LAYER_DBQ},           {LAYER_BKV, LAYER_DBKV}, {LAYER_BO, LAYER_DBO}};

    (void)state;
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        struct sample s;

        sample_open(&s, lines[n]);
        for (size_t pair = 0; pair < sizeof pairs / sizeof pairs[0]; pair++) {
            if (s.data.bytes[pairs[pair][0]] > 0) {
                check_direction(&s, pairs[pair][0], pairs[pair][1]);
            }
        }
        sample_close(&s);
    }
}

/* One head of one component, and a single key: P = 1, so out = (context wkv_v + bkv_v) wo + bo. */
static void test_by_hand(void **state)
{
    static const struct {
        enum layer_slot slot;
        double expected[4];
    } rows[] = {{LAYER_SAVED, {2.5, 4.0, 12.0, 12.0}}, /* Q K V O */
                {LAYER_OUT, {24.0, 35.25}},
                {LAYER_DX, {0.0, 0.0}},
                {LAYER_DCONTEXT, {5.0 * 4.0}},
                {LAYER_DWQ, {0.0, 0.0}},
                {LAYER_DWKV, {0.0, 5.0 * 3.0}},
                {LAYER_DWO, {12.0, 12.0}},
                {LAYER_DBQ, {0.0}},
                {LAYER_DBKV, {0.0, 5.0}},
                {LAYER_DBO, {1.0, 1.0}}};
    float x[2] = {1.0f, 2.0f}, context[1] = {3.0f}, wq[2] = {-0.5f, 1.0f}, wkv[2] = {1.0f, 4.0f}, wo[2] = {2.0f, 3.0f};
    float bq[1] = {1.0f}, bkv[2] = {1.0f, 0.0f}, bo[2] = {0.0f, -0.75f}, dout[2] = {1.0f, 1.0f};
    struct layer_case c;
    struct layer_truth truth;
    clattn_layer_arrays a = CLATTN_LAYER_ARRAYS_INIT;

    (void)state;
    assert_int_equal(layer_case_parse("b1 n1 m1 e2 c1 h1 d1", &c), 0);
    a.x = x;
    a.context = context;
    a.wq = wq;
    a.wkv = wkv;
    a.wo = wo;
    a.bq = bq;
    a.bkv = bkv;
    a.bo = bo;
    a.dout = dout;
    assert_int_equal(layer_reference(&c.layer, &a, &truth), 0);
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        const size_t count = layer_count(&c.layer, rows[row].slot);

        for (size_t n = 0; n < count && n < 4; n++) {
            if (truth.tensor[rows[row].slot][n] != rows[row].expected[n]) {
                fail_msg("%s[%zu] is %g, not %g", layer_slot_name(rows[row].slot), n, truth.tensor[rows[row].slot][n],
                         rows[row].expected[n]);
            }
        }
    }
    assert_true(truth.tensor[LAYER_SAVED][4] == 10.0); /* L is the only score */
    layer_truth_free(&truth);
}

/* Heads are side by side in a row, K before V. Two heads, identities as weights, and a context that
 * makes every component of V different. */
static void test_layout(void **state)
{
    enum { HEADS = 2, D = 3, INNER = HEADS * D };
    struct sample s;

    (void)state;
    sample_open(&s, "b1 n1 m1 e6 c12 h2 d3 without=bq+bkv+bo");
    memset(s.data.slot[LAYER_WKV], 0, s.data.bytes[LAYER_WKV]);
    memset(s.data.slot[LAYER_WO], 0, s.data.bytes[LAYER_WO]);
    for (size_t n = 0; n < 2 * INNER; n++) {
        ((float *)s.data.slot[LAYER_WKV])[n * 2 * INNER + n] = 1.0f;
    }
    for (size_t n = 0; n < INNER; n++) {
        ((float *)s.data.slot[LAYER_WO])[n * INNER + n] = 1.0f;
    }
    layer_truth_free(&s.truth);
    assert_int_equal(layer_reference(&s.c.layer, &s.a, &s.truth), 0);
    for (size_t n = 0; n < INNER; n++) {
        assert_true(s.truth.tensor[LAYER_OUT][n] == (double)s.a.context[INNER + n]);
    }
    sample_close(&s);
}

/* Without a context, dx is dx + dcontext of the same layer with x as its context. */
static void test_both_ways(void **state)
{
    struct sample self, cross;

    (void)state;
    sample_open(&self, "b2 n5 e4 h2/1 d3 causal seed=3");
    sample_open(&cross, "b2 n5 m5 e4 h2/1 d3 causal seed=3");
    memcpy(cross.data.slot[LAYER_CONTEXT], cross.data.slot[LAYER_X], cross.data.bytes[LAYER_X]);
    layer_truth_free(&cross.truth);
    assert_int_equal(layer_reference(&cross.c.layer, &cross.a, &cross.truth), 0);
    for (size_t n = 0; n < layer_count(&self.c.layer, LAYER_X); n++) {
        const double sum = cross.truth.tensor[LAYER_DX][n] + cross.truth.tensor[LAYER_DCONTEXT][n];

        assert_true(self.truth.tensor[LAYER_OUT][n] == cross.truth.tensor[LAYER_OUT][n]);
        assert_true(fabs(self.truth.tensor[LAYER_DX][n] - sum) <= 1e-13);
    }
    sample_close(&self);
    sample_close(&cross);
}

/* NaN and infinity in hidden rows reach neither out nor any gradient. */
static void test_padding(void **state)
{
    static const char *const lines[][2] = {
        {"b4 n3 m5 e4 c3 h2 d3 kvlen", "b4 n3 m5 e4 c3 h2 d3 kvlen nanpad"},
        {"b4 n3 m5 e4 c3 h2 d3 mask=4,2,1,5 kvlen causal", "b4 n3 m5 e4 c3 h2 d3 mask=4,2,1,5 kvlen causal nanpad"},
        {"b2 n5 m4 e4 h2 d3 causal align=-2", "b2 n5 m4 e4 h2 d3 causal align=-2 nanblind"},
        {"b2 n5 e4 h2 d3 causal mask=2,1,1,5 seed=3", "b2 n5 e4 h2 d3 causal mask=2,1,1,5 nanblind seed=3"},
    };

    (void)state;
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        struct sample clean, nan;

        sample_open(&clean, lines[n][0]);
        sample_open(&nan, lines[n][1]);
        assert_memory_not_equal(nan.data.slot[nan.c.nanpad ? LAYER_CONTEXT : LAYER_X],
                                clean.data.slot[nan.c.nanpad ? LAYER_CONTEXT : LAYER_X],
                                clean.data.bytes[nan.c.nanpad ? LAYER_CONTEXT : LAYER_X]);
        for (enum layer_slot slot = LAYER_OUT; slot < LAYER_SLOTS; slot++) {
            const int differs = slot == LAYER_SAVED || (slot == LAYER_DBO && nan.c.nanblind);

            if (!differs && clean.truth.tensor[slot] != NULL) {
                assert_memory_equal(nan.truth.tensor[slot], clean.truth.tensor[slot],
                                    layer_count(&nan.c.layer, slot) * sizeof(double));
            }
        }
        sample_close(&nan);
        sample_close(&clean);
    }
}

/* Every tensor is covered by parts with sensible tolerances. */
static void test_tolerances(void **state)
{
    struct sample s;

    (void)state;
    sample_open(&s, "b2 n7 m9 e24 c40 h4/2 d8 causal");
    for (enum layer_slot slot = LAYER_OUT; slot < LAYER_SLOTS; slot++) {
        const size_t count = layer_count(&s.c.layer, slot);
        double most = 0.0;

        for (size_t n = 0; slot != LAYER_DOUT && n < count; n++) {
            most = isfinite(s.truth.tensor[slot][n]) ? fmax(most, fabs(s.truth.tensor[slot][n])) : most;
            assert_true(layer_tolerance(&s.truth, slot, n) > 0.0);
        }
        assert_true(slot == LAYER_DOUT || layer_tolerance(&s.truth, slot, count - 1) < 1e-4 * most);
    }
    sample_close(&s);
}

static void test_lines(void **state)
{
    static const char *const bad[] = {"b", "b1x", "h2/", "mask=1,2,3", "mask=1,2,3,4,5", "only=dy", "b1  n2", "Causal"};
    struct layer_case c;

    (void)state;
    assert_int_equal(layer_case_parse("b2 n7 m9 e24 c40 h4/2 d8 causal align=-3 only=dx+dbo without=bkv tile=4/8", &c),
                     0);
    assert_true(c.layer.batch == 2 && c.layer.context_len == 9 && c.layer.heads == 4 && c.layer.kv_heads == 2);
    assert_true(c.layer.score.causal == 1 && c.layer.score.align == CLATTN_ALIGN_OFFSET && c.layer.score.offset == -3);
    assert_true(c.layer.q_tile == 4 && c.layer.k_tile == 8);
    assert_int_equal(c.gradients, 1 << LAYER_DX | 1 << LAYER_DBO);
    assert_int_equal(c.biases, 1 << LAYER_BQ | 1 << LAYER_BO);
    for (size_t n = 0; n < sizeof bad / sizeof bad[0]; n++) {
        assert_int_equal(layer_case_parse(bad[n], &c), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),      cmocka_unit_test(test_by_hand), cmocka_unit_test(test_layout),
        cmocka_unit_test(test_both_ways),  cmocka_unit_test(test_padding), cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_tolerances),
    };

    return cmocka_run_group_tests_name("layer_reference", tests, NULL, NULL);
}
