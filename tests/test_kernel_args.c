/* SPDX-License-Identifier: Apache-2.0 */
/* Each kernel's parameters match the arguments that the host sets: compares names and order with
 * those that the built kernels report, for plans with and without masks, splits, options and gradients.
 * lint_kernels.sh checks the other kernels by preprocessor. And a kernel's local memory is what the
 * host counts, in configurations for devices of several kinds. */
#include "device.h"

#include "opencl/program.h"
#include "plan/arguments.h"
#include "select/choose.h"
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

static void set_bias(clattn_problem *problem)
{
    problem->score.bias_dim[0] = problem->score.bias_dim[1] = 1;
    problem->score.bias_dim[2] = problem->q_len;
    problem->score.bias_dim[3] = problem->kv_len;
}

/* Each option of a score alone, then all at once, beside what the problem has. */
static void check_options(clattn_context *context, clattn_problem problem)
{
    const clattn_score before = problem.score;

    problem.score = (clattn_score)CLATTN_DEFAULT_SCORE;
    problem.score.softcap = 2.0f;
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 2);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD) >= 2);
    problem.score = (clattn_score)CLATTN_DEFAULT_SCORE;
    set_bias(&problem);
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 2);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD | CLATTN_BACKWARD_DBIAS) >= 3);
    assert_int_equal(check_plan(context, &problem, CLATTN_BACKWARD_DBIAS), 2);
    assert_int_equal(check_plan(context, &problem, CLATTN_BACKWARD_DV), 1);
    problem.score = (clattn_score)CLATTN_DEFAULT_SCORE;
    problem.score.dlse = 1;
    assert_true(check_plan(context, &problem, CLATTN_FORWARD | CLATTN_BACKWARD) >= 4);
    assert_int_equal(check_plan(context, &problem, CLATTN_BACKWARD_DV), 1);
    problem.score = before;
    problem.score.softcap = 2.0f;
    set_bias(&problem);
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 2);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD | CLATTN_BACKWARD_DBIAS | CLATTN_BACKWARD_DSINK) >= 4);
    assert_int_equal(check_plan(context, &problem, CLATTN_BACKWARD_DBIAS | CLATTN_BACKWARD_DSINK), 3);
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
    problem.score.sinks = 1;
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 2);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD | CLATTN_BACKWARD_DSINK) >= 3);
    assert_int_equal(check_plan(context, &problem, CLATTN_BACKWARD_DSINK), 2);
    problem.score.dlse = 1;
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD) >= 2);
    assert_true(check_plan(context, &problem, CLATTN_BACKWARD_DQ) >= 1);
    problem.score.max_logit = 1;
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 2);
    check_options(context, problem);
    problem.kv_splits = 1;
    assert_int_equal(check_plan(context, &problem, CLATTN_FORWARD), 1);
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

/* ---- local memory ---- */

/* Configurations that were compared, and how many of the kernels told a size: PoCL 6 says 0 of all. */
struct compared {
    clattn_context *context;
    cl_device_id id;
    size_t configs, told;
};

static void compare_local(struct compared *compared, const struct clattn__config *config)
{
    const char *name = clattn__solver_of(config)->program;
    char options[CLATTN__OPTIONS_MAX];
    cl_program program;
    cl_ulong bytes;
    cl_int error;

    clattn__config_options(config, options);
    assert_success(clattn__program_get(compared->context, false, name, options, &program));
    cl_kernel kernel = clCreateKernel(program, name, &error);
    assert_cl(error);
    assert_cl(clGetKernelWorkGroupInfo(kernel, compared->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL));
    assert_cl(clReleaseKernel(kernel));
    compared->configs++;
    compared->told += bytes > 0;
    if (bytes > 0 && bytes != config->local_bytes)
        fail_msg("%s takes %d bytes of local memory, and the host counts %d: %s", name, (int)bytes,
                 (int)config->local_bytes, options);
}

static void compare_choice(struct compared *compared, const struct clattn__device *device, clattn_engine engine,
                           const clattn_problem *problem, struct clattn__config config)
{
    if (clattn__config_choose(device, engine, problem, 0, &config))
        compare_local(compared, &config);
}

