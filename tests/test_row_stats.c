/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of lse: answers known without a reference, and refused calls. Other cases are in the
 * case table. */
#include "device.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HEADS = 2, QUERIES = 70, KEYS = 9, DEPTH = 8 };

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
    return p;
}

/* A call's arrays. dout is 0. */
struct memory {
    float q[HEADS][QUERIES][DEPTH], k[HEADS][KEYS][DEPTH], v[HEADS][KEYS][DEPTH];
    float out[HEADS][QUERIES][DEPTH], lse[HEADS][QUERIES], dout[HEADS][QUERIES][DEPTH], dlse[HEADS][QUERIES];
    float dq[HEADS][QUERIES][DEPTH], dk[HEADS][KEYS][DEPTH], dv[HEADS][KEYS][DEPTH];
};

static clattn_arrays make_arrays(struct memory *m)
{
    clattn_arrays a = CLATTN_ARRAYS_INIT;

    memset(m, 0, sizeof *m);
    for (size_t n = 0; n < sizeof m->q / sizeof(float); n++) {
        (&m->q[0][0][0])[n] = (float)((int)(n * 37 % 101) - 50) / 16.0f;
    }
    for (int n = 0; n < HEADS * KEYS * DEPTH; n++) {
        (&m->k[0][0][0])[n] = (float)(n % DEPTH - 2) / 3.0f; /* all keys are equal */
        (&m->v[0][0][0])[n] = (float)(n % 7 - 3) / 7.0f;
    }
    for (int n = 0; n < HEADS * QUERIES; n++) {
        (&m->dlse[0][0])[n] = (float)(n % 11 - 4) / 5.0f;
    }
    a.q.data = m->q;
    a.k.data = m->k;
    a.v.data = m->v;
    a.out.data = m->out;
    a.lse.data = m->lse;
    a.dout.data = m->dout;
    a.dlse.data = m->dlse;
    a.dq.data = m->dq;
    a.dk.data = m->dk;
    a.dv.data = m->dv;
    return a;
}

static void assert_near(float found, double expected)
{
    if (!(fabs((double)found - expected) <= 1e-5 * (1.0 + fabs(expected)))) {
        fail_msg("found %.9g, expected %.9g", (double)found, expected);
    }
}

/* Where out has no gradient and all keys are equal, dS = dlse / M: dq is scale dlse k, dk the sum of
 * scale dlse q / M, dv 0. The last queries of a head see no key: their dlse is NaN. */
static void test_dlse_alone(void **state)
{
    static struct memory m;
    const double scale = 1.0 / sqrt(DEPTH);

    for (int keys = 1; keys <= KEYS; keys += KEYS - 1) {
        clattn_problem p = make_problem(keys);
        clattn_arrays a = make_arrays(&m);
        const int seeing = QUERIES - 3;
        static unsigned char mask[QUERIES];

        p.score.dlse = 1;
        p.score.mask_dim[0] = p.score.mask_dim[1] = p.score.mask_dim[3] = 1;
        p.score.mask_dim[2] = QUERIES;
        for (int i = 0; i < QUERIES; i++) {
            mask[i] = i < seeing;
            m.dlse[0][i] = i < seeing ? m.dlse[0][i] : NAN;
            m.dlse[1][i] = i < seeing ? m.dlse[1][i] : NAN;
        }
        a.mask.data = mask;
        assert_success(clattn_run_forward(*state, &p, &a, NULL));
        assert_success(clattn_run_backward(*state, &p, &a, NULL));
        for (int h = 0; h < HEADS; h++) {
            double sum[DEPTH] = {0.0};

            for (int i = 0; i < QUERIES; i++) {
                for (int d = 0; d < DEPTH; d++) {
                    const double dlse = i < seeing ? (double)m.dlse[h][i] : 0.0;

                    assert_near(m.dq[h][i][d], scale * dlse * (double)m.k[0][0][d]);
                    sum[d] += scale * dlse * (double)m.q[h][i][d] / keys;
                }
            }
            for (int n = 0; n < keys * DEPTH; n++) {
                assert_near((&m.dk[0][0][0])[h * keys * DEPTH + n], sum[n % DEPTH]);
                assert_true((&m.dv[0][0][0])[h * keys * DEPTH + n] == 0.0f);
            }
        }
    }
}

/* dv does not depend on dlse, and needs none; other gradients do. */
static void test_dlse_refused(void **state)
{
    static struct memory m;
    clattn_problem p = make_problem(KEYS);
    clattn_arrays a = make_arrays(&m);
    clattn_layer layer = CLATTN_LAYER_INIT;
    clattn_layer_arrays l = CLATTN_LAYER_ARRAYS_INIT;

    p.score.dlse = 1;
    assert_success(clattn_run_forward(*state, &p, &a, NULL));
    a.dq.data = m.dlse;
    assert_int_equal(clattn_run_backward(*state, &p, &a, NULL), CLATTN_OVERLAP);
    a.dq.data = m.dq;
    a.dlse.data = NULL;
    assert_int_equal(clattn_run_backward(*state, &p, &a, NULL), CLATTN_INVALID_ARGUMENT);
    assert_non_null(strstr(clattn_last_error(), "array dlse is missing"));
    a.dq.data = a.dk.data = NULL;
    assert_success(clattn_run_backward(*state, &p, &a, NULL));
    layer.batch = layer.len = layer.dim = 4;
    layer.heads = HEADS;
    layer.dim_head = 2;
    layer.score.dlse = 1;
    l.x = l.wq = l.wkv = l.wo = &m.q[0][0][0];
    l.out = &m.out[0][0][0];
    const clattn_status status = clattn_run_layer_forward(*state, &layer, &l, NULL);

    assert_true(status == CLATTN_NO_CLBLAST || status == CLATTN_INVALID_ARGUMENT);
    assert_true(status == CLATTN_NO_CLBLAST || strstr(clattn_last_error(), "layer.score.dlse is 1; allowed is 0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dlse_alone),
        cmocka_unit_test(test_dlse_refused),
    };

    return cmocka_run_group_tests_name("row_stats", tests, setup, teardown);
}
