/* SPDX-License-Identifier: Apache-2.0 */
/* Loads and stores of 16-bit elements: every pattern passes through the device, in a vector and
 * alone; results are rounded to nearest even; the arithmetic between is that of float32. */
#include "device.h"

#include "data.h"
#include "half.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERNS = 65536, WHOLE = 16, VEC16 = 3 }; /* two depths of one kernel: whole vectors, and a remainder */

struct fixture {
    clattn_runner *runner;
    int denormals; /* the device supports subnormal float32, and so bfloat16 */
};

static const char *const names[] = {"float32", "float16", "bfloat16"};

static int setup(void **state)
{
    static struct fixture f;
    const clattn_options options = device_options();
    cl_device_fp_config config;

    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &f.runner));
    assert_cl(
        clGetDeviceInfo(clattn_runner_device(f.runner), CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL));
    f.denormals = (config & CL_FP_DENORM) != 0;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    clattn_runner_destroy(((struct fixture *)*state)->runner);
    return 0;
}

static float as_float(clattn_dtype dtype, uint32_t bits)
{
    const uint16_t element = (uint16_t)bits;
    float x;

    elements_read(dtype, &element, 1, &x);
    return x;
}

static uint16_t *new_elements(size_t count)
{
    uint16_t *elements = malloc(count * sizeof *elements);

    assert_non_null(elements);
    memset(elements, 0xff, count * sizeof *elements);
    return elements;
}

/* ---- values that go through ---- */

/* A problem with one query per batch. As q is 0, all `keys` keys have the same weight. Batch b has
 * patterns b depth onwards, one for each d. */
struct through {
    clattn_problem problem;
    size_t batches, depth, keys;
    uint16_t *q, *k, *v, *out;
};

static struct through through_make(clattn_dtype dtype, size_t keys, size_t depth)
{
    struct through t = {.problem = CLATTN_PROBLEM_INIT, .batches = PATTERNS / depth + 1, .depth = depth, .keys = keys};

    t.problem.batch = (int64_t)t.batches;
    t.problem.q_heads = t.problem.kv_heads = t.problem.q_len = 1;
    t.problem.kv_len = (int64_t)keys;
    t.problem.qk_dim = 1;
    t.problem.v_dim = (int64_t)depth;
    t.problem.dtype = dtype;
    t.q = new_elements(t.batches);
    t.k = new_elements(t.batches * keys);
    t.v = new_elements(t.batches * keys * depth);
    t.out = new_elements(t.batches * depth);
    memset(t.q, 0, t.batches * sizeof *t.q);
    memset(t.k, 0, t.batches * keys * sizeof *t.k);
    return t;
}

static void through_free(struct through *t)
{
    free(t->q);
    free(t->k);
    free(t->v);
    free(t->out);
}

static void through_run(const struct fixture *f, struct through *t)
{
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;

    arrays.q.data = t->q;
    arrays.k.data = t->k;
    arrays.v.data = t->v;
    arrays.out.data = t->out;
    assert_success(clattn_run_forward(f->runner, &t->problem, &arrays, NULL));
}

/* The element of V for pattern n and key j, and that of the output. */
static uint16_t *value_at(const struct through *t, size_t n, size_t j)
{
    return &t->v[(n / t->depth * t->keys + j) * t->depth + n % t->depth];
}

static void check_pattern(const struct fixture *f, const struct through *t, uint32_t n, uint32_t expected)
{
    const clattn_dtype dtype = t->problem.dtype;
    const float x = as_float(dtype, expected);
    const float found = as_float(dtype, t->out[n]);

    if (!f->denormals && dtype == CLATTN_BFLOAT16 && fabsf(x) < 0x1p-125f && found == 0.0f) {
        return;
    }
    if (isnan(x) ? !isnan(found) : t->out[n] != expected && !(x == 0.0f && found == 0.0f)) {
        fail_msg("%s, D = %zu, pattern %#x: found %#x (%.9g), expected %#x (%.9g)", names[dtype], t->depth, n,
                 t->out[n], (double)found, expected, (double)x);
    }
}

/* With one key out is V, infinities and NaN included. */
static void test_every_pattern(void **state)
{
    for (clattn_dtype dtype = CLATTN_FLOAT16; dtype <= CLATTN_BFLOAT16; dtype++) {
        for (size_t depth = VEC16; depth <= WHOLE; depth += WHOLE - VEC16) {
            struct through t = through_make(dtype, 1, depth);

            for (size_t n = 0; n < PATTERNS; n++) {
                *value_at(&t, n, 0) = (uint16_t)n;
            }
            through_run(*state, &t);
            for (uint32_t n = 0; n < PATTERNS; n++) {
                check_pattern(*state, &t, n, n);
            }
            through_free(&t);
        }
    }
}

/* The pattern of the next larger size, or `bits` itself if that is not finite. Kernels sum four
 * values, which must not overflow float32. */
static uint32_t neighbour(clattn_dtype dtype, uint32_t bits)
{
    const float next = as_float(dtype, bits + 1);

    return isfinite(next) && fabsf(next) < 0x1p125f && ((bits + 1) & 0x7fff) != 0 ? bits + 1 : bits;
}

/* Each of four keys has a pattern or its neighbour: out is 1/4, 1/2 or 3/4 between them. Infinity
 * has no neighbour: its mean with 0 is still infinity. */
