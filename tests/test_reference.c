/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the reference, and of the test data. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "data.h"
#include "random.h"
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST 4096 /* elements of any tensor here */

/* A case with its data and the reference's results. */
struct sample {
    struct test_case c;
    struct data_set set;
    clattn_arrays a;
    double out[MOST], lse[MOST], dq[MOST], dk[MOST], dv[MOST];
    struct reference_sizes forward, backward;
};

static struct sample *sample_make(const char *line)
{
    struct sample *s = calloc(1, sizeof *s);
    char error[CASE_LINE_SIZE];

    assert_non_null(s);
    if (case_parse(line, &s->c, error) != 0) {
        fail_msg("%s: %s", line, error);
    }
    assert_int_equal(data_make(&s->c, &s->set), 0);
    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        assert_true(data_count(&s->set.view[slot]) <= MOST);
    }
    s->a = (clattn_arrays)CLATTN_ARRAYS_INIT;
    data_arrays(&s->set, &s->a);
    assert_int_equal(reference_forward(&s->c.problem, &s->a, s->out, s->lse, &s->forward), 0);
    assert_int_equal(reference_backward(&s->c.problem, &s->a, s->dq, s->dk, s->dv, &s->backward), 0);
    return s;
}

static void sample_free(struct sample *s)
{
    data_free(&s->set);
    free(s);
}

static float *element(struct sample *s, enum data_slot slot, size_t index)
{
    const struct data_view *view = &s->set.view[slot];
    unsigned char *row = s->set.buffer[view->buffer].image + data_row_offset(view, index / view->dim[3]);

    return (float *)(void *)row + index % view->dim[3];
}

static void assert_close(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.17g, expected %.17g", found, expected);
    }
}

/* Two queries, two keys, D = 1, scale 1, bottom-right: query 0 sees key 0 only, query 1 both, with
 * P = 1/3 and 2/3. */
static void test_by_hand(void **state)
{
    const float ln2 = 0.69314718f;
    float q[2] = {5.0f, 1.0f};
    float k[2] = {0.0f, ln2};
    float v[2] = {3.0f, 6.0f};
    float dout[2] = {1.0f, 2.0f};
    double out[2], lse[2], dq[2], dk[2], dv[2];
    struct test_case c = case_make(1, 1, 1, 2, 2, 1, 1);
    clattn_arrays a = CLATTN_ARRAYS_INIT;

    (void)state;
    c.problem.score.causal = 1;
    c.problem.score.scale = 1.0f;
    a.q.data = q;
    a.k.data = k;
    a.v.data = v;
    a.dout.data = dout;
    assert_int_equal(reference_forward(&c.problem, &a, out, lse, NULL), 0);
    assert_int_equal(reference_backward(&c.problem, &a, dq, dk, dv, NULL), 0);
    assert_close(out[0], 3.0, 1e-7);
    assert_close(out[1], 5.0, 1e-7);
    assert_close(lse[0], 0.0, 1e-7);
    assert_close(lse[1], log(3.0), 1e-7);
    /* row 1: dP = (6, 12), delta = 10, dS = (-4/3, 4/3) */
    assert_close(dq[0], 0.0, 1e-7);
    assert_close(dq[1], 4.0 / 3.0 * log(2.0), 1e-7);
    assert_close(dk[0], -4.0 / 3.0, 1e-6);
    assert_close(dk[1], 4.0 / 3.0, 1e-6);
    assert_close(dv[0], 1.0 + 2.0 / 3.0, 1e-6);
    assert_close(dv[1], 4.0 / 3.0, 1e-6);
}

/* The diagrams of clattn.h: the visible pairs of 2 x 5 and 5 x 2, found from dv with dout = 1 and V
 * = j. */
