/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of lse, and the largest logits: answers known without a reference, calls without the
 * tensor, and refused calls. Other cases are in the case table. */
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

/* ---- the largest logits ---- */

enum { LOGIT_KEYS = 101, LOGIT_QUERIES = 5, LOGITS = HEADS * LOGIT_QUERIES };

/* The score of query i and key j is q[i] k[j] times the scale, a small multiple of 1/8, so that no
 * arithmetic rounds. Scores are in no order, and grow from tile to tile by less and by more than the
 * powers of two by which engines put off rescaling. */
struct logits {
    clattn_problem p;
    clattn_arrays a;
    float q[HEADS][LOGIT_QUERIES], k[HEADS][LOGIT_KEYS], v[HEADS][LOGIT_KEYS], sink[HEADS];
    float out[LOGITS], lse[LOGITS], max_logit[LOGITS], dout[LOGITS], dq[LOGITS], dk[HEADS * LOGIT_KEYS];
    unsigned char mask[LOGIT_QUERIES][LOGIT_KEYS];
};

/* Query i does not see every (i + 2)-nd key; query 4 sees none. */
static struct logits *make_logits(void)
{
    static const float queries[LOGIT_QUERIES] = {1.0f, -1.0f, 0.0f, 4.0f, 1.0f};
    struct logits *l = calloc(1, sizeof *l);

    assert_non_null(l);
    l->p = (clattn_problem)CLATTN_PROBLEM_INIT;
    l->a = (clattn_arrays)CLATTN_ARRAYS_INIT;
    for (int n = 0; n < HEADS * LOGIT_KEYS; n++) {
        (&l->k[0][0])[n] = (float)(n * 37 % LOGIT_KEYS + n / LOGIT_KEYS + n % LOGIT_KEYS - 90) / 8.0f;
        (&l->v[0][0])[n] = (float)(n % 7 - 3);
    }
    for (int n = 0; n < LOGITS; n++) {
        (&l->q[0][0])[n] = queries[n % LOGIT_QUERIES];
        l->dout[n] = (float)(n % 3 - 1);
        l->max_logit[n] = NAN;
    }
    for (int n = 0; n < LOGIT_QUERIES * LOGIT_KEYS; n++) {
        const int i = n / LOGIT_KEYS, j = n % LOGIT_KEYS;

        l->mask[i][j] = i < 4 && j % (i + 2) != 0;
    }
    l->p.batch = 1;
    l->p.q_heads = l->p.kv_heads = HEADS;
    l->p.q_len = LOGIT_QUERIES;
    l->p.kv_len = LOGIT_KEYS;
    l->p.qk_dim = l->p.v_dim = 1;
    l->p.k_tile = 16;
    l->p.score.scale = 1.0f;
    l->p.score.max_logit = 1;
    l->p.score.mask_dim[0] = l->p.score.mask_dim[1] = 1;
    l->p.score.mask_dim[2] = LOGIT_QUERIES;
    l->p.score.mask_dim[3] = LOGIT_KEYS;
    l->a.q.data = l->q;
    l->a.k.data = l->k;
    l->a.v.data = l->v;
    l->a.mask.data = l->mask;
    l->a.sink.data = l->sink;
    l->a.out.data = l->out;
    l->a.lse.data = l->lse;
    l->a.max_logit.data = l->max_logit;
    l->a.dout.data = l->dout;
    l->a.dq.data = l->dq;
    return l;
}

static void assert_logits(const struct logits *l, const float *found)
{
    for (int n = 0; n < LOGITS; n++) {
        const int h = n / LOGIT_QUERIES, i = n % LOGIT_QUERIES;
        float most = -INFINITY;

        for (int j = 0; j < LOGIT_KEYS; j++) {
            most = l->mask[i][j] ? fmaxf(most, l->p.score.scale * l->q[h][i] * l->k[h][j]) : most;
        }
        if (found[n] != most) {
            fail_msg("head %d, query %d: found %.9g, expected %.9g", h, i, (double)found[n], (double)most);
        }
    }
}

