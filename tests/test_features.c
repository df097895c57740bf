/* SPDX-License-Identifier: Apache-2.0 */
/* The feature word of a problem: each option sets its bit, and has a solver on every device. Needs
 * no device. */
#include "select/engine.h"

#include <setjmp.h>

/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static clattn_problem make_problem(void)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 2;
    p.q_heads = p.kv_heads = 4;
    p.q_len = p.kv_len = 100;
    p.qk_dim = p.v_dim = 64;
    return p;
}

static void set_mask(clattn_problem *p, int64_t heads, int64_t rows)
{
    const int64_t dim[4] = {p->batch, heads, rows, p->kv_len};

    for (int i = 0; i < 4; i++)
        p->score.mask_dim[i] = dim[i];
}

/* The bits of one option, compared with the plain problem, which has only FLOAT32. */
static void test_word(void **state)
{
    const clattn_problem plain = make_problem();
    const uint64_t float32 = CLATTN__FEATURE(FLOAT32), causal = float32 | CLATTN__FEATURE(CAUSAL);
    const uint64_t window = float32 | CLATTN__FEATURE(WINDOW);
    clattn_problem p = plain;

    (void)state;
    assert_true(clattn__features(&p) == float32);
    p.dtype = CLATTN_FLOAT16;
    assert_true(clattn__features(&p) == CLATTN__FEATURE(FLOAT16));
    p.dtype = CLATTN_BFLOAT16;
    assert_true(clattn__features(&p) == CLATTN__FEATURE(BFLOAT16));
    p = plain;
    p.score.align = CLATTN_ALIGN_TOP_LEFT; /* has no effect without causality */
    assert_true(clattn__features(&p) == float32);
    p.score.causal = 1;
    assert_true(clattn__features(&p) == (causal | CLATTN__FEATURE(TOP_LEFT)));
    p.score.align = CLATTN_ALIGN_OFFSET;
    assert_true(clattn__features(&p) == (causal | CLATTN__FEATURE(OFFSET)));
    p.score.align = CLATTN_ALIGN_BOTTOM_RIGHT;
    assert_true(clattn__features(&p) == causal);
    p = plain;
    p.score.window_left = 3; /* has no effect without a window */
    assert_true(clattn__features(&p) == float32);
    p.score.window = 1;
    assert_true(clattn__features(&p) == window);
    p.score.align = CLATTN_ALIGN_TOP_LEFT;
    assert_true(clattn__features(&p) == (window | CLATTN__FEATURE(TOP_LEFT)));
    p = plain;
    p.kv_lengths = 1;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(KEY_LENGTHS)));
    p = plain;
    set_mask(&p, 1, 1);
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(MASK_PADDING)));
    set_mask(&p, 4, p.q_len);
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(MASK_FULL)));
    p = plain;
    p.kv_heads = 2; /* many queries: heads are not packed */
    assert_true(clattn__features(&p) == float32);
    p.q_len = 3;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(PACKED_HEADS)));
    p = plain;
    p.kv_splits = 1;
    assert_true(clattn__features(&p) == float32);
    p.kv_splits = 2;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(KEY_SPLITS)));
}

/* The same for options that change a score or what is made of it. */
static void test_score_word(void **state)
{
    const clattn_problem plain = make_problem();
    const uint64_t float32 = CLATTN__FEATURE(FLOAT32);
    clattn_problem p = plain;

    (void)state;
    p.score.scale = -1.0f;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(NEGATIVE_SCALE)));
    p = plain;
    p.score.alibi_dim[0] = p.score.alibi_dim[1] = 1;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(ALIBI)));
    p = plain;
    p.score.bias_dim[0] = 1;
    p.score.bias_float32 = 1; /* as the tensors are */
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(BIAS)));
    p.dtype = CLATTN_FLOAT16;
    assert_true(clattn__features(&p) == (CLATTN__FEATURE(FLOAT16) | CLATTN__BIASES));
    p = plain;
    p.score.softcap = 5.0f;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(SOFTCAP)));
    p.score.scale = -1.0f; /* the unit is the softcap: every engine takes the sign */
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(SOFTCAP)));
    p = plain;
    p.score.sinks = 1;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(SINKS)));
    p = plain;
    p.score.dlse = 1;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(DLSE)));
    p = plain;
    p.score.max_logit = 1;
    assert_true(clattn__features(&p) == (float32 | CLATTN__FEATURE(MAX_LOGIT)));
}

/* For every kernel, the engines that run on every device name all features, and no engine names
 * unknown ones. */
static void test_named(void **state)
{
    const uint64_t all = ((uint64_t)1 << FEATURE_COUNT) - 1;
    int count = 0;

    (void)state;
    for (int engine = CLATTN_ENGINE_AUTO + 1; clattn_engine_name((clattn_engine)engine); engine++)
        for (int kernel = 0; kernel < KERNEL_COUNT; kernel++) {
            const struct clattn__solver *solver =
                clattn__solver_first((clattn_engine)engine, (enum clattn__kernel)kernel);

            for (; solver; solver = clattn__solver_next(solver), count++) {
                assert_true((solver->features & ~all) == 0 && solver->choose);
                assert_true(solver->complete != NULL || !clattn__config_has_tiles(solver->kernel));
                if (engine == CLATTN_ENGINE_SIMT || engine == CLATTN_ENGINE_CPU)
                    assert_true(solver->features == all);
            }
        }
    assert_true(count >= 16);
}

/* "a, b", and bits without a name. */
static void test_print(void **state)
{
    struct clattn__text text = {.allocator = &(clattn_allocator){NULL, NULL, NULL}};

    (void)state;
    clattn__features_print(CLATTN__FEATURE(CAUSAL) | CLATTN__FEATURE(KEY_LENGTHS) | (uint64_t)1 << 63, &text);
    assert_string_equal(text.chars, "causal, key lengths, feature 63");
    clattn__text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word),
        cmocka_unit_test(test_score_word),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_print),
    };

    return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
