/* SPDX-License-Identifier: Apache-2.0 */
/* Engines that a device may be unable to run: the library tries them, skips them by default, and
 * refuses them with a reason if they are requested. Needs no such device: see
 * check/emulated_ptx.cl. */
#include "check.h"
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EMULATED "-DPTX_FILE=<" EMULATED_PTX ">"

static clattn_context *open_context(const struct device *device, clattn_engine engine, const char *build_options)
{
    clattn_options options = CLATTN_OPTIONS_INIT;
    clattn_context *context;

    options.engine = engine;
    options.cache_dir = "";
    options.build_options = build_options;
    assert_success(clattn_context_create(device->cl, device->id, &options, &context));
    return context;
}

static int memory_is_short;

static void *allocate(void *user, size_t bytes)
{
    (void)user;
    return memory_is_short ? NULL : malloc(bytes);
}

static void release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static clattn_problem small_problem(clattn_dtype dtype)
{
    clattn_problem problem = CLATTN_PROBLEM_INIT;

    problem.batch = problem.q_heads = problem.kv_heads = 1;
    problem.q_len = problem.kv_len = 33;
    problem.qk_dim = problem.v_dim = 24;
    problem.dtype = dtype;
    return problem;
}

/* Fails unless the plan uses the engine for the kernel. */
static void expect_kernel(clattn_context *context, const clattn_problem *problem, unsigned passes, const char *kernel,
                          const char *engine)
{
    char part[64];
    clattn_plan *plan;

    assert_success(clattn_plan_create(context, problem, passes, &plan));
    snprintf(part, sizeof part, "%s: engine %s", kernel, engine);
    assert_non_null(strstr(clattn_plan_describe(plan), part));
    clattn_plan_destroy(plan);
}

static void expect_engine(clattn_context *context, const clattn_problem *problem, const char *engine)
{
    expect_kernel(context, problem, CLATTN_FORWARD, "forward", engine);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(clattn_engine_name(CLATTN_ENGINE_AUTO), "auto");
    assert_string_equal(clattn_engine_name(CLATTN_ENGINE_NVIDIA_WGMMA), "nvidia_wgmma");
    assert_null(clattn_engine_name((clattn_engine)(CLATTN_ENGINE_NVIDIA_WGMMA + 1)));
    assert_null(clattn_engine_name((clattn_engine)-1));
}

/* Stages that the engine does not support go to simt. */
static void test_division(void **state)
{
    clattn_context *context = open_context(*state, CLATTN_ENGINE_NVIDIA_MMA, EMULATED);
    clattn_problem problem = small_problem(CLATTN_BFLOAT16);

    expect_engine(context, &problem, "nvidia_mma");
    expect_kernel(context, &problem, CLATTN_BACKWARD, "backward_dkdv", "nvidia_mma");
    problem.q_tile = 15;
    expect_engine(context, &problem, "simt");
    problem = small_problem(CLATTN_FLOAT16);
    problem.score.scale = -1.0f;
    expect_engine(context, &problem, "simt");
    problem.score.scale = 0.0f;
    problem.v_dim = 257;
    expect_engine(context, &problem, "simt");
    problem = small_problem(CLATTN_FLOAT32);
    expect_engine(context, &problem, "simt");
    assert_non_null(strstr(clattn_context_describe(context), "engine nvidia_mma: available"));
    clattn_context_destroy(context);
}

/* An engine with wrong results is not used; errors of the trial do not reach the caller. */
static void test_wrong(void **state)
{
    clattn_context *context = open_context(*state, CLATTN_ENGINE_NVIDIA_MMA, EMULATED " -DSTORAGE=2");
    clattn_problem problem = small_problem(CLATTN_FLOAT16);
    clattn_plan *plan;

    assert_status(clattn_plan_create(context, NULL, CLATTN_FORWARD, &plan), CLATTN_INVALID_ARGUMENT, "problem is NULL");
    assert_non_null(strstr(clattn_context_describe(context), "engine nvidia_mma: not available: its forward is wrong"));
    assert_non_null(strstr(clattn_last_error(), "problem is NULL"));
    assert_status(clattn_plan_create(context, &problem, CLATTN_FORWARD, &plan), CLATTN_DEVICE_LIMIT,
                  "engine nvidia_mma, which options.engine asks for, is not available");
    assert_non_null(strstr(clattn_last_error(), "its forward is wrong"));
    assert_null(plan);
    problem.dtype = CLATTN_FLOAT32;
    expect_engine(context, &problem, "simt");
    clattn_context_destroy(context);
}

/* Gradients are tried separately: here their P are nearly 0. */
static void test_wrong_gradients(void **state)
{
    clattn_context *context = open_context(*state, CLATTN_ENGINE_NVIDIA_MMA, EMULATED " -DEMULATED_ZERO=-20.0f");
    clattn_problem problem = small_problem(CLATTN_FLOAT16);
    clattn_plan *plan;

    expect_engine(context, &problem, "nvidia_mma");
    assert_status(clattn_plan_create(context, &problem, CLATTN_BACKWARD, &plan), CLATTN_DEVICE_LIMIT,
                  "engine nvidia_mma, which options.engine asks for, is not available");
    assert_non_null(strstr(clattn_last_error(), "its dq is wrong"));
    assert_non_null(strstr(clattn_context_describe(context), "engine nvidia_mma: gradients not available: its dq"));
    clattn_context_destroy(context);
}

