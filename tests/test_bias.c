/* SPDX-License-Identifier: Apache-2.0 */
/* A bias of -inf: answers known without a reference. Other cases with a bias are in the case table. */
#include "device.h"

#include <math.h>
#include <stdlib.h>

enum { QUERIES = 70, KEYS = 40, DEPTH = 8, UNSEEING = 5 };

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

static int is_finite(const float *x, size_t count)
{
    size_t n = 0;

    while (n < count && isfinite(x[n])) {
        n++;
    }
    return n == count;
}

/* A query whose biases are all -inf sees nothing: out and dq are 0, lse is -inf, and dk and dv have
 * nothing of it, even where q and dout of it are NaN. */
static void test_unseeing(void **state)
{
    static float q[QUERIES][DEPTH], k[KEYS][DEPTH], v[KEYS][DEPTH], out[QUERIES][DEPTH], lse[QUERIES];
    static float dout[QUERIES][DEPTH], dq[QUERIES][DEPTH], dk[KEYS][DEPTH], dv[KEYS][DEPTH], bias[QUERIES][KEYS];
    static const float zeros[DEPTH];
    clattn_problem p = CLATTN_PROBLEM_INIT;
    clattn_arrays a = CLATTN_ARRAYS_INIT;

    for (int n = 0; n < QUERIES * DEPTH; n++) {
        q[n / DEPTH][n % DEPTH] = n / DEPTH == UNSEEING ? NAN : (float)(n % 11 - 5) / 4.0f;
        dout[n / DEPTH][n % DEPTH] = n / DEPTH == UNSEEING ? NAN : (float)(n % 7 - 3) / 4.0f;
        k[n / DEPTH % KEYS][n % DEPTH] = (float)(n % 5 - 2);
        v[n / DEPTH % KEYS][n % DEPTH] = (float)(n % 3 - 1);
    }
    for (int j = 0; j < KEYS; j++) {
        bias[UNSEEING][j] = -INFINITY;
    }
    p.batch = p.q_heads = p.kv_heads = 1;
    p.q_len = QUERIES;
    p.kv_len = KEYS;
    p.qk_dim = p.v_dim = DEPTH;
    p.score.bias_dim[0] = p.score.bias_dim[1] = 1;
    p.score.bias_dim[2] = QUERIES;
    p.score.bias_dim[3] = KEYS;
    a.q.data = q;
    a.k.data = k;
    a.v.data = v;
    a.bias.data = bias;
    a.out.data = out;
    a.lse.data = lse;
    assert_success(clattn_run_forward(*state, &p, &a, NULL));
    a.dout.data = dout;
    a.dq.data = dq;
    a.dk.data = dk;
    a.dv.data = dv;
    assert_success(clattn_run_backward(*state, &p, &a, NULL));
    assert_memory_equal(out[UNSEEING], zeros, sizeof zeros);
    assert_memory_equal(dq[UNSEEING], zeros, sizeof zeros);
    assert_true(lse[UNSEEING] == -INFINITY);
    assert_true(is_finite(out[0], QUERIES * DEPTH) && is_finite(dq[0], QUERIES * DEPTH));
    assert_true(is_finite(dk[0], KEYS * DEPTH) && is_finite(dv[0], KEYS * DEPTH));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unseeing)};

    return cmocka_run_group_tests_name("bias", tests, setup, teardown);
}
