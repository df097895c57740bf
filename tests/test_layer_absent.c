/* SPDX-License-Identifier: Apache-2.0 */
/* The layer of a library built without CLBlast: calls that need it say so, the others work. */
#include "device.h"

#include "layer_case.h"

#include <stdlib.h>
#include <string.h>

#define POISON ((void *)(uintptr_t)0x5a5a5a5a) /* a result pointer before a call that must set it */
#define LINE "b2 n7 m9 e24 c40 h4/2 d8"

static void test_plan(void **state)
{
    static const unsigned passes[] = {CLATTN_FORWARD, CLATTN_BACKWARD, CLATTN_FORWARD | CLATTN_BACKWARD};
    const struct device *device = *state;
    struct layer_case c;

    assert_int_equal(layer_case_parse(LINE, &c), 0);
    for (size_t n = 0; n < COUNT_OF(passes); n++) {
        clattn_layer_plan *plan = POISON;

        assert_status(clattn_layer_plan_create(device->context, &c.layer, passes[n], &plan), CLATTN_NO_CLBLAST,
                      "CLBlast");
        assert_null(plan);
        assert_int_equal(clattn_last_opencl_error(), CL_SUCCESS);
    }
}

/* Arrays and info do not change. */
static void test_runner(void **state)
{
    const clattn_options options = device_options();
    const clattn_run_info untouched = {.struct_size = sizeof untouched, .device_bytes = 77};
    clattn_run_info info = untouched;
    clattn_layer_arrays arrays;
    struct layer_data data, before;
    struct layer_case c;
    clattn_runner *runner;

    (void)state;
    assert_int_equal(layer_case_parse(LINE, &c), 0);
    assert_int_equal(layer_data_make(&c, &data), 0);
    assert_int_equal(layer_data_make(&c, &before), 0);
    arrays = layer_data_arrays(&c, &data);
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    assert_status(clattn_run_layer_forward(runner, &c.layer, &arrays, &info), CLATTN_NO_CLBLAST, "CLBlast");
    assert_status(clattn_run_layer_backward(runner, &c.layer, &arrays, &info), CLATTN_NO_CLBLAST, "CLBlast");
    assert_memory_equal(&info, &untouched, sizeof info);
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        if (data.bytes[slot] > 0) {
            assert_memory_equal(data.slot[slot], before.slot[slot], data.bytes[slot]);
        }
    }
    clattn_runner_destroy(runner);
    layer_data_free(&data);
    layer_data_free(&before);
}

/* Functions without a plan work; NULL is no plan. */
static void test_rest(void **state)
{
    const struct device *device = *state;
    float wq[512 * 24];
    size_t bytes = 77;
    struct layer_case c;

    assert_int_equal(layer_case_parse("e24", &c), 0);
    memset(wq, 0xff, sizeof wq);
    assert_success(clattn_layer_init_weights(&c.layer, 1, wq, NULL, NULL, NULL, NULL, NULL));
    assert_true(wq[COUNT_OF(wq) - 1] == wq[COUNT_OF(wq) - 1]);
    clattn_layer_plan_destroy(NULL);
    assert_string_equal(clattn_layer_plan_describe(NULL), "");
    assert_status(clattn_layer_saved_size(NULL, &bytes), CLATTN_INVALID_ARGUMENT, "plan is NULL");
    assert_int_equal(bytes, 77);
    assert_non_null(strstr(clattn_context_describe(device->context), "CLBlast"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_runner),
        cmocka_unit_test(test_rest),
    };

    return cmocka_run_group_tests_name("layer_absent", tests, device_setup, device_teardown);
}