/* The dK/dV kernel reads the delta that dQ's kernel stores, also on an out-of-order queue. For dK
 * or dV alone, a separate kernel computes delta. */
static void test_delta(void **state)
{
    const struct device *device = *state;
    clattn_context *context = open_context(device, CLATTN_ENGINE_NVIDIA_MMA, EMULATED);
    struct check_result result;
    struct test_case line;
    char error[CASE_LINE_SIZE];
    clattn_plan *plan;
    cl_int failed;
    cl_command_queue queue =
        clCreateCommandQueue(device->cl, device->id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &failed);

    if (failed == CL_INVALID_QUEUE_PROPERTIES) {
        queue = device_queue(device, 0);
    }
    assert_false(case_parse("b1 h2 n40 m70 d24 dtype=f16", &line, error));
    assert_success(clattn_plan_create(context, &line.problem, CLATTN_BACKWARD, &plan));
    assert_null(strstr(clattn_plan_describe(plan), "\ndelta: "));
    clattn_plan_destroy(plan);
    assert_success(clattn_plan_create(context, &line.problem, CLATTN_BACKWARD_DK, &plan));
    assert_non_null(strstr(clattn_plan_describe(plan), "\ndelta: "));
    clattn_plan_destroy(plan);
    for (int round = 0; round < 4; round++) {
        if (!check_case(context, device->cl, queue, &line, CLATTN_FORWARD | CLATTN_BACKWARD, &result)) {
            fail_msg("%s: %s", result.line, result.message);
        }
    }
    if (!check_case(context, device->cl, queue, &line, CLATTN_BACKWARD_DK, &result)) {
        fail_msg("%s: %s", result.line, result.message);
    }
    clReleaseCommandQueue(queue);
    clattn_context_destroy(context);
}

/* An engine that could not be tried for lack of memory is tried again later. */
static void test_short_memory(void **state)
{
    const struct device *device = *state;
    clattn_options options = CLATTN_OPTIONS_INIT;
    clattn_context *context;

    options.engine = CLATTN_ENGINE_NVIDIA_MMA;
    options.cache_dir = "";
    options.build_options = EMULATED;
    options.allocator = (clattn_allocator){allocate, release, NULL};
    assert_success(clattn_context_create(device->cl, device->id, &options, &context));
    memory_is_short = 1;
    assert_string_equal(clattn_context_describe(context), "");
    memory_is_short = 0;
    assert_non_null(strstr(clattn_context_describe(context), "engine nvidia_mma: available"));
    clattn_context_destroy(context);
}

/* Warnings of the compiler are off: PoCL would print their number on stderr. */
static void test_silence(void **state)
{
    const clattn_problem problem = small_problem(CLATTN_FLOAT32);
    FILE *file = tmpfile();
    const int err = dup(STDERR_FILENO);
    char warns[64], said[256];
    size_t length;
    clattn_context *context;

    assert_non_null(file);
    snprintf(warns, sizeof warns, "-D__FILE__=%ld",
             (long)time(NULL)); /* different each time, so that the compiler runs */
    assert_true(err >= 0 && fflush(stderr) == 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    context = open_context(*state, CLATTN_ENGINE_AUTO, warns);
    expect_kernel(context, &problem, CLATTN_FORWARD, "forward", "");
    clattn_context_destroy(context);
    assert_true(fflush(stderr) == 0 && dup2(err, STDERR_FILENO) >= 0 && close(err) == 0);
    rewind(file);
    length = fread(said, 1, sizeof said - 1, file);
    said[length] = '\0';
    fclose(file);
    assert_string_equal(said, "");
}

/* A device without PTX in its compiler says so; one with PTX runs the engine. */
static void test_device_itself(void **state)
{
    clattn_context *context = open_context(*state, CLATTN_ENGINE_NVIDIA_MMA, NULL);
    const clattn_problem problem = small_problem(CLATTN_FLOAT16);
    clattn_plan *plan;

    if (strstr(clattn_context_describe(context), "engine nvidia_mma: available") != NULL) {
        expect_engine(context, &problem, "nvidia_mma");
    } else {
        assert_status(clattn_plan_create(context, &problem, CLATTN_FORWARD, &plan), CLATTN_DEVICE_LIMIT,
                      "the compiler has no inline PTX");
    }
    clattn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),         cmocka_unit_test(test_division),
                                       cmocka_unit_test(test_wrong),         cmocka_unit_test(test_wrong_gradients),
                                       cmocka_unit_test(test_delta),         cmocka_unit_test(test_short_memory),
                                       cmocka_unit_test(test_device_itself), cmocka_unit_test(test_silence)};

    return cmocka_run_group_tests(tests, device_setup, device_teardown);
}