static void test_alignment(void **state)
{
    static const struct {
        const char *line;
        int keys[5]; /* number of keys that each query sees */
    } pictures[] = {{"b1 h1 n2 m5 d1 causal", {4, 5}},
                    {"b1 h1 n2 m5 d1 causal align=top-left", {1, 2}},
                    {"b1 h1 n5 m2 d1 causal", {0, 0, 0, 1, 2}},
                    {"b1 h1 n5 m2 d1 causal align=top-left", {1, 2, 2, 2, 2}},
                    {"b1 h1 n2 m5 d1 causal align=2", {3, 4}},
                    {"b1 h1 n2 m5 d1 causal align=-1", {0, 1}},
                    {"b1 h1 n2 m5 d1 causal align=4611686018427387904", {5, 5}},
                    {"b1 h1 n2 m5 d1 causal align=-4611686018427387904", {0, 0}},
                    {"b1 h1 n2 m5 d1 causal kvlen=3", {2, 3}},
                    {"b1 h1 n2 m5 d1 causal kvlen=1", {0, 1}},
                    {"b1 h1 n2 m5 d1 causal kvlen=9", {4, 5}},
                    {"b1 h1 n2 m5 d1 causal kvlen=-2", {0, 0}},
                    {"b1 h1 n2 m5 d1 causal align=top-left kvlen=1", {1, 1}},
                    {"b1 h1 n2 m5 d1 align=2", {5, 5}}};

    (void)state;
    for (size_t n = 0; n < sizeof pictures / sizeof pictures[0]; n++) {
        struct sample *s = sample_make(pictures[n].line);

        for (size_t i = 0; i < (size_t)s->c.problem.q_len; i++) {
            *element(s, SLOT_Q, i) = 0.0f;
        }
        assert_int_equal(reference_forward(&s->c.problem, &s->a, NULL, s->lse, NULL), 0);
        for (size_t i = 0; i < (size_t)s->c.problem.q_len; i++) {
            int keys = (int)lrint(exp(s->lse[i])); /* all scores are 0 */

            if (keys != pictures[n].keys[i]) {
                fail_msg("%s: query %zu sees %d keys", pictures[n].line, i, keys);
            }
        }
        sample_free(s);
    }
}

/* sum of out * dout, and of lse * dlse where it has a gradient: the loss of the gradients. */
static double loss(struct sample *s)
{
    double sum = 0.0;

    assert_int_equal(reference_forward(&s->c.problem, &s->a, s->out, s->lse, NULL), 0);
    for (size_t n = 0; n < data_count(&s->set.view[SLOT_OUT]); n++) {
        sum += s->out[n] * (double)*element(s, SLOT_DOUT, n);
    }
    for (size_t n = 0; s->c.problem.score.dlse && n < data_count(&s->set.view[SLOT_LSE]); n++) {
        sum += isfinite(s->lse[n]) ? s->lse[n] * (double)*element(s, SLOT_DLSE, n) : 0.0;
    }
    return sum;
}

/* Compares (loss(x + h u) - loss(x - h u)) / 2h with gradient . u for a random direction u. As x +-
 * h u are rounded to float, u is computed from their difference. */
static void check_direction(struct sample *s, enum data_slot slot, const double *gradient, const char *line)
{
    size_t count = data_count(&s->set.view[slot]);
    struct check_random r = {99 + (uint64_t)slot};
    double expected = 0.0;
    double up, down;
    float *high = malloc(count * sizeof *high);
    float *low = malloc(count * sizeof *low);

    assert_non_null(high);
    assert_non_null(low);
    for (size_t n = 0; n < count; n++) {
        float step = 0x1p-12f * check_random_normal(&r);

        high[n] = *element(s, slot, n) + step;
        low[n] = *element(s, slot, n) - step;
        expected += isfinite(high[n]) ? gradient[n] * ((double)high[n] - (double)low[n]) : 0.0;
    }
    for (size_t n = 0; n < count; n++) {
        *element(s, slot, n) = high[n];
    }
    up = loss(s);
    for (size_t n = 0; n < count; n++) {
        *element(s, slot, n) = low[n];
    }
    down = loss(s);
    for (size_t n = 0; n < count; n++) {
        *element(s, slot, n) = (high[n] + low[n]) / 2.0f;
    }
    if (!(fabs(up - down - expected) <= 1e-5 * (fabs(expected) + 0x1p-12))) {
        fail_msg("%s: tensor %d: finite difference %.12g, gradient %.12g", line, (int)slot, up - down, expected);
    }
    free(high);
    free(low);
}

