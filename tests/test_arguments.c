/* SPDX-License-Identifier: Apache-2.0 */
/* Bad arguments of all functions without tensors: each row's exact status, and a message that names
 * the argument. Calls with tensors are in test_tensors.c. */
#include "scene.h"

#include <stdlib.h>
#include <string.h>

#define POISON ((void *)(uintptr_t)0x5a5a5a5a) /* a result pointer before a call that must set or keep it */

/* ---- problems ---- */

struct change {
    size_t offset; /* of a member of clattn_problem; 0 and no bytes: end of the list */
    size_t bytes;
    int64_t value; /* of a float: its bits */
};

#define SET(member, value)                                                                                             \
    {                                                                                                                  \
        offsetof(clattn_problem, member), sizeof(((clattn_problem *)0)->member), value                                 \
    }
#define FLOAT_INFINITY 0x7f800000
#define FLOAT_MINUS_INFINITY (-0x00800000)
#define FLOAT_NAN 0x7fc00000
#define FLOAT_TOO_LARGE (-12839872) /* -2.5e38 */
#define FLOAT_TOO_SMALL 0xae398     /* 1e-39 */
#define POWER(n) ((int64_t)1 << (n))
#define MASK(b, h, n, m)                                                                                               \
    SET(score.mask_dim[0], b), SET(score.mask_dim[1], h), SET(score.mask_dim[2], n), SET(score.mask_dim[3], m)
#define BIAS(b, h, n, m)                                                                                               \
    SET(score.bias_dim[0], b), SET(score.bias_dim[1], h), SET(score.bias_dim[2], n), SET(score.bias_dim[3], m)
#define ALIBI(b, h) SET(score.alibi_dim[0], b), SET(score.alibi_dim[1], h)

struct problem_row {
    clattn_status status;
    const char *part; /* of the message */
    struct change changes[7];
};

