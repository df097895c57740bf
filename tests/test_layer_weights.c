/* SPDX-License-Identifier: Apache-2.0 */
/* clattn_layer_init_weights: distributions of nn.Linear, the same numbers on every machine. Needs
 * no device. */
#include "device.h"

#include "layer_case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LINE "e96 c40 h4/2 d32"

enum { WEIGHTS = 6, GUARD = 8 };

/* In the order of clattn_layer_init_weights' parameters. */
static const enum layer_slot order[WEIGHTS] = {LAYER_WQ, LAYER_BQ, LAYER_WKV, LAYER_BKV, LAYER_WO, LAYER_BO};

struct weights {
    clattn_layer layer;
    size_t count[WEIGHTS];
    float *data[WEIGHTS]; /* each with a guard behind it */
};

static void weights_open(struct weights *w, const char *line)
{
    struct layer_case c;

    assert_int_equal(layer_case_parse(line, &c), 0);
    w->layer = c.layer;
    for (int n = 0; n < WEIGHTS; n++) {
        w->count[n] = layer_count(&w->layer, order[n]);
        w->data[n] = malloc((w->count[n] + GUARD) * sizeof(float));
        assert_non_null(w->data[n]);
        memset(w->data[n], 0xff, (w->count[n] + GUARD) * sizeof(float));
    }
}

static void weights_close(struct weights *w)
{
    for (int n = 0; n < WEIGHTS; n++) {
        free(w->data[n]);
    }
}

/* Draws the tensors whose bit is set. */
static clattn_status draw(const struct weights *w, uint64_t seed, unsigned which)
{
    float *d[WEIGHTS];

    for (int n = 0; n < WEIGHTS; n++) {
        d[n] = which >> n & 1 ? w->data[n] : NULL;
    }
    return clattn_layer_init_weights(&w->layer, seed, d[0], d[1], d[2], d[3], d[4], d[5]);
}

/* Whether no number was drawn: all are NaN. */
static int is_untouched(const float *x, size_t count)
{
    size_t n = 0;

    while (n < count && isnan(x[n])) {
        n++;
    }
    return n == count;
}

static void check_uniform(const float *x, size_t count, double bound, const char *name)
{
    const double deviations = 5.0 / sqrt((double)count);
    double sum = 0.0;
    double squares = 0.0;
    double most = 0.0;

    for (size_t n = 0; n < count; n++) {
        sum += (double)x[n];
        squares += (double)x[n] * (double)x[n];
        if (!(fabs((double)x[n]) <= bound * (1.0 + 0x1p-23))) {
            fail_msg("%s[%zu] is %g, and the bound is %g", name, n, (double)x[n], bound);
        }
        most = fmax(most, fabs((double)x[n]));
    }
    sum /= (double)count;
    squares /= (double)count;
    /* a uniform number within +-1 has variance 1/3, its square variance 4/45 */
    if (!(fabs(sum) <= deviations * bound * sqrt(1.0 / 3.0)) ||
        !(fabs(squares - bound * bound / 3.0) <= deviations * bound * bound * sqrt(4.0 / 45.0)) ||
        !(most >= bound * (1.0 - 20.0 / (double)count))) {
        fail_msg("%s is not uniform within %g: mean %g, mean square %g, largest %g", name, bound, sum, squares, most);
    }
}

static void test_distribution(void **state)
{
    static const double fan_in[WEIGHTS] = {96, 96, 40, 40, 128, 128};
    struct weights w;

    (void)state;
    weights_open(&w, LINE);
    assert_success(draw(&w, 1, 63));
    for (int n = 0; n < WEIGHTS; n++) {
        check_uniform(w.data[n], w.count[n], 1.0 / sqrt(fan_in[n]), layer_slot_name(order[n]));
        assert_true(is_untouched(w.data[n] + w.count[n], GUARD));
    }
    weights_close(&w);
}

/* Two of the six tensors, or one with two seeds, must not correlate. */
static void check_independent(const float *x, const float *y, size_t count)
{
    double xy = 0.0;
    double xx = 0.0;
    double yy = 0.0;

    for (size_t n = 0; n < count; n++) {
        xy += (double)x[n] * (double)y[n];
        xx += (double)x[n] * (double)x[n];
        yy += (double)y[n] * (double)y[n];
    }
    assert_true(fabs(xy) / sqrt(xx * yy) <= 5.0 / sqrt((double)count));
}