static void test_finite_differences(void **state)
{
    static const char *const lines[] = {"b1 h1 n5 m7 d3/4 seed=1",
                                        "b2 h4/2 n6 m9 d4/3 causal seed=2",
                                        "b2 h2 n9 m5 d4 causal align=-3 seed=3",
                                        "b2 h2/1 n6 m8 d5 mask=2,2,6,8 scale=-0.7 seed=4",
                                        "b3 h2 n4 m8 d4 causal kvlen mask=deadrows:1,2,4,1 layout=padded seed=5",
                                        "b2 h2/1 n5 m5 d4/2 layout=packed mask=suffix:2,1,1,5 data=nanpad seed=6",
                                        "b2 h2 n5 m6 d4 layout=bnhd data=equal seed=7",
                                        "b2 h4/2 n6 m9 d4/3 causal softcap=0.8 alibi=varied:2,4 seed=8",
                                        "b1 h2 n6 m8 d5 scale=-3 softcap=2 seed=9",
                                        "b2 h4/2 n6 m9 d4 causal bias=hide:1,4,6,9 softcap=2 seed=10",
                                        "b2 h4/2 n5 m7 d3 causal sink=normal layout=padded seed=8",
                                        "b3 h2 n4 m6 d3 mask=deadrows:1,2,4,6 kvlen sink=large seed=9",
                                        "b2 h4/2 n6 m9 d4/3 dlse causal layout=padded seed=8",
                                        "b3 h2 n4 m8 d4 dlse kvlen mask=deadrows:1,2,4,8 data=nanpad seed=9"};

    (void)state;
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        struct sample *s = sample_make(lines[n]);

        check_direction(s, SLOT_Q, s->dq, lines[n]);
        sample_free(s);
        s = sample_make(lines[n]);
        check_direction(s, SLOT_K, s->dk, lines[n]);
        sample_free(s);
        s = sample_make(lines[n]);
        check_direction(s, SLOT_V, s->dv, lines[n]);
        sample_free(s);
        s = sample_make(lines[n]);
        if (s->c.problem.score.sinks) {
            double dsink[4];

            assert_int_equal(reference_dsink(&s->c.problem, &s->a, dsink, NULL, NULL), 0);
            check_direction(s, SLOT_SINK, dsink, lines[n]);
        }
        sample_free(s);
    }
}

/* Rows without a visible key: out is 0, lse -inf, and they add to no gradient; also if no pair is
 * visible at all. */
static void test_empty_rows(void **state)
{
    struct sample *s = sample_make("b1 h1 n5 m2 d3/2 causal");

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        assert_true((s->lse[i] == -INFINITY) == (i < 3));
        assert_true((s->out[2 * i] == 0.0 && s->out[2 * i + 1] == 0.0) == (i < 3));
        assert_true(i >= 3 || (s->dq[3 * i] == 0.0 && s->dq[3 * i + 1] == 0.0 && s->dq[3 * i + 2] == 0.0));
    }
    sample_free(s);
    s = sample_make("b2 h2 n3 m4 d2 mask=false:1,1,1,1");
    for (size_t n = 0; n < 2 * 2 * 3 * 2; n++) {
        assert_true(s->out[n] == 0.0 && s->dq[n] == 0.0);
    }
    for (size_t n = 0; n < 2 * 2 * 4 * 2; n++) {
        assert_true(s->dk[n] == 0.0 && s->dv[n] == 0.0);
    }
    assert_true(s->forward.score == 0.0 && s->forward.out == 0.0 && s->backward.dq == 0.0);
    sample_free(s);
    s = sample_make("b1 h2 n5 m2 d3/2 causal sink=normal"); /* lse is the sink */
    for (size_t row = 0; row < 10; row++) {
        assert_true((s->lse[row] == (double)*element(s, SLOT_SINK, row / 5)) == (row % 5 < 3));
        assert_true((s->out[2 * row] == 0.0) == (row % 5 < 3));
    }
    sample_free(s);
}

/* With NaN and infinity in padding keys results are the same as with zeros, and the keys' gradients
 * are 0. */
static void test_padding_does_not_leak(void **state)
{
    static const char *const lines[] = {"b6 h2/1 n3 m7 d4/3 kvlen data=nanpad",
                                        "b3 h4/2 n3 m7 d4 mask=3,4,1,7 data=nanpad",
                                        "b3 h1 n3 m7 d4 mask=suffix:3,1,1,7 causal data=nanpad layout=padded"};

    (void)state;
    for (size_t n = 0; n < sizeof lines / sizeof lines[0]; n++) {
        struct sample *s = sample_make(lines[n]);
        struct sample *clean = sample_make(lines[n]);
        size_t planted = 0;

        for (size_t e = 0; e < data_count(&s->set.view[SLOT_K]); e++) {
            if (!isfinite(*element(clean, SLOT_K, e))) {
                *element(clean, SLOT_K, e) = 0.0f;
                assert_true(s->dk[e] == 0.0);
                planted++;
            }
        }
        for (size_t e = 0; e < data_count(&s->set.view[SLOT_V]); e++) {
            if (!isfinite(*element(clean, SLOT_V, e))) {
                *element(clean, SLOT_V, e) = 0.0f;
                assert_true(s->dv[e] == 0.0);
            }
        }
        assert_true(planted > 0);
        reference_forward(&clean->c.problem, &clean->a, clean->out, clean->lse, NULL);
        reference_backward(&clean->c.problem, &clean->a, clean->dq, clean->dk, clean->dv, NULL);
        assert_memory_equal(s->out, clean->out, sizeof s->out);
        assert_memory_equal(s->lse, clean->lse, sizeof s->lse);
        assert_memory_equal(s->dq, clean->dq, sizeof s->dq);
        assert_memory_equal(s->dk, clean->dk, sizeof s->dk);
        assert_memory_equal(s->dv, clean->dv, sizeof s->dv);
        sample_free(s);
        sample_free(clean);
    }
}

