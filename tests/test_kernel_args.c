/* SPDX-License-Identifier: Apache-2.0 */
/* Each kernel's parameters match the arguments that the host sets: compares names and order with
 * those that the built kernels report, for plans with and without masks, splits and gradients.
 * lint_kernels.sh checks the other kernels by preprocessor. */
#include "device.h"

#include "plan/arguments.h"
#include "select/engine.h"

#include <stdio.h>
#include <string.h>

/* Build options that keep argument names, and that let nvidia engines run on any device. */
#define BUILD_OPTIONS "-cl-kernel-arg-info -DPTX_FILE=<" EMULATED_PTX ">"

static void expect_name(const struct clattn__stage *stage, cl_uint index, const char *expected)
{
    char name[64] = "";

    assert_cl(clGetKernelArgInfo(stage->kernel, index, CL_KERNEL_ARG_NAME, sizeof name, name, NULL));
    if (strcmp(name, expected) != 0)
        fail_msg("parameter %u of %s is %s, and the host sets %s", index, clattn__solver_of(&stage->config)->program,
                 name, expected);
}

static void check_stage(const struct clattn__stage *stage)
{
    struct clattn__argument arguments[BUFFER_COUNT];
    cl_uint count;

    const size_t set = clattn__arguments(&stage->config, arguments);
    assert_cl(clGetKernelInfo(stage->kernel, CL_KERNEL_NUM_ARGS, sizeof count, &count, NULL));
    assert_int_equal(count, 1 + set);
    expect_name(stage, 0, "a");
    for (size_t i = 0; i < set; ++i)
        expect_name(stage, (cl_uint)i + 1, arguments[i].name);
}

/* Returns the number of stages. */
static size_t check_plan(clattn_context *context, const clattn_problem *problem, unsigned passes)
{
    clattn_plan *plan;

    assert_success(clattn_plan_create(context, problem, passes, &plan));
    for (size_t i = 0; i < plan->stage_count; ++i)
        check_stage(&plan->stages[i]);
    const size_t count = plan->stage_count;
    clattn_plan_destroy(plan);
    return count;
}

static void check_engine(const struct device *device, clattn_engine engine, clattn_dtype dtype)
{
    clattn_options options = CLATTN_OPTIONS_INIT;
    clattn_problem problem = CLATTN_PROBLEM_INIT;
    clattn_context *context;

    options.engine = engine;
    options.build_options = BUILD_OPTIONS;
    assert_success(clattn_context_create(device->cl, device->id, &options, &context));
    problem.batch = problem.kv_heads = 1;
    problem.q_heads = 2;
    problem.q_len = 9;
    problem.kv_len = 40;
    problem.qk_dim = problem.v_dim = 8;
    problem.dtype = dtype;
    problem.kv_splits = 1;
    assert_true(check_plan(context, &problem, CLATTN_FORWARD | CLATTN_BACKWARD) >= 3);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD_DV) == 1);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD_DK) >= 1);
    problem.kv_splits = 2;
    problem.k_tile = 16;
    problem.score.mask_dim[0] = problem.score.mask_dim[1] = problem.score.mask_dim[2] = 1;
    problem.score.mask_dim[3] = problem.kv_len;
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 2);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD_DQ | CLATTN_BACKWARD_DV) >= 2);
    problem.score.alibi_dim[0] = 1;
    problem.score.alibi_dim[1] = 2;
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 2);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD) >= 2);
    clattn_context_destroy(context);
}

static void test_cpu(void **state)
{
    check_engine(*state, CLATTN_ENGINE_CPU, CLATTN_FLOAT32);
    check_engine(*state, CLATTN_ENGINE_CPU, CLATTN_FLOAT16);
}

static void test_simt(void **state)
{
    check_engine(*state, CLATTN_ENGINE_SIMT, CLATTN_FLOAT32);
}

static void test_nvidia_mma(void **state)
{
    check_engine(*state, CLATTN_ENGINE_NVIDIA_MMA, CLATTN_FLOAT16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpu), cmocka_unit_test(test_simt),
                                       cmocka_unit_test(test_nvidia_mma)};
    return cmocka_run_group_tests(tests, device_setup, device_teardown);
}