static void test_independence(void **state)
{
    struct weights one, two;

    (void)state;
    weights_open(&one, LINE);
    weights_open(&two, LINE);
    assert_success(draw(&one, 1, 63));
    assert_success(draw(&two, 2, 63));
    for (int a = 0; a < WEIGHTS; a++) {
        check_independent(one.data[a], two.data[a], one.count[a]);
        for (int b = 0; b < a; b++) {
            check_independent(one.data[a], one.data[b], one.count[a] < one.count[b] ? one.count[a] : one.count[b]);
        }
    }
    weights_close(&one);
    weights_close(&two);
}

/* Drawing each tensor alone, or all but one, gives the same numbers as drawing all; batch sizes do
 * not matter. */
static void test_same_numbers(void **state)
{
    static const char *const lines[] = {LINE, "b3 n7 m5 e96 c40 h4/2 d32"};
    struct weights all;

    (void)state;
    weights_open(&all, LINE);
    assert_success(draw(&all, 7, 63));
    for (unsigned round = 0; round < 2 * WEIGHTS; round++) {
        const unsigned which = round < WEIGHTS ? 1u << round : 63u & ~(1u << (round - WEIGHTS));
        struct weights some;

        weights_open(&some, lines[round % 2]);
        assert_success(draw(&some, 7, which));
        for (int n = 0; n < WEIGHTS; n++) {
            if (which >> n & 1) {
                assert_memory_equal(some.data[n], all.data[n], all.count[n] * sizeof(float));
            } else {
                assert_true(is_untouched(some.data[n], some.count[n]));
            }
        }
        weights_close(&some);
    }
    assert_success(draw(&all, 7, 0));
    weights_close(&all);
}

/* 8 heads of 64, and a context as wide as dim. */
static void test_defaults(void **state)
{
    struct weights w;

    (void)state;
    weights_open(&w, "e24");
    assert_int_equal(w.count[0], 512 * 24);
    assert_success(draw(&w, 3, 63));
    check_uniform(w.data[0], w.count[0], 1.0 / sqrt(24.0), "wq");
    check_uniform(w.data[2], w.count[2], 1.0 / sqrt(24.0), "wkv");
    check_uniform(w.data[4], w.count[4], 1.0 / sqrt(512.0), "wo");
    for (int n = 0; n < WEIGHTS; n++) {
        assert_true(is_untouched(w.data[n] + w.count[n], GUARD));
    }
    weights_close(&w);
}

static void test_refused(void **state)
{
    struct weights w;
    clattn_layer bad[6];
    static const struct {
        clattn_status status;
        const char *part;
    } expected[6] = {{CLATTN_INVALID_ARGUMENT, "struct_size"}, {CLATTN_INVALID_SIZE, "layer.dim"},
                     {CLATTN_INVALID_SIZE, "layer.kv_heads"},  {CLATTN_INVALID_SIZE, "layer.dim_head"},
                     {CLATTN_INVALID_SIZE, "layer.batch"},     {CLATTN_INVALID_SIZE, "wq"}};

    (void)state;
    weights_open(&w, LINE);
    for (int n = 0; n < 6; n++) {
        bad[n] = w.layer;
    }
    bad[0].struct_size = sizeof bad[0].struct_size;
    bad[1].dim = 0;
    bad[2].kv_heads = 3;
    bad[3].dim_head = CLATTN_MAX_HEAD_DIM + 1;
    bad[4].batch = -1;
    bad[5].dim = (int64_t)1 << 24; /* wq has 2^31 elements */
    assert_status(clattn_layer_init_weights(NULL, 1, w.data[0], NULL, NULL, NULL, NULL, NULL), CLATTN_INVALID_ARGUMENT,
                  "layer is NULL");
    for (int n = 0; n < 6; n++) {
        w.layer = bad[n];
        assert_status(draw(&w, 1, 63), expected[n].status, expected[n].part);
    }
    for (int n = 0; n < WEIGHTS; n++) {
        assert_true(is_untouched(w.data[n], w.count[n] + GUARD));
    }
    weights_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distribution), cmocka_unit_test(test_independence), cmocka_unit_test(test_same_numbers),
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests_name("layer_weights", tests, NULL, NULL);
}
