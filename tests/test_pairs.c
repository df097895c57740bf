/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of several options have every two of them (check/cases_pairs.c). Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "cases.h"

#include <stdlib.h>
#include <string.h>

/* What a case of several options has of each; two of the same `option` exclude each other. */
struct trait {
    const char *option;
    int has;
};

enum { MOST_TRAITS = 64, MIXES = 400 };

static int list_traits(const struct test_case *c, struct trait *traits)
{
    const clattn_problem *p = &c->problem;
    const clattn_score *s = &p->score;
    const int bias = s->bias_dim[0] != 0, mask = s->mask_dim[0] != 0, alibi = s->alibi_dim[0] != 0;
    const unsigned qkv = c->passes & CLATTN_BACKWARD;
    const struct trait all[] = {
        {"queries", p->q_len < 12},
        {"queries", p->q_len > 60},
        {"heads", p->q_heads > p->kv_heads},
        {"heads", p->q_heads == p->kv_heads},
        {"layout", c->layout == LAYOUT_BNHD},
        {"layout", c->layout == LAYOUT_PACKED},
        {"layout", c->layout == LAYOUT_PADDED},
        {"layout", c->layout == LAYOUT_BROADCAST},
        {"dtype", p->dtype == CLATTN_FLOAT32},
        {"dtype", p->dtype == CLATTN_FLOAT16},
        {"dtype", p->dtype == CLATTN_BFLOAT16},
        {"gradients", qkv == 0},
        {"gradients", qkv == CLATTN_BACKWARD_DQ},
        {"gradients", qkv == (CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV)},
        {"gradients", qkv == CLATTN_BACKWARD},
        {"diagonal", s->causal && s->align == CLATTN_ALIGN_BOTTOM_RIGHT},
        {"diagonal", s->causal && s->align == CLATTN_ALIGN_TOP_LEFT},
        {"diagonal", s->align == CLATTN_ALIGN_OFFSET},
        {"window", s->window && s->window_left >= 0},
        {"window", s->window && s->window_left < 0},
        {"mask", mask && c->mask == MASK_RANDOM && s->mask_dim[2] == p->q_len},
        {"mask", mask && c->mask == MASK_SUFFIX && s->mask_dim[2] == 1},
        {"mask", mask && c->mask == MASK_DEADROWS},
        {"lengths", p->kv_lengths && c->data == DATA_NORMAL},
        {"lengths", p->kv_lengths && c->data == DATA_NANPAD},
        {"scale", s->scale < 0.0f},
        {"softcap", s->softcap > 0.0f},
        {"bias", bias && c->bias == BIAS_NORMAL && c->passes & CLATTN_BACKWARD_DBIAS},
        {"bias", bias && c->bias == BIAS_HIDE},
        {"bias", bias && c->bias == BIAS_FLOAT32 && s->bias_dim[2] == 1 && c->passes & CLATTN_BACKWARD_DBIAS},
        {"alibi", alibi && c->alibi == ALIBI_USUAL},
        {"alibi", alibi && c->alibi == ALIBI_VARIED},
        {"sinks", s->sinks && c->sink == SINK_NORMAL && c->passes & CLATTN_BACKWARD_DSINK},
        {"sinks", s->sinks && c->sink == SINK_LARGE},
        {"dlse", s->dlse != 0},
        {"largest logits", s->max_logit != 0},
        {"splits", p->kv_splits > 1},
    };

    memcpy(traits, all, sizeof all);
    return (int)(sizeof all / sizeof all[0]);
}

/* Two options that no case combines, by their names and numbers, fail. */
static void assert_all_pairs(const struct test_case *cases, size_t count)
{
    static int together[MOST_TRAITS][MOST_TRAITS];
    struct trait traits[MOST_TRAITS];
    int used = 0;

    memset(together, 0, sizeof together);
    for (size_t n = 0; n < count; n++) {
        used = list_traits(&cases[n], traits);
        for (int a = 0; a < used; a++) {
            for (int b = 0; b < used; b++) {
                together[a][b] += traits[a].has && traits[b].has;
            }
        }
    }
    for (int a = 0; a < used; a++) {
        for (int b = 0; b <= a; b++) {
            if (together[a][b] == 0 && (a == b || strcmp(traits[a].option, traits[b].option) != 0)) {
                fail_msg("no case has %s (%d) with %s (%d)", traits[a].option, a, traits[b].option, b);
            }
        }
    }
}

/* The few cases of the table, the single pairs, and some hundred drawn cases have every two values of options. */
static void test_pairs(void **state)
{
    const size_t few = case_covering(NULL, 0), all = case_pairs(NULL, 0);
    struct test_case *cases = calloc(all, sizeof *cases);

    (void)state;
    assert_non_null(cases);
    assert_true(few >= 20 && few <= 30); /* each compiles kernels of its own */
    assert_true(all >= MIXES);
    assert_int_equal(case_covering(cases, few), few);
    assert_all_pairs(cases, few);
    assert_int_equal(case_pairs(cases, all), all);
    assert_all_pairs(cases, all);
    for (uint64_t seed = 0; seed < MIXES; seed++) {
        struct test_case one = case_mix(seed), again = case_mix(seed);

        assert_memory_equal(&one.problem, &again.problem, sizeof one.problem);
        assert_true(one.problem.batch > 0 && one.passes == again.passes);
        cases[seed] = one;
    }
    assert_all_pairs(cases, MIXES);
    free(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};

    return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
