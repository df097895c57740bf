/* SPDX-License-Identifier: Apache-2.0 */
/* host/tune/trial.c on a device: results like the first run's are right; with one wrong number they
 * are not. */
#include "device.h"

#include "half.h"
#include "tune/trial.h"

#include <math.h>
#include <string.h>

static clattn_problem make_problem(clattn_dtype dtype)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 1;
    p.q_heads = 2;
    p.kv_heads = 1;
    p.q_len = 70;
    p.kv_len = 40;
    p.qk_dim = p.v_dim = 8;
    p.score.causal = 1; /* the first queries see no key: their lse is -inf */
    p.dtype = dtype;
    return p;
}

/* The index of the trial's output for the slot. */
static size_t find_output(const struct clattn__trial *trial, size_t slot)
{
    size_t i = 0;

    while (trial->transfer.slots[i].index != slot) {
        i++;
        assert_true(i < trial->transfer.count);
    }
    return i;
}

static bool is_right(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel)
{
    bool right = false;

    assert_success(clattn__trial_verify(trial, plan, kernel, &right));
    return right;
}

/* Changes an element, checks, and restores it. */
static bool is_right_with(struct clattn__trial *trial, const clattn_plan *plan, enum clattn__kernel kernel, size_t slot,
                          size_t at, float value)
{
    const size_t i = find_output(trial, slot);
    const clattn_dtype dtype = slot == TENSOR_SLOT_LSE ? CLATTN_FLOAT32 : trial->problem.dtype;
    unsigned char *element = (unsigned char *)trial->expected[i] + at * element_bytes(dtype);
    unsigned char kept[4];
    bool right;

    memcpy(kept, element, element_bytes(dtype));
    elements_write(dtype, &value, 1, element);
    right = is_right(trial, plan, kernel);
    memcpy(element, kept, element_bytes(dtype));
    return right;
}

static float element_of(const struct clattn__trial *trial, size_t slot, size_t at)
{
    const clattn_dtype dtype = slot == TENSOR_SLOT_LSE ? CLATTN_FLOAT32 : trial->problem.dtype;
    float value;

    elements_read(dtype, (const char *)trial->expected[find_output(trial, slot)] + at * element_bytes(dtype), 1,
                  &value);
    return value;
}

static void check_kernel(struct clattn__trial *trial, enum clattn__kernel kernel, size_t slot, size_t last)
{
    static const float off[] = {0.01f, 0.1f, 0.5f}; /* errors above the type's tolerance for numbers up to 10 */
    clattn_context *context = trial->runner.context;
    clattn_plan *plan;
    double seconds = 0.0;
    float value;

    assert_success(clattn_plan_create(context, &trial->problem, clattn__trial_pass(trial, kernel), &plan));
    assert_success(clattn__trial_record(trial, plan, kernel));
    assert_true(is_right(trial, plan, kernel));
    assert_false(is_right_with(trial, plan, kernel, slot, 0, NAN));
    assert_false(is_right_with(trial, plan, kernel, slot, last, NAN));
    assert_false(is_right_with(trial, plan, kernel, slot, last, INFINITY));
    value = element_of(trial, slot, last);
    assert_true(fabsf(value) > 1e-3f);
    assert_true(is_right_with(trial, plan, kernel, slot, last, value));
    assert_false(is_right_with(trial, plan, kernel, slot, last, value + off[trial->problem.dtype]));
    assert_true(is_right(trial, plan, kernel));
    assert_success(clattn__trial_time(trial, plan, kernel, INFINITY, &seconds));
    assert_true(seconds > 0.0 && seconds < 10.0);
    clattn_plan_destroy(plan);
}

static void test_types(void **state)
{
    const struct device *device = *state;

    for (int dtype = 0; dtype < 3; dtype++) {
        const clattn_problem p = make_problem((clattn_dtype)dtype);
        struct clattn__trial trial;

        assert_success(clattn__trial_open(&trial, device->context, &p, CLATTN_FORWARD));
        check_kernel(&trial, KERNEL_FORWARD, TENSOR_SLOT_OUT, 2 * 70 * 8 - 1);
        check_kernel(&trial, KERNEL_FORWARD, TENSOR_SLOT_LSE, 2 * 70 - 1);
        assert_true(element_of(&trial, TENSOR_SLOT_LSE, 0) == -INFINITY);
        clattn__trial_close(&trial);
    }
}

static void test_gradients(void **state)
{
    const struct device *device = *state;
    const clattn_problem p = make_problem(CLATTN_FLOAT32);
    struct clattn__trial trial;

    assert_success(clattn__trial_open(&trial, device->context, &p, CLATTN_FORWARD | CLATTN_BACKWARD));
    check_kernel(&trial, KERNEL_FORWARD, TENSOR_SLOT_OUT, 2 * 70 * 8 - 1);
    check_kernel(&trial, KERNEL_DQ, TENSOR_SLOT_DQ, 2 * 70 * 8 - 1);
    check_kernel(&trial, KERNEL_DKDV, TENSOR_SLOT_DK, 0);
    check_kernel(&trial, KERNEL_DKDV, TENSOR_SLOT_DV, 0);
    clattn__trial_close(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_gradients),
    };

    return cmocka_run_group_tests_name("tune_trial", tests, device_setup, device_teardown);
}
