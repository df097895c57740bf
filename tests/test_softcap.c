/* SPDX-License-Identifier: Apache-2.0 */
/* Softcap: answers known without a reference. Other cases with it are in the case table. */
#include "device.h"

#include <math.h>
#include <stdlib.h>

enum { QUERIES = 70, DEPTH = 8 };

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

/* With one key lse is the score: of either sign, from 2^-40 of the cap to far above it, it is c
 * tanh(S / c) to a few units in its last place. P is 1 in the backward too: dv is the sum of dout,
 * which has one row that is not 0. */
static void test_one_key(void **state)
{
    static const float caps[] = {0x1p-60f, 0.7f, 50.0f, 0x1p60f}, scales[] = {1.0f, -0.37f};
    static float q[QUERIES][DEPTH], k[DEPTH] = {1.0f}, v[DEPTH], out[QUERIES][DEPTH];
    static float dout[QUERIES][DEPTH], lse[QUERIES], dv[DEPTH];

    for (int d = 0; d < DEPTH; d++) {
        v[d] = (float)(d - 3) / 7.0f;
        dout[QUERIES - 5][d] = (float)(d % 3 - 1) / 9.0f;
    }
    for (size_t n = 0; n < COUNT_OF(caps) * COUNT_OF(scales); n++) {
        const float cap = caps[n / COUNT_OF(scales)], scale = scales[n % COUNT_OF(scales)];
        clattn_problem p = CLATTN_PROBLEM_INIT;
        clattn_arrays a = CLATTN_ARRAYS_INIT;

        p.batch = p.q_heads = p.kv_heads = p.kv_len = 1;
        p.q_len = QUERIES;
        p.qk_dim = p.v_dim = DEPTH;
        p.score.scale = scale;
        p.score.softcap = cap;
        for (int i = 0; i < QUERIES; i++) { /* growing by 1.9 from row to row */
            q[i][0] = (i % 2 ? -cap : cap) * 0x1p-40f * powf(1.9f, (float)i);
        }
        a.q.data = q;
        a.k.data = k;
        a.v.data = v;
        a.out.data = out;
        a.lse.data = lse;
        assert_success(clattn_run_forward(*state, &p, &a, NULL));
        a.dout.data = dout;
        a.dv.data = dv;
        assert_success(clattn_run_backward(*state, &p, &a, NULL));
        assert_memory_equal(dv, dout[QUERIES - 5], sizeof dv);
        for (int i = 0; i < QUERIES; i++) {
            const double expected = (double)cap * tanh((double)scale * (double)q[i][0] / (double)cap);

            assert_memory_equal(out[i], v, sizeof v);
            if (!(fabs((double)lse[i] - expected) <= 6e-7 * fabs(expected) + 1e-37)) {
                fail_msg("cap %g, scale %g, q %g: lse %.9g, expected %.9g", (double)cap, (double)scale, (double)q[i][0],
                         (double)lse[i], expected);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_key)};

    return cmocka_run_group_tests_name("softcap", tests, setup, teardown);
}