/* Scales of both signs, keys in one part and in several, sinks that change no largest score. */
static void test_max_logit_exact(void **state)
{
    static const float scales[] = {1.0f, -1.0f, 0.25f};
    struct logits *l = make_logits();

    for (int n = 0; n < 12; n++) {
        l->p.score.scale = scales[n % 3];
        l->p.kv_splits = 1 + 2 * (n / 3 % 2);
        l->p.score.sinks = n / 6;
        l->sink[0] = 1000.0f;
        l->sink[1] = -1000.0f;
        assert_success(clattn_run_forward(*state, &l->p, &l->a, NULL));
        assert_logits(l, l->max_logit);
        assert_true(l->lse[4] == (n / 6 ? l->sink[0] : -INFINITY));
    }
    free(l);
}

/* The array may be absent, also where backward runs forward first, which writes it if it is given. */
static void test_max_logit_optional(void **state)
{
    struct logits *l = make_logits(), *without = make_logits();

    for (int splits = 1; splits <= 3; splits += 2) {
        l->p.kv_splits = without->p.kv_splits = splits;
        without->a.max_logit.data = NULL;
        assert_success(clattn_run_forward(*state, &l->p, &l->a, NULL));
        assert_success(clattn_run_forward(*state, &without->p, &without->a, NULL));
        assert_memory_equal(l->out, without->out, sizeof l->out);
        assert_memory_equal(l->lse, without->lse, sizeof l->lse);
        l->a.lse.data = without->a.lse.data = NULL;
        memset(l->max_logit, 0, sizeof l->max_logit);
        assert_success(clattn_run_backward(*state, &l->p, &l->a, NULL));
        assert_logits(l, l->max_logit);
        assert_success(clattn_run_backward(*state, &without->p, &without->a, NULL));
        assert_memory_equal(l->dq, without->dq, sizeof l->dq);
        l->a.lse.data = l->lse;
        without->a.lse.data = without->lse;
        l->max_logit[0] = NAN; /* stays: this backward runs no forward */
        assert_success(clattn_run_backward(*state, &l->p, &l->a, NULL));
        assert_true(isnan(l->max_logit[0]));
    }
    l->a.max_logit.data = l->lse;
    assert_int_equal(clattn_run_forward(*state, &l->p, &l->a, NULL), CLATTN_OVERLAP);
    free(l);
    free(without);
}

/* A layer whose weights are the identity is attention of x with itself. */
static void test_max_logit_layer(void **state)
{
    static const float one[HEADS][HEADS] = {{1.0f, 0.0f}, {0.0f, 1.0f}};
    static const float two[2 * HEADS][HEADS] = {{1.0f, 0.0f}, {0.0f, 1.0f}, {1.0f, 0.0f}, {0.0f, 1.0f}};
    static const float x[3][HEADS] = {{1.0f, -3.0f}, {-2.0f, 0.5f}, {0.25f, 2.0f}};
    static const float expected[HEADS][3] = {{1.0f, 4.0f, 0.25f}, {9.0f, 0.25f, 4.0f}};
    float out[3][HEADS], max_logit[HEADS][3], dx[3][HEADS];
    clattn_layer layer = CLATTN_LAYER_INIT;
    clattn_layer_arrays a = CLATTN_LAYER_ARRAYS_INIT;

    layer.batch = 1;
    layer.len = 3;
    layer.dim = layer.heads = HEADS;
    layer.dim_head = 1;
    layer.score.causal = 1;
    layer.score.scale = 1.0f;
    layer.score.max_logit = 1;
    a.x = &x[0][0];
    a.wq = a.wo = &one[0][0];
    a.wkv = &two[0][0];
    a.out = &out[0][0];
    a.max_logit.data = max_logit;
    for (int pass = 0; pass < 4; pass++) {
        const clattn_status status = pass % 2 ? clattn_run_layer_backward(*state, &layer, &a, NULL)
                                              : clattn_run_layer_forward(*state, &layer, &a, NULL);

        if (status == CLATTN_NO_CLBLAST) {
            return;
        }
        assert_success(status);
        assert_true(a.max_logit.data == NULL || memcmp(max_logit, expected, sizeof expected) == 0);
        memset(max_logit, 0, sizeof max_logit);
        a.dout = &x[0][0];
        a.dx = &dx[0][0];
        a.max_logit.data = pass == 0 ? max_logit : NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dlse_alone),      cmocka_unit_test(test_dlse_refused),
        cmocka_unit_test(test_max_logit_exact), cmocka_unit_test(test_max_logit_optional),
        cmocka_unit_test(test_max_logit_layer),
    };

    return cmocka_run_group_tests_name("row_stats", tests, setup, teardown);
}
