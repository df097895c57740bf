/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's verification accepts right results and refuses wrong ones. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "half.h"
#include "reference.h"
#include "verify.h"

#include <math.h>
#include <stdlib.h>

static struct test_case parse(const char *line)
{
    struct test_case c;
    char error[CASE_LINE_SIZE];

    assert_int_equal(case_parse(line, &c, error), 0);
    return c;
}

static const char *const verified[] = {
    "b2 h4/2 n33 m47 d16/24 causal",
    "b1 h2 n40 m30 d16 causal dtype=f16",
    "b2 h2 n21 m50 d24/16 mask=2,1,21,50 kvlen dtype=bf16",
    "b1 h2 n30 m30 d16 layout=packed grad=dk",
    "b1 h1 n30 m40 d16 layout=padded dtype=f16 grad=dq,dv",
    "b1 h2 n1 m64 d16 nolse",
    "b1 h2 n9 m64 d16 causal align=-3 maxlogit",
    /* rows of dbias are longer than any other */
    "b1 h2 n20 m600 d16 causal bias=1,2,20,600 softcap=0.5 dlse sink=normal dtype=f16",
};

static void store(struct data_set *data, enum data_slot slot, const double *values, double factor)
{
    const struct data_view *view = &data->view[slot];
    const size_t depth = view->dim[3];

    for (size_t n = 0; n < data_count(view); n++) {
        const float value = (float)(factor * values[n]);
        unsigned char *row = data->buffer[view->buffer].image + data_row_offset(view, n / depth);

        elements_write(view->dtype, &value, 1, row + n % depth * view->element_bytes);
    }
}

/* Writes the reference's results to the outputs of the case; those of tensor `wrong` are multiplied
 * by `factor`. */
static void compute(const struct test_case *c, struct data_set *data, enum data_slot wrong, double factor)
{
    enum { TENSORS = SLOT_COUNT - SLOT_OUT };
    double *tensor[TENSORS];
    clattn_arrays arrays;

    data_reference_arrays(data, &arrays);
    for (int n = 0; n < TENSORS; n++) {
        tensor[n] = malloc((data_count(&data->view[SLOT_OUT + n]) + 1) * sizeof **tensor);
        assert_non_null(tensor[n]);
    }
    assert_int_equal(reference_forward(&c->problem, &arrays, tensor[0], tensor[1], NULL), 0);
    assert_int_equal(reference_backward(&c->problem, &arrays, tensor[2], tensor[3], tensor[4], NULL), 0);
    if (c->problem.score.bias_dim[0] != 0) {
        assert_int_equal(reference_dbias(&c->problem, &arrays, tensor[SLOT_DBIAS - SLOT_OUT], NULL), 0);
    }
    if (c->problem.score.max_logit) {
        assert_int_equal(reference_max_logit(&c->problem, &arrays, tensor[SLOT_MAX_LOGIT - SLOT_OUT]), 0);
    }
    if (c->problem.score.sinks) {
        assert_int_equal(reference_dsink(&c->problem, &arrays, tensor[SLOT_DSINK - SLOT_OUT], NULL, NULL), 0);
    }
    for (int n = 0; n < TENSORS; n++) {
        const enum data_slot slot = (enum data_slot)(SLOT_OUT + n);

        store(data, slot, tensor[n], slot == wrong ? factor : 1.0);
        free(tensor[n]);
    }
}

static struct bench_verdict verify(const struct test_case *c, const struct data_set *data)
{
    struct bench_verdict verdict;

    assert_int_equal(bench_verify(c, data, &verdict), 0);
    return verdict;
}

static int is_verified(const struct test_case *c, int slot)
{
    static const unsigned pass[] = {CLATTN_FORWARD,        CLATTN_FORWARD,     CLATTN_BACKWARD_DQ,
                                    CLATTN_BACKWARD_DK,    CLATTN_BACKWARD_DV, CLATTN_BACKWARD_DBIAS,
                                    CLATTN_BACKWARD_DSINK, CLATTN_FORWARD};

    return (c->passes & pass[slot - SLOT_OUT]) != 0 && (slot != SLOT_LSE || c->want_lse) &&
           (slot != SLOT_MAX_LOGIT || c->problem.score.max_logit);
}

static void test_verify_passes(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof verified / sizeof *verified; n++) {
        const struct test_case c = parse(verified[n]);
        struct data_set data;

        assert_int_equal(data_make(&c, &data), 0);
        compute(&c, &data, SLOT_COUNT, 1.0);
        const struct bench_verdict verdict = verify(&c, &data);
        data_free(&data);
        assert_true(verdict.ratio[BENCH_FORWARD] <= 1.0);
        assert_true(verdict.ratio[BENCH_BACKWARD] <= 1.0);
        assert_true((verdict.ratio[BENCH_BACKWARD] > 0.0) == ((c.passes & CLATTN_BACKWARD) != 0));
    }
}

/* Each tensor of each case 10% too large (but dbias, dsink and max_logit, which are only looked at for
 * NaN), and then not written at all. */
static void test_verify_refuses(void **state)
{
    (void)state;
    for (size_t n = 0; n < sizeof verified / sizeof *verified; n++) {
        const struct test_case c = parse(verified[n]);

        for (int slot = SLOT_OUT; slot < SLOT_COUNT; slot++) {
            const enum bench_pass pass = slot <= SLOT_LSE || slot == SLOT_MAX_LOGIT ? BENCH_FORWARD : BENCH_BACKWARD;
            struct data_set data;

            if (!is_verified(&c, slot)) {
                continue;
            }
            assert_int_equal(data_make(&c, &data), 0);
            if (slot <= SLOT_DV) {
                compute(&c, &data, (enum data_slot)slot, 1.1);
                assert_false(verify(&c, &data).ratio[pass] <= 1.0);
            }
            compute(&c, &data, SLOT_COUNT, 1.0);
            const struct data_view *view = &data.view[slot];
            const float numbers[] = {NAN, INFINITY};
            for (size_t x = 0; x < sizeof numbers / sizeof *numbers; x++) {
                elements_write(view->dtype, &numbers[x], 1,
                               data.buffer[view->buffer].image +
                                   data_row_offset(view, data_count(view) / view->dim[3] / 2));
                assert_false(verify(&c, &data).ratio[pass] <= 1.0);
            }
            data_free(&data);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify_passes),
        cmocka_unit_test(test_verify_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