static void compare_problem(struct compared *compared, const struct clattn__device *device, clattn_engine engine,
                            const clattn_problem *problem)
{
    static const struct clattn__config firsts[] = {
        {.kernel = KERNEL_FORWARD},
        {.kernel = KERNEL_DQ},
        {.kernel = KERNEL_DKDV, .want_dk = true, .want_dv = true},
        {.kernel = KERNEL_DKDV, .want_dv = true},
        {.kernel = KERNEL_BACKWARD_FUSED, .want_dk = true, .want_dv = true},
        {.kernel = KERNEL_COMBINE, .splits = 3},
        {.kernel = KERNEL_DELTA},
        {.kernel = KERNEL_DSINK},
    };
    clattn_problem with_sinks = *problem;

    for (size_t i = 0; i < ARRAY_SIZE(firsts); ++i) {
        with_sinks.score.sinks = firsts[i].kernel == KERNEL_DSINK;
        if (firsts[i].kernel != KERNEL_BACKWARD_FUSED || clattn__config_backward_fused(device, engine, problem))
            compare_choice(compared, device, engine, &with_sinks, firsts[i]);
    }
    for (int shape = 0; shape < 4; ++shape) { /* the sums of dbias are scores, rows, columns or a number */
        clattn_problem with_bias = *problem;

        with_bias.score.bias_dim[0] = with_bias.score.bias_dim[1] = 1;
        with_bias.score.bias_dim[2] = shape & 1 ? problem->q_len : 1;
        with_bias.score.bias_dim[3] = shape & 2 ? problem->kv_len : 1;
        compare_choice(compared, device, engine, &with_bias, (struct clattn__config){.kernel = KERNEL_DBIAS});
    }
}

/* Tiles that stay and tiles in chunks, long sums, few query rows, in types that take more and less. */
static void test_local_memory(void **state)
{
    static const struct clattn__device devices[] = {
        {.local_bytes = 16 << 10, .max_group = 128, .float_width = 4, .compute_units = 1},
        {.local_bytes = 512 << 10, .max_group = 1024, .float_width = 16, .compute_units = 1},
    };
    static const struct {
        int64_t length;
        int q_len, qk_dim, v_dim;
        clattn_dtype dtype;
    } problems[] = {{100, 100, 8, 40, CLATTN_FLOAT32},   {300000, 100, 160, 24, CLATTN_FLOAT16},
                    {1000, 1, 72, 64, CLATTN_FLOAT16},   {1000, 1, 64, 136, CLATTN_FLOAT32},
                    {1000, 1, 576, 576, CLATTN_FLOAT16}, {100, 100, 576, 512, CLATTN_FLOAT32}};
    const struct device *device = *state;
    clattn_options options = CLATTN_OPTIONS_INIT;
    struct compared compared = {.id = device->id};

    options.cache_dir = "";
    assert_success(clattn_context_create(device->cl, device->id, &options, &compared.context));
    for (size_t i = 0; i < ARRAY_SIZE(devices) * ARRAY_SIZE(problems); ++i) {
        const size_t n = i / ARRAY_SIZE(devices);
        clattn_problem problem = CLATTN_PROBLEM_INIT;

        problem.batch = problem.q_heads = problem.kv_heads = 1;
        problem.q_len = problems[n].q_len;
        problem.kv_len = problems[n].length;
        problem.qk_dim = problems[n].qk_dim;
        problem.v_dim = problems[n].v_dim;
        problem.dtype = problems[n].dtype;
        compare_problem(&compared, &devices[i % ARRAY_SIZE(devices)], CLATTN_ENGINE_SIMT, &problem);
        compare_problem(&compared, &devices[i % ARRAY_SIZE(devices)], CLATTN_ENGINE_CPU, &problem);
    }
    clattn_context_destroy(compared.context);
    print_message("%zu configurations, %zu of kernels that tell their local memory\n", compared.configs, compared.told);
    assert_true(compared.configs > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cpu), cmocka_unit_test(test_simt),
                                       cmocka_unit_test(test_nvidia_mma), cmocka_unit_test(test_local_memory)};
    return cmocka_run_group_tests(tests, device_setup, device_teardown);
}