static const struct problem_row bad_problems[] = {
    {CLATTN_INVALID_ARGUMENT, "struct_size", {SET(struct_size, 0)}},
    {CLATTN_INVALID_ARGUMENT, "struct_size", {SET(struct_size, offsetof(clattn_problem, score.window) - 1)}},
    {CLATTN_INVALID_SIZE, "problem.batch", {SET(batch, 0)}},
    {CLATTN_INVALID_SIZE, "problem.batch", {SET(batch, INT64_MIN)}},
    {CLATTN_INVALID_SIZE, "problem.batch", {SET(batch, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "problem.q_heads", {SET(q_heads, 0)}},
    {CLATTN_INVALID_SIZE, "problem.q_heads", {SET(q_heads, -2)}},
    {CLATTN_INVALID_SIZE, "problem.q_heads", {SET(q_heads, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "problem.kv_heads", {SET(kv_heads, 0)}},
    {CLATTN_INVALID_SIZE, "problem.kv_heads", {SET(kv_heads, -1)}},
    {CLATTN_INVALID_SIZE, "multiple of problem.kv_heads", {SET(q_heads, 3), SET(kv_heads, 2)}},
    {CLATTN_INVALID_SIZE, "multiple of problem.kv_heads", {SET(q_heads, 2), SET(kv_heads, 4)}},
    {CLATTN_INVALID_SIZE, "problem.q_len", {SET(q_len, 0)}},
    {CLATTN_INVALID_SIZE, "problem.q_len", {SET(q_len, -7)}},
    {CLATTN_INVALID_SIZE, "problem.q_len", {SET(q_len, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "problem.kv_len", {SET(kv_len, 0)}},
    {CLATTN_INVALID_SIZE, "problem.kv_len", {SET(kv_len, INT64_MIN)}},
    {CLATTN_INVALID_SIZE, "problem.kv_len", {SET(kv_len, INT64_MAX)}},
    {CLATTN_INVALID_SIZE, "problem.qk_dim", {SET(qk_dim, 0)}},
    {CLATTN_INVALID_SIZE, "problem.qk_dim", {SET(qk_dim, -8)}},
    {CLATTN_INVALID_SIZE, "problem.qk_dim", {SET(qk_dim, CLATTN_MAX_HEAD_DIM + 1)}},
    {CLATTN_INVALID_SIZE, "problem.v_dim", {SET(v_dim, 0)}},
    {CLATTN_INVALID_SIZE, "problem.v_dim", {SET(v_dim, CLATTN_MAX_HEAD_DIM + 1)}},
    {CLATTN_INVALID_SIZE, "problem.v_dim", {SET(v_dim, POWER(32) + 4)}}, /* 4 when truncated to 32 bits */
    {CLATTN_INVALID_SIZE, "q or out", {SET(batch, INT32_MAX), SET(q_heads, INT32_MAX), SET(q_len, POWER(31))}},
    {CLATTN_INVALID_SIZE, "q or out", {SET(batch, POWER(19)), SET(q_len, POWER(40))}}, /* B Hq N D is 2^63 */
    {CLATTN_INVALID_SIZE, "q or out", {SET(batch, POWER(20)), SET(q_len, POWER(40))}}, /* B Hq N D is 2^64 */
    {CLATTN_INVALID_SIZE, "k or v", {SET(batch, POWER(20)), SET(kv_len, POWER(41))}},
    {CLATTN_INVALID_SIZE, "k or v", {SET(kv_len, POWER(55)), SET(qk_dim, 512)}},
    {CLATTN_INVALID_SIZE, "mask", {SET(q_len, POWER(31)), SET(kv_len, POWER(31)), MASK(1, 1, POWER(31), POWER(31))}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.causal", {SET(score.causal, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.window is 2", {SET(score.window, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.window is -1", {SET(score.window, -1)}},
    {CLATTN_INVALID_SIZE, "problem.score.window_left is -2", {SET(score.window, 1), SET(score.window_left, -2)}},
    {CLATTN_INVALID_SIZE, "problem.score.window_right is -2", {SET(score.window, 1), SET(score.window_right, -2)}},
    {CLATTN_INVALID_SIZE,
     "problem.score.window_left is",
     {SET(score.window, 1), SET(score.window_left, POWER(60) + 1)}},
    {CLATTN_INVALID_SIZE,
     "window_right is 1152921504606846977; allowed are -1",
     {SET(score.window, 1), SET(score.window_right, POWER(60) + 1)}},
    {CLATTN_INVALID_SIZE, "problem.score.window_left", {SET(score.window, 1), SET(score.window_left, INT64_MIN)}},
    {CLATTN_INVALID_ARGUMENT, "problem.kv_lengths", {SET(kv_lengths, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.dtype", {SET(dtype, 3)}},
    {CLATTN_INVALID_ARGUMENT, "problem.dtype", {SET(dtype, -1)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.align", {SET(score.align, 3)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.align", {SET(score.align, -1)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.scale", {SET(score.scale, FLOAT_NAN)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.scale", {SET(score.scale, FLOAT_INFINITY)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.scale is -2.5e+38", {SET(score.scale, FLOAT_TOO_LARGE)}},
    {CLATTN_INVALID_ARGUMENT, "allowed are 0", {SET(score.scale, FLOAT_TOO_SMALL)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.scale", {SET(score.scale, FLOAT_MINUS_INFINITY)}},
    {CLATTN_INVALID_SIZE,
     "problem.score.offset",
     {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, POWER(62) + 1)}},
    {CLATTN_INVALID_SIZE,
     "problem.score.offset",
     {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, -POWER(62) - 1)}},
    {CLATTN_INVALID_SIZE,
     "problem.score.offset",
     {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, INT64_MIN)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.mask_dim[0]", {MASK(3, 1, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.mask_dim[0]", {MASK(0, 1, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.mask_dim[0]", {MASK(-1, -1, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.mask_dim[1]", {MASK(2, 3, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.mask_dim[2]", {MASK(2, 1, 9, 7)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.mask_dim[3]", {MASK(2, 1, 7, 0)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.mask_dim[3]", {MASK(1, 1, 1, 8)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.alibi_dim[0]", {ALIBI(3, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.alibi_dim[0]", {ALIBI(0, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.alibi_dim[0]", {ALIBI(-1, -1)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.alibi_dim[1]", {ALIBI(2, 0)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.alibi_dim[1]", {ALIBI(1, 3)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.bias_dim[0]", {BIAS(3, 1, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.bias_dim[0]", {BIAS(0, 1, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.bias_dim[1]", {BIAS(2, 3, 7, 9)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.bias_dim[2]", {BIAS(2, 1, 9, 7)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.bias_dim[3]", {BIAS(1, 1, 1, 8)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.bias_float32", {SET(score.bias_float32, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.softcap is nan", {SET(score.softcap, FLOAT_NAN)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.softcap is inf", {SET(score.softcap, FLOAT_INFINITY)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.softcap is -2.5e+38", {SET(score.softcap, FLOAT_TOO_LARGE)}},
    {CLATTN_INVALID_ARGUMENT, "allowed are 0 (no cap)", {SET(score.softcap, FLOAT_TOO_SMALL)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.sinks is 2", {SET(score.sinks, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.sinks is -1", {SET(score.sinks, -1)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.dlse is 2", {SET(score.dlse, 2)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.dlse is -1", {SET(score.dlse, -1)}},
    {CLATTN_INVALID_ARGUMENT, "problem.score.max_logit is 2", {SET(score.max_logit, 2)}},
    {CLATTN_INVALID_SIZE, "problem.q_tile", {SET(q_tile, -1)}},
    {CLATTN_INVALID_SIZE, "problem.k_tile", {SET(k_tile, INT64_MIN)}},
    {CLATTN_INVALID_SIZE, "problem.kv_splits", {SET(kv_splits, -1)}},
    {CLATTN_INVALID_SIZE, "problem.kv_splits", {SET(kv_splits, CLATTN_MAX_KV_SPLITS + 1)}},
};

/* Values at the allowed limits, for the kernels of scene_problem. */
static const struct problem_row good_problems[] = {
    {CLATTN_SUCCESS, NULL, {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, POWER(62))}},
    {CLATTN_SUCCESS, NULL, {SET(score.align, CLATTN_ALIGN_OFFSET), SET(score.offset, -POWER(62))}},
    {CLATTN_SUCCESS, NULL, {SET(score.align, CLATTN_ALIGN_TOP_LEFT), SET(score.offset, INT64_MIN)}}, /* not read */
    {CLATTN_SUCCESS, NULL, {SET(score.window_left, -2), SET(score.window_right, INT64_MAX)}},        /* not read */
    {CLATTN_SUCCESS, NULL, {SET(q_tile, INT64_MAX), SET(k_tile, INT64_MAX)}},
    {CLATTN_SUCCESS, NULL, {SET(kv_splits, CLATTN_MAX_KV_SPLITS)}},
    {CLATTN_SUCCESS, NULL, {SET(batch, INT32_MAX), MASK(INT32_MAX, 1, 7, 9)}},
};

/* The problem with a row's changes. */
static clattn_problem changed_problem(clattn_problem p, const struct problem_row *row)
{
    for (const struct change *change = row->changes; change->bytes > 0; change++) {
        const int32_t half = (int32_t)change->value;

        memcpy((char *)&p + change->offset, change->bytes == 8 ? (const void *)&change->value : &half, change->bytes);
    }
    return p;
}

static void test_problems(void **state)
{
    const struct device *device = *state;
    const clattn_problem masked = scene_problem();
    clattn_problem plain = masked;

    memset(plain.score.mask_dim, 0, sizeof plain.score.mask_dim);
    for (size_t n = 0; n < COUNT_OF(bad_problems); n++) {
        const clattn_problem p = changed_problem(plain, &bad_problems[n]);
        clattn_plan *plan = POISON;

        assert_status(clattn_plan_create(device->context, &p, CLATTN_FORWARD, &plan), bad_problems[n].status,
                      bad_problems[n].part);
        assert_null(plan);
        assert_int_equal(clattn_last_opencl_error(), CL_SUCCESS);
    }
    for (size_t n = 0; n < COUNT_OF(good_problems); n++) {
        const clattn_problem p = changed_problem(masked, &good_problems[n]);
        clattn_plan *plan = POISON;

        assert_success(clattn_plan_create(device->context, &p, CLATTN_FORWARD | CLATTN_BACKWARD, &plan));
        assert_true(plan != NULL && plan != (clattn_plan *)POISON);
        clattn_plan_destroy(plan);
    }
}

static void test_passes(void **state)
{
    static const unsigned bad[] = {0, 16, 17, 64, 0x80000001u, ~0u}; /* 16: dbias, and there is no bias */
    const struct device *device = *state;
    const clattn_problem p = scene_problem();

    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        clattn_plan *plan = POISON;

        assert_status(clattn_plan_create(device->context, &p, bad[n], &plan), CLATTN_INVALID_ARGUMENT, "passes");
        assert_null(plan);
    }
}

/* A gradient of what the problem has not, alone and beside others: the message names both. The other of the two
 * options does not stand in for it. */
static void test_gradients_of_nothing(void **state)
{
    static const char no_bias[] = "passes has CLATTN_BACKWARD_DBIAS, but problem.score.bias_dim is 0";
    static const char no_sinks[] = "passes has CLATTN_BACKWARD_DSINK, but problem.score.sinks is 0";
    static const struct {
        unsigned passes;
        const char *part;
        struct problem_row problem;
    } rows[] = {
        {CLATTN_BACKWARD_DBIAS, no_bias, {.changes = {SET(score.dlse, 1)}}},
        {CLATTN_BACKWARD | CLATTN_BACKWARD_DBIAS, no_bias, {.changes = {SET(score.bias_float32, 1)}}},
        {CLATTN_BACKWARD_DBIAS | CLATTN_BACKWARD_DSINK, no_bias, {.changes = {SET(score.sinks, 1)}}},
        {CLATTN_BACKWARD_DSINK, no_sinks, {.changes = {SET(score.dlse, 1)}}},
        {CLATTN_FORWARD | CLATTN_BACKWARD | CLATTN_BACKWARD_DSINK, no_sinks, {.changes = {SET(score.causal, 1)}}},
        {CLATTN_BACKWARD_DBIAS | CLATTN_BACKWARD_DSINK, no_sinks, {.changes = {BIAS(1, 1, 7, 9)}}},
    };
    const struct device *device = *state;

    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        const clattn_problem p = changed_problem(scene_problem(), &rows[n].problem);
        clattn_plan *plan = POISON;

        assert_status(clattn_plan_create(device->context, &p, rows[n].passes, &plan), CLATTN_INVALID_ARGUMENT,
                      rows[n].part);
        assert_null(plan);
    }
}

/* ---- options and devices ---- */

static void *no_memory(void *user, size_t bytes)
{
    (void)user, (void)bytes;
    return NULL;
}

static void no_release(void *user, void *memory)
{
    (void)user, (void)memory;
}

static void test_options(void **state)
{
    const struct device *device = *state;
    const clattn_options good = device_options();
    clattn_options bad[9];
    static const char *const parts[COUNT_OF(bad)] = {"struct_size",
                                                     "struct_size",
                                                     "options.engine",
                                                     "options.engine",
                                                     "allocator",
                                                     "allocator",
                                                     "-cl-fast-relaxed-math",
                                                     "-cl-finite-math-only",
                                                     "-cl-unsafe-math-optimizations"};

    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        bad[n] = good;
    }
    bad[0].struct_size = 0;
    bad[1].struct_size = SIZE_MAX;
    bad[2].engine = (clattn_engine)5;
    bad[3].engine = (clattn_engine)-1;
    bad[4].allocator.allocate = no_memory;
    bad[5].allocator.release = no_release;
    bad[6].build_options = "-cl-fast-relaxed-math";
    bad[7].build_options = "-DUNUSED -cl-finite-math-only";
    bad[8].build_options = "-cl-unsafe-math-optimizations -DUNUSED";
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        clattn_context *context = POISON;
        clattn_runner *runner = POISON;

        assert_status(clattn_context_create(device->cl, device->id, &bad[n], &context), CLATTN_INVALID_ARGUMENT,
                      parts[n]);
        assert_null(context);
        assert_status(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &bad[n], &runner), CLATTN_INVALID_ARGUMENT,
                      parts[n]);
        assert_null(runner);
    }
}

/* A sub-device is a different device, which is not in the context. */
static void test_device_of_another_context(void **state)
{
    const cl_device_partition_property split[] = {CL_DEVICE_PARTITION_BY_COUNTS, 1,
                                                  CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0};
    const struct device *device = *state;
    clattn_context *context = POISON;
    cl_device_id part;

    if (clCreateSubDevices(device->id, split, 1, &part, NULL) != CL_SUCCESS) {
        print_message("skipped: the device has no sub-devices, and there may be no second one\n");
        skip();
    }
    assert_status(clattn_context_create(device->cl, part, NULL, &context), CLATTN_WRONG_CONTEXT, "device");
    assert_null(context);
    assert_cl(clReleaseDevice(part));
}

static void test_no_such_device(void **state)
{
    static const char *const names[] = {"no device is called this", "999999", "99999999999999999999999", "-1", "0x0"};

    (void)state;
    for (size_t n = 0; n < COUNT_OF(names); n++) {
        cl_device_id device = POISON;
        clattn_runner *runner = POISON;

        assert_status(clattn_find_device(names[n], &device), CLATTN_NO_DEVICE, names[n]);
        assert_null(device);
        assert_status(clattn_runner_create(names[n], NULL, &runner), CLATTN_NO_DEVICE, names[n]);
        assert_null(runner);
    }
}

/* ---- kernels that do not build ---- */

static void test_build_failure(void **state)
{
    static const struct {
        const char *options, *part;
    } rows[] = {
        {"-D__kernel=nothing", "forward.cl:"}, /* file and line of the first error */
        {"-D__kernel=nothing", "-D__kernel=nothing"},
        {"-DTILE_ROWS=7", "forward"},
        {"--no-such-option", "--no-such-option"},
    };
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    clattn_options options = device_options();

    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        clattn_context *context;
        clattn_plan *plan = POISON;

        options.build_options = rows[n].options;
        assert_success(clattn_context_create(device->cl, device->id, &options, &context));
        assert_status(clattn_plan_create(context, &p, CLATTN_FORWARD, &plan), CLATTN_BUILD_FAILED, rows[n].part);
        assert_null(plan);
        clattn_context_destroy(context);
    }
}

/* ---- null pointers ---- */

static void test_null_in_sections_2_to_4(void **state)
{
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    clattn_context *context = POISON;
    clattn_plan *plan = POISON;
    size_t bytes = 77;

    assert_status(clattn_context_create(NULL, device->id, NULL, &context), CLATTN_INVALID_ARGUMENT, "cl is NULL");
    assert_null(context);
    context = POISON;
    assert_status(clattn_context_create(device->cl, NULL, NULL, &context), CLATTN_INVALID_ARGUMENT, "device is NULL");
    assert_null(context);
    assert_status(clattn_context_create(device->cl, device->id, NULL, NULL), CLATTN_INVALID_ARGUMENT,
                  "context is NULL");

    assert_status(clattn_plan_create(NULL, &p, CLATTN_FORWARD, &plan), CLATTN_INVALID_ARGUMENT, "context is NULL");
    assert_null(plan);
    plan = POISON;
    assert_status(clattn_plan_create(device->context, NULL, CLATTN_FORWARD, &plan), CLATTN_INVALID_ARGUMENT,
                  "problem is NULL");
    assert_null(plan);
    assert_status(clattn_plan_create(device->context, &p, CLATTN_FORWARD, NULL), CLATTN_INVALID_ARGUMENT,
                  "plan is NULL");

    assert_status(clattn_plan_workspace_size(NULL, CLATTN_FORWARD, &bytes), CLATTN_INVALID_ARGUMENT, "plan is NULL");
    assert_int_equal(bytes, 77);

    clattn_context_destroy(NULL);
    clattn_plan_destroy(NULL);
    clattn_runner_destroy(NULL);
    assert_string_equal(clattn_context_describe(NULL), "");
    assert_string_equal(clattn_plan_describe(NULL), "");
    assert_null(clattn_runner_context(NULL));
    assert_null(clattn_runner_device(NULL));
}

static void test_workspace_size(void **state)
{
    static const unsigned bad[] = {0, CLATTN_FORWARD | CLATTN_BACKWARD_DQ, 15, 17, 64, ~0u};
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    clattn_plan *plan;
    size_t bytes = 77;

    assert_success(clattn_plan_create(device->context, &p, CLATTN_FORWARD | CLATTN_BACKWARD, &plan));
    assert_status(clattn_plan_workspace_size(plan, CLATTN_FORWARD, NULL), CLATTN_INVALID_ARGUMENT, "bytes is NULL");
    for (size_t n = 0; n < COUNT_OF(bad); n++) {
        assert_status(clattn_plan_workspace_size(plan, bad[n], &bytes), CLATTN_INVALID_ARGUMENT, "pass");
        assert_int_equal(bytes, 77);
    }
    assert_success(clattn_plan_workspace_size(plan, CLATTN_FORWARD, &bytes));
    assert_int_equal(bytes, 0);
    assert_success(clattn_plan_workspace_size(plan, CLATTN_BACKWARD, &bytes));
    assert_true(bytes <= (size_t)(4 * p.batch * p.q_heads * p.q_len));
    assert_success(clattn_plan_workspace_size(plan, CLATTN_BACKWARD_DV, &bytes));
    clattn_plan_destroy(plan);
}

static void test_null_in_section_6(void **state)
{
    const clattn_options options = device_options();
    const clattn_problem p = scene_problem();
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    clattn_run_info info = {.struct_size = sizeof info - 1};
    clattn_runner *runner;
    size_t count = 77;

    (void)state;
    assert_status(clattn_list_devices(NULL, 0, NULL), CLATTN_INVALID_ARGUMENT, "count is NULL");
    assert_status(clattn_list_devices(NULL, 1, &count), CLATTN_INVALID_ARGUMENT, "devices is NULL");
    assert_status(clattn_find_device(NULL, NULL), CLATTN_INVALID_ARGUMENT, "device is NULL");
    assert_status(clattn_runner_create(NULL, NULL, NULL), CLATTN_INVALID_ARGUMENT, "runner is NULL");

    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    for (int backward = 0; backward < 2; backward++) {
        clattn_status (*const run)(clattn_runner *, const clattn_problem *, const clattn_arrays *, clattn_run_info *) =
            backward ? clattn_run_backward : clattn_run_forward;

        assert_status(run(NULL, &p, &arrays, NULL), CLATTN_INVALID_ARGUMENT, "runner is NULL");
        assert_status(run(runner, NULL, &arrays, NULL), CLATTN_INVALID_ARGUMENT, "problem is NULL");
        assert_status(run(runner, &p, NULL, NULL), CLATTN_INVALID_ARGUMENT, "arrays is NULL");
        assert_status(run(runner, &p, &arrays, &info), CLATTN_INVALID_ARGUMENT, "info.struct_size");
        arrays.struct_size = offsetof(clattn_arrays, alibi) - 1;
        assert_status(run(runner, &p, &arrays, NULL), CLATTN_INVALID_ARGUMENT, "arrays.struct_size");
        arrays.struct_size = sizeof arrays;
    }
    clattn_runner_destroy(runner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_problems),
        cmocka_unit_test(test_passes),
        cmocka_unit_test(test_gradients_of_nothing),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_device_of_another_context),
        cmocka_unit_test(test_no_such_device),
        cmocka_unit_test(test_build_failure),
        cmocka_unit_test(test_null_in_sections_2_to_4),
        cmocka_unit_test(test_workspace_size),
        cmocka_unit_test(test_null_in_section_6),
    };

    return cmocka_run_group_tests_name("arguments", tests, device_setup, device_teardown);
}
