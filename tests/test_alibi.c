/* SPDX-License-Identifier: Apache-2.0 */
/* ALiBi: answers known without a reference, and refused calls. Other cases with slopes are in the
 * case table. */
#include "device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 2, QUERIES = 70, KEYS = 150, DEPTH = 8 };

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

static clattn_problem make_problem(int64_t keys)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 1;
    p.q_heads = p.kv_heads = HEADS;
    p.q_len = QUERIES;
    p.kv_len = keys;
    p.qk_dim = p.v_dim = DEPTH;
    p.score.alibi_dim[0] = 1;
    p.score.alibi_dim[1] = HEADS;
    return p;
}

/* ---- a row of one key ---- */

/* With one key P is 1, independent of its score: out is v, and dv is the sum of dout, which has one
 * row that is not 0. Distances are below 2^24, above it, and above 2^47; slopes have either
 * sign. */
static void test_one_key(void **state)
{
    static const int64_t offsets[] = {0, -35, 100000, 40000001, -5000000017, INT64_C(1) << 50};
    static const float slopes[][HEADS] = {{0.5f, -3.0f}, {1e4f, 7e-3f}, {-123.456f, 0.0f}};
    static float q[HEADS][QUERIES][DEPTH], k[HEADS][DEPTH], v[HEADS][DEPTH], out[HEADS][QUERIES][DEPTH];
    static float dout[HEADS][QUERIES][DEPTH], lse[HEADS][QUERIES], dv[HEADS][DEPTH];

    for (size_t n = 0; n < sizeof q / sizeof(float); n++) {
        (&q[0][0][0])[n] = (float)((int)(n * 37 % 101) - 50) / 16.0f;
    }
    for (int n = 0; n < HEADS * DEPTH; n++) {
        (&k[0][0])[n] = (float)(n % 5 - 2) / 3.0f;
        (&v[0][0])[n] = (float)(n % 7 - 3) / 7.0f;
        dout[n / DEPTH][QUERIES - 5][n % DEPTH] = (float)(n % 3 - 1) / 9.0f;
    }
    for (size_t o = 0; o < 2 * COUNT_OF(offsets); o++) {
        for (size_t s = 0; s < COUNT_OF(slopes); s++) {
            clattn_problem p = make_problem(1);
            clattn_arrays a = CLATTN_ARRAYS_INIT;

            p.score.scale = o % 2 == 0 ? 0.0f : -0.37f;
            p.score.align = CLATTN_ALIGN_OFFSET;
            p.score.offset = offsets[o / 2];
            a.q.data = q;
            a.k.data = k;
            a.v.data = v;
            a.alibi.data = slopes[s];
            a.out.data = out;
            a.lse.data = lse;
            assert_success(clattn_run_forward(*state, &p, &a, NULL));
            a.dout.data = dout;
            a.dv.data = dv;
            assert_success(clattn_run_backward(*state, &p, &a, NULL));
            assert_memory_equal(dv[0], dout[0][QUERIES - 5], sizeof dv[0]);
            assert_memory_equal(dv[1], dout[1][QUERIES - 5], sizeof dv[1]);
            for (int row = 0; row < HEADS * QUERIES; row++) {
                const int h = row / QUERIES, i = row % QUERIES;
                double dot = 0.0;

                for (int d = 0; d < DEPTH; d++) {
                    dot += (double)q[h][i][d] * (double)k[h][d];
                }
                const double scale = o % 2 == 0 ? 1.0 / sqrt(DEPTH) : (double)-0.37f;
                const double distance = fabs((double)i + (double)p.score.offset);
                const double expected = scale * dot - (double)slopes[s][h] * distance;

                assert_memory_equal(out[h][i], v[h], sizeof v[h]);
                assert_true(fabs((double)lse[h][i] - expected) <= 1e-5 + 3e-7 * fabs(expected));
            }
        }
    }
}

/* ---- scores that are ALiBi alone ---- */

/* Keys are 0, so P is the softmax of -slope |i + offset - j|; v is the identity, eight keys at a
 * time. */
static void test_alone(void **state)
{
    static const float slopes[HEADS] = {0.25f, -0.03125f};
    static float q[HEADS][QUERIES][DEPTH], k[HEADS][KEYS][DEPTH], v[HEADS][KEYS][DEPTH], out[HEADS][QUERIES][DEPTH];

    for (size_t n = 0; n < sizeof q / sizeof(float); n++) {
        (&q[0][0][0])[n] = (float)(n % 11) - 5.0f;
    }
    for (int first = 0; first < KEYS; first += DEPTH * 4) {
        clattn_problem p = make_problem(KEYS);
        clattn_arrays a = CLATTN_ARRAYS_INIT;

        memset(v, 0, sizeof v);
        for (int n = 0; n < HEADS * DEPTH && first + n % DEPTH < KEYS; n++) {
            v[n / DEPTH][first + n % DEPTH][n % DEPTH] = 1.0f;
        }
        p.score.align = first % 64 == 0 ? CLATTN_ALIGN_TOP_LEFT : CLATTN_ALIGN_BOTTOM_RIGHT;
        a.q.data = q;
        a.k.data = k;
        a.v.data = v;
        a.alibi.data = slopes;
        a.out.data = out;
        assert_success(clattn_run_forward(*state, &p, &a, NULL));
        for (int row = 0; row < HEADS * QUERIES; row++) {
            const int h = row / QUERIES, i = row % QUERIES;
            const int at = i + (first % 64 == 0 ? 0 : KEYS - QUERIES);
            double sum = 0.0;

            for (int j = 0; j < KEYS; j++) {
                sum += exp(-(double)slopes[h] * abs(at - j));
            }
            for (int d = 0; d < DEPTH && first + d < KEYS; d++) {
                const double expected = exp(-(double)slopes[h] * abs(at - first - d)) / sum;

                assert_true(fabs((double)out[h][i][d] - expected) <= 1e-6 * expected + 1e-12);
            }
        }
    }
}

/* ---- refusals ---- */

static void test_missing(void **state)
{
    static float x[HEADS * QUERIES * DEPTH * 2];
    clattn_problem p = make_problem(QUERIES);
    clattn_layer layer = CLATTN_LAYER_INIT;
    clattn_arrays a = CLATTN_ARRAYS_INIT;
    clattn_layer_arrays l = CLATTN_LAYER_ARRAYS_INIT;

    a.q.data = a.k.data = a.v.data = x;
    a.out.data = x + COUNT_OF(x) / 2;
    assert_int_equal(clattn_run_forward(*state, &p, &a, NULL), CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "array alibi is missing"));
    layer.batch = layer.len = layer.dim = 4;
    layer.heads = HEADS;
    layer.dim_head = 2;
    layer.score.alibi_dim[0] = 1;
    layer.score.alibi_dim[1] = 3;
    l.x = l.wq = l.wkv = l.wo = x;
    l.out = x + COUNT_OF(x) / 2;
    const clattn_status status = clattn_run_layer_forward(*state, &layer, &l, NULL);

    if (status == CLATTN_NO_CLBLAST) {
        return;
    }
    assert_int_equal(status, CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "alibi_dim[1] is 3; allowed are 1 and 2"));
    layer.score.alibi_dim[1] = HEADS;
    assert_int_equal(clattn_run_layer_forward(*state, &layer, &l, NULL), CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "array alibi is missing"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_key),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_missing),
    };

    return cmocka_run_group_tests_name("alibi", tests, setup, teardown);
}
