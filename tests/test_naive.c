/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of naive.c, the yardstick of errors in 16 bits. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "check.h"
#include "data.h"
#include "half.h"
#include "naive.h"

#include <math.h>
#include <stdlib.h>

#define MOST 4096 /* elements of any tensor here */

/* Results of naive attention and of the reference for a case. */
struct sample {
    float naive[CHECK_TENSORS][MOST];
    double truth[CHECK_TENSORS][MOST];
    size_t count[CHECK_TENSORS];
    struct reference_sizes forward, backward;
};

static struct sample *sample_make(const char *line, clattn_dtype dtype)
{
    struct sample *s = calloc(1, sizeof *s);
    clattn_arrays a = CLATTN_ARRAYS_INIT;
    struct data_set set;
    struct test_case c;
    char error[CASE_LINE_SIZE];

    assert_non_null(s);
    assert_int_equal(case_parse(line, &c, error), 0);
    c.problem.dtype = dtype;
    assert_int_equal(data_make(&c, &set), 0);
    for (int n = 0; n < CHECK_TENSORS; n++) {
        s->count[n] = data_count(&set.view[SLOT_OUT + n]);
        assert_true(s->count[n] <= MOST);
    }
    data_reference_arrays(&set, &a);
    assert_int_equal(naive_attention(&c.problem, &a, s->naive[CHECK_OUT], s->naive[CHECK_DQ], s->naive[CHECK_DK],
                                     s->naive[CHECK_DV], NULL),
                     0);
    assert_int_equal(naive_max_logit(&c.problem, &a, s->naive[CHECK_MAX_LOGIT]), 0);
    assert_int_equal(reference_max_logit(&c.problem, &a, s->truth[CHECK_MAX_LOGIT]), 0);
    assert_int_equal(reference_forward(&c.problem, &a, s->truth[CHECK_OUT], s->truth[CHECK_LSE], &s->forward), 0);
    assert_int_equal(
        reference_backward(&c.problem, &a, s->truth[CHECK_DQ], s->truth[CHECK_DK], s->truth[CHECK_DV], &s->backward),
        0);
    data_free(&set);
    return s;
}

static const char *const lines[] = {
    "b1 h1 n5 m7 d3/4",
    "b2 h4/2 n6 m9 d4/3 causal kvlen",
    "b2 h2 n9 m5 d4 causal align=-3 layout=padded",
    "b2 h2/1 n6 m8 d5 mask=2,2,6,8 scale=-0.7",
    "b2 h4/1 n6 m6 d16 layout=packed mask=deadrows:1,1,6,6",
    "b3 h2 n5 m9 d8 mask=suffix:3,1,1,9 data=nanpad layout=broadcast",
    "b1 h1 n4 m5 d8 kvlen=0 maxlogit",
    "b2 h4/2 n6 m9 d4/3 causal kvlen maxlogit sink=large softcap=2 alibi=varied:2,4",
    "b2 h2 n9 m5 d4 causal align=-3 bias=hide:2,2,9,5 scale=-0.7 maxlogit",
};

/* In float32, where rounding hardly matters, naive attention agrees with the reference. */
static void test_formulas(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof lines / sizeof lines[0]; l++) {
        struct sample *s = sample_make(lines[l], CLATTN_FLOAT32);

        for (enum check_tensor n = CHECK_OUT; n < CHECK_TENSORS; n++) {
            const int of_forward = n == CHECK_OUT || n == CHECK_MAX_LOGIT;
            const struct reference_sizes *sizes = of_forward ? &s->forward : &s->backward;

            if (n != CHECK_LSE && !(check_compare(n, sizes, s->naive[n], s->truth[n], s->count[n], NULL) <= 1.0)) {
                fail_msg("%s: %s is not what the reference says", lines[l], check_tensor_name(n));
            }
        }
        free(s);
    }
}

/* In 16 bits all results are 16-bit numbers, and their errors are some, but not many, rounding
 * units. */
static void test_errors(void **state)
{
    static const double units[3] = {0.0, 0x1p-11, 0x1p-8};

    (void)state;
    for (clattn_dtype dtype = CLATTN_FLOAT16; dtype <= CLATTN_BFLOAT16; dtype++) {
        struct sample *s = sample_make("b2 h4/2 n17 m9 d8 causal", dtype);

        for (enum check_tensor n = CHECK_OUT; n < CHECK_TENSORS; n++) {
            double most = 0.0;
            double error;

            for (size_t e = 0; n != CHECK_LSE && e < s->count[n]; e++) {
                assert_true(s->naive[n][e] == element_round(dtype, (double)s->naive[n][e]));
                most = fmax(most, fabs(s->truth[n][e]));
            }
            error = n == CHECK_LSE ? 0.0 : check_worst_error(s->naive[n], s->truth[n], s->count[n]);
            if (n != CHECK_LSE && !(error >= units[dtype] / 4.0 * most && error <= 4.0 * units[dtype] * most)) {
                fail_msg("%s: off by %g of %g", check_tensor_name(n), error, most);
            }
        }
        free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_errors),
    };

    return cmocka_run_group_tests_name("naive", tests, NULL, NULL);
}