/* Rows of P sum to 1, so sum_j dV_j = sum of dO over rows with a key; rows of dS sum to 0, so sum_j
 * dK_j = 0. */
static void test_sums(void **state)
{
    struct sample *s = sample_make("b1 h2/1 n9 m6 d3/2 causal mask=deadrows:1,2,9,6");

    (void)state;
    for (size_t d = 0; d < 2; d++) {
        double from_dv = 0.0;
        double from_dout = 0.0;

        for (size_t j = 0; j < 6; j++) {
            from_dv += s->dv[2 * j + d];
        }
        for (size_t row = 0; row < 18; row++) {
            from_dout += isfinite(s->lse[row]) ? (double)*element(s, SLOT_DOUT, 2 * row + d) : 0.0;
        }
        assert_close(from_dv, from_dout, 1e-12);
    }
    for (size_t d = 0; d < 3; d++) {
        double sum = 0.0;

        for (size_t j = 0; j < 6; j++) {
            sum += s->dk[3 * j + d];
        }
        assert_close(sum, 0.0, 1e-12); /* sum_j dS_ij = 0 in every row */
    }
    sample_free(s);
}

/* The functions for a row and for a group agree with those for whole tensors. */
static void test_rows_and_groups(void **state)
{
    struct sample *s = sample_make("b2 h4/2 n5 m7 d4/3 causal kvlen layout=bnhd");
    double out[3], lse, dq[2 * 5 * 4], dk[7 * 4], dv[7 * 3], dq_row[4];
    size_t row = (1 * 4 + 3) * 5 + 2; /* b = 1, h = 3, i = 2 */
    size_t group = 1 * 2 + 1;         /* b = 1, hk = 1 */

    (void)state;
    assert_int_equal(reference_forward_row(&s->c.problem, &s->a, 1, 3, 2, out, &lse, NULL), 0);
    assert_int_equal(reference_dq_row(&s->c.problem, &s->a, 1, 3, 2, dq_row, NULL), 0);
    assert_int_equal(reference_backward_group(&s->c.problem, &s->a, 1, 1, dq, dk, dv, NULL), 0);
    assert_memory_equal(out, s->out + row * 3, sizeof out);
    assert_memory_equal(&lse, s->lse + row, sizeof lse);
    assert_memory_equal(dq_row, s->dq + row * 4, sizeof dq_row);
    assert_memory_equal(dq, s->dq + group * 2 * 5 * 4, sizeof dq);
    assert_memory_equal(dk, s->dk + group * 7 * 4, sizeof dk);
    assert_memory_equal(dv, s->dv + group * 7 * 3, sizeof dv);
    sample_free(s);
}

/* The data kinds have the properties of their names. */
static void test_data_kinds(void **state)
{
    struct sample *s = sample_make("b1 h2 n40 m40 d16 data=large seed=3");

    (void)state;
    assert_true(s->forward.score > 45.0 && s->forward.score < 90.0);
    sample_free(s);
    s = sample_make("b1 h2 n5 m30 d8 data=equal");
    for (size_t n = 0; n < 2 * 5 * 8; n++) {
        assert_close(s->dq[n], 0.0, 1e-12);
    }
    sample_free(s);
    s = sample_make("b2 h2 n5 m30 d8 data=nanpad layout=broadcast mask=2,2,1,30");
    for (size_t n = 0; n < 2 * 2 * 5 * 8; n++) {
        assert_true(isfinite(s->out[n]));
    }
    sample_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_empty_rows),
        cmocka_unit_test(test_padding_does_not_leak),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_rows_and_groups),
        cmocka_unit_test(test_data_kinds),
    };

    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
