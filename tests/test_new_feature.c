/* SPDX-License-Identifier: Apache-2.0 */
/* No solver gets a problem with a feature that it does not name: each of today's, and a new option that
 * kernels do not know yet. This program's clattn__features replaces the library's. */
#include "device.h"
#include "select/choose.h"
#include "select/engine.h"
#include "select/tuned.h"

#include <setjmp.h>
#include <string.h>

/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static uint64_t extra; /* 0, or the new feature */

uint64_t clattn__features(const clattn_problem *problem)
{
    (void)problem; /* it is plain */
    return CLATTN__FEATURE(FLOAT16) | extra;
}

static clattn_problem make_problem(void)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 4;
    p.q_heads = p.kv_heads = 16;
    p.q_len = p.kv_len = 4096;
    p.qk_dim = p.v_dim = 64;
    p.dtype = CLATTN_FLOAT16;
    return p;
}

static const struct clattn__device large = {
    .type = CL_DEVICE_TYPE_GPU, .local_bytes = 227 << 10, .max_group = 1024, .float_width = 8, .compute_units = 132};

/* With the feature `extra` no solver that does not name it gives a configuration, neither from its table nor from a
 * tuned row: `tuned` is one for a problem without. Returns the number of solvers that do not name it. */
static int check_feature(clattn_engine engine, enum clattn__kernel kernel, const struct clattn__config *tuned)
{
    const clattn_problem p = make_problem();
    struct clattn__config config = {.kernel = kernel, .splits = 2, .want_dk = true, .want_dv = true};
    bool named = false;
    int count = 0;

    for (const struct clattn__solver *s = clattn__solver_first(engine, kernel); s; s = clattn__solver_next(s)) {
        named = named || s->features & extra;
        if (!(s->features & extra)) {
            assert_false(clattn__solver_supports(s, &large, &p));
            count++;
        }
    }
    assert_true(named || !clattn__engine_supports(engine, &large, &p, kernel));
    for (int attempt = 0; attempt < 30 && clattn__config_choose(&large, engine, &p, attempt, &config); attempt++)
        assert_true(clattn__solver_of(&config)->features & extra);
    config = *tuned;
    if (tuned->tile_rows > 0 && clattn__config_complete(&large, engine, &p, &config))
        assert_true(clattn__solver_of(&config)->features & extra);
    return count;
}

/* Returns the number of pairs of a solver and a feature that it does not name. */
static int check_engine(clattn_engine engine, enum clattn__kernel kernel)
{
    const clattn_problem p = make_problem();
    const struct clattn__solver *solver = clattn__solver_first(engine, kernel);
    struct clattn__config config = {.kernel = kernel, .splits = 2, .want_dk = true, .want_dv = true}, chosen;
    int count = 0;

    extra = 0;
    const bool supports = clattn__engine_supports(engine, &large, &p, kernel);
    const bool chooses = clattn__config_choose(&large, engine, &p, 0, &config);

    assert_int_equal(supports, chooses);
    chosen = config;
    assert_true(!chooses || !solver->complete || clattn__config_complete(&large, engine, &p, &config));
    for (int bit = 0; bit < 64; bit++) {
        extra = (uint64_t)1 << bit;
        count += check_feature(engine, kernel, &chosen);
        if (bit >= FEATURE_COUNT) {
            assert_false(clattn__engine_supports(engine, &large, &p, kernel));
            assert_false(clattn__config_choose(&large, engine, &p, 0, &config));
            config = chosen;
            assert_false(clattn__config_complete(&large, engine, &p, &config));
        }
    }
    return count;
}

static void test_no_solver(void **state)
{
    int count = 0;

    (void)state;
    for (int engine = CLATTN_ENGINE_AUTO + 1; clattn_engine_name((clattn_engine)engine); engine++)
        for (int kernel = 0; kernel < KERNEL_COUNT; kernel++)
            count += check_engine((clattn_engine)engine, (enum clattn__kernel)kernel);
    assert_true(count >= 16 * (64 - FEATURE_COUNT));
}

/* Rows tuned without the feature are not used for problems with it. */
static void test_tuned_key(void **state)
{
    const clattn_problem p = make_problem();
    int64_t without[TUNED_PARTS], with[TUNED_PARTS];

    (void)state;
    extra = 0;
    clattn__tuned_key(CLATTN_ENGINE_SIMT, KERNEL_FORWARD, &p, without);
    extra = (uint64_t)1 << FEATURE_COUNT;
    clattn__tuned_key(CLATTN_ENGINE_SIMT, KERNEL_FORWARD, &p, with);
    assert_memory_not_equal(with, without, sizeof with);
}

/* A plan is refused with the feature's name. */
static void test_no_plan(void **state)
{
    struct device *device = *state;
    clattn_problem p = make_problem();
    clattn_plan *plan;

    p.batch = p.q_heads = p.kv_heads = 1;
    p.q_len = p.kv_len = 16;
    for (unsigned passes = CLATTN_FORWARD; passes <= CLATTN_BACKWARD; passes += CLATTN_BACKWARD - CLATTN_FORWARD) {
        extra = (uint64_t)1 << 62;
        assert_int_equal(clattn_plan_create(device->context, &p, passes, &plan), CLATTN_DEVICE_LIMIT);
        assert_null(plan);
        assert_non_null(strstr(clattn_last_error(), "supports feature 62"));
        extra = 0;
        assert_int_equal(clattn_plan_create(device->context, &p, passes, &plan), CLATTN_SUCCESS);
        clattn_plan_destroy(plan);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_solver),
        cmocka_unit_test(test_tuned_key),
        cmocka_unit_test_setup_teardown(test_no_plan, device_setup, device_teardown),
    };

    return cmocka_run_group_tests_name("new_feature", tests, NULL, NULL);
}