static void test_rounding(void **state)
{
    for (clattn_dtype dtype = CLATTN_FLOAT16; dtype <= CLATTN_BFLOAT16; dtype++) {
        for (size_t turn = 0; turn < 6; turn++) {
            const size_t depth = turn < 3 ? WHOLE : VEC16;
            const size_t quarters = turn % 3 + 1;
            struct through t = through_make(dtype, 4, depth);

            for (uint32_t n = 0; n < PATTERNS; n++) {
                const uint32_t rest = isinf(as_float(dtype, n)) ? 0 : n;

                for (size_t j = 0; j < 4; j++) {
                    *value_at(&t, n, j) = (uint16_t)(j < quarters ? neighbour(dtype, n) : rest);
                }
            }
            through_run(*state, &t);
            for (uint32_t n = 0; n < PATTERNS; n++) {
                const uint32_t next = neighbour(dtype, n);
                const int up = quarters > 2 || (quarters == 2 && n % 2 == 1);
                const float size = fabsf(as_float(dtype, n));

                if (size < 0x1p125f || isinf(size)) {
                    check_pattern(*state, &t, n, up ? next : n);
                }
            }
            through_free(&t);
        }
    }
}

/* ---- the same as float32 ---- */

/* The arrays of a case, or the same with q, k, v and dout in float32; outputs are new contiguous
 * arrays. */
static clattn_arrays outputs_of(const struct data_set *set, clattn_dtype dtype, clattn_arrays arrays)
{
    clattn_array *const outputs[] = {&arrays.out, &arrays.lse, &arrays.dq, &arrays.dk, &arrays.dv};

    for (size_t n = 0; n < COUNT_OF(outputs); n++) {
        const size_t size = outputs[n] == &arrays.lse ? 4 : element_bytes(dtype);

        *outputs[n] = (clattn_array)CLATTN_NO_ARRAY;
        outputs[n]->data = calloc(data_count(&set->view[SLOT_OUT + n]), size);
        assert_non_null(outputs[n]->data);
    }
    return arrays;
}

static void free_outputs(clattn_arrays *a)
{
    free(a->out.data);
    free(a->lse.data);
    free(a->dq.data);
    free(a->dk.data);
    free(a->dv.data);
}

/* Checks that `found` is `expected`, a float32 result, rounded to the dtype. Half-way cases may
 * differ, as the compiler may order sums differently in the two kernels. */
static void check_rounded(clattn_dtype dtype, const char *what, const clattn_array *found, const clattn_array *expected,
                          size_t count)
{
    const uint16_t *elements = found->data;
    const float *floats = expected->data;
    double largest = 0.0;

    for (size_t n = 0; n < count; n++) {
        largest = fmax(largest, fabs((double)floats[n]));
    }
    for (size_t n = 0; n < count; n++) {
        const double x = (double)as_float(dtype, elements[n]);
        const double low = (double)floats[n] - 1e-6 * largest;
        const double high = (double)floats[n] + 1e-6 * largest;

        if (!(x >= (double)element_round(dtype, low) && x <= (double)element_round(dtype, high))) {
            fail_msg("%s, %s: element %zu is %.9g, in float32 %.9g", names[dtype], what, n, x, (double)floats[n]);
        }
    }
}

static void check_same(const struct fixture *f, const char *line)
{
    struct test_case c;
    struct data_set set;
    clattn_arrays stored = CLATTN_ARRAYS_INIT;
    clattn_arrays wide = CLATTN_ARRAYS_INIT;
    char error[CASE_LINE_SIZE];
    clattn_dtype dtype;

    assert_int_equal(case_parse(line, &c, error), 0);
    dtype = c.problem.dtype;
    assert_int_equal(data_make(&c, &set), 0);
    data_arrays(&set, &stored);
    data_reference_arrays(&set, &wide);
    stored = outputs_of(&set, dtype, stored);
    wide = outputs_of(&set, CLATTN_FLOAT32, wide);
    assert_success(clattn_run_forward(f->runner, &c.problem, &stored, NULL));
    c.problem.dtype = CLATTN_FLOAT32;
    assert_success(clattn_run_forward(f->runner, &c.problem, &wide, NULL));
    check_rounded(dtype, "out", &stored.out, &wide.out, data_count(&set.view[SLOT_OUT]));

    /* both backward passes from the same out */
    elements_read(dtype, stored.out.data, data_count(&set.view[SLOT_OUT]), wide.out.data);
    assert_success(clattn_run_backward(f->runner, &c.problem, &wide, NULL));
    c.problem.dtype = dtype;
    assert_success(clattn_run_backward(f->runner, &c.problem, &stored, NULL));
    check_rounded(dtype, "dq", &stored.dq, &wide.dq, data_count(&set.view[SLOT_DQ]));
    check_rounded(dtype, "dk", &stored.dk, &wide.dk, data_count(&set.view[SLOT_DK]));
    check_rounded(dtype, "dv", &stored.dv, &wide.dv, data_count(&set.view[SLOT_DV]));
    free_outputs(&stored);
    free_outputs(&wide);
    data_free(&set);
}

static void test_same_as_float32(void **state)
{
    check_same(*state, "b2 h2/1 n40 m45 d16 dtype=f16 causal layout=padded");
    check_same(*state, "b2 h2/1 n40 m45 d15/13 dtype=f16 causal");
    check_same(*state, "b2 h2/1 n40 m45 d16 dtype=bf16 causal layout=padded");
    check_same(*state, "b2 h2/1 n40 m45 d15/13 dtype=bf16 causal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pattern),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_same_as_float32),
    };

    return cmocka_run_group_tests_name("storage", tests, setup, teardown);
}
