/* SPDX-License-Identifier: Apache-2.0 */
/* Forward with splits of the keys: the plan's description, workspace, out-of-order queues, the
 * runner. The case table tests its results. */
#include "scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = 3, KEYS = 40, KEY_TILE = 16 };

/* The problem of scene.h with several tiles of keys. */
static clattn_problem split_problem(int64_t parts)
{
    clattn_problem p = scene_problem();

    p.kv_len = p.score.mask_dim[3] = KEYS;
    p.k_tile = KEY_TILE;
    p.kv_splits = parts;
    return p;
}

static size_t workspace_of(const clattn_plan *plan)
{
    size_t bytes;

    assert_success(clattn_plan_workspace_size(plan, CLATTN_FORWARD, &bytes));
    return bytes;
}

static clattn_plan *make_plan(const struct device *device, const clattn_problem *p)
{
    clattn_plan *plan;

    assert_success(clattn_plan_create(device->context, p, CLATTN_FORWARD, &plan));
    return plan;
}

static void test_as_asked(void **state)
{
    const struct device *device = *state;
    const clattn_problem split = split_problem(PARTS), whole = split_problem(1);
    const size_t rows = (size_t)(split.batch * split.q_heads * split.q_len);
    clattn_plan *plan = make_plan(device, &split);

    assert_non_null(strstr(clattn_plan_describe(plan), "keys in 3 splits (as asked)"));
    assert_non_null(strstr(clattn_plan_describe(plan), "forward_combine: "));
    assert_true(workspace_of(plan) >= 4 * PARTS * rows * (size_t)(split.v_dim + 2));
    clattn_plan_destroy(plan);
    plan = make_plan(device, &whole);
    assert_null(strstr(clattn_plan_describe(plan), "splits"));
    assert_null(strstr(clattn_plan_describe(plan), "forward_combine"));
    assert_int_equal(workspace_of(plan), 0);
    clattn_plan_destroy(plan);
}

/* The default number of splits. A query of a single head is one work-group, which leaves every
 * device with several compute units idle. */
static void test_by_itself(void **state)
{
    const struct device *device = *state;
    clattn_problem p = CLATTN_PROBLEM_INIT;
    cl_uint units;
    clattn_plan *plan;

    assert_cl(clGetDeviceInfo(device->id, CL_DEVICE_MAX_COMPUTE_UNITS, sizeof units, &units, NULL));
    p.batch = p.q_heads = p.kv_heads = p.q_len = 1;
    p.kv_len = 4096;
    p.qk_dim = p.v_dim = 8;
    plan = make_plan(device, &p);
    assert_int_equal(strstr(clattn_plan_describe(plan), "splits (tuned)") != NULL, units > 1);
    assert_int_equal(workspace_of(plan) > 0, units > 1);
    clattn_plan_destroy(plan);
    p.kv_len = 200; /* too few for two splits */
    plan = make_plan(device, &p);
    assert_int_equal(workspace_of(plan), 0);
    clattn_plan_destroy(plan);
}

static void test_refused(void **state)
{
    const struct device *device = *state;
    const clattn_problem p = split_problem(PARTS);
    clattn_plan *plan = make_plan(device, &p);
    const size_t bytes = workspace_of(plan);
    const cl_mem small = device_buffer(device->cl, bytes - 1, NULL);
    struct scene scene;
    cl_mem inside;
    cl_int error;

    scene_open(&scene, device, &p, 1);
    assert_status(clattn_enqueue_forward(plan, device->queue, &scene.tensors, NULL, 0, NULL, NULL),
                  CLATTN_INVALID_ARGUMENT, "workspace is NULL");
    assert_status(clattn_enqueue_forward(plan, device->queue, &scene.tensors, small, 0, NULL, NULL),
                  CLATTN_BUFFER_TOO_SMALL, "workspace has");
    assert_true(scene_is_untouched(&scene));
    inside = clCreateBuffer(device->cl, CL_MEM_READ_WRITE, bytes + scene_bytes(&scene, SCENE_OUT), NULL, &error);
    assert_cl(error);
    scene.tensors.out.mem = inside; /* out is in the workspace's buffer: behind the workspace, then inside */
    scene.tensors.out.offset = bytes / scene_element(&scene, SCENE_OUT);
    assert_success(clattn_enqueue_forward(plan, device->queue, &scene.tensors, inside, 0, NULL, NULL));
    scene.tensors.out.offset -= 1;
    assert_status(clattn_enqueue_forward(plan, device->queue, &scene.tensors, inside, 0, NULL, NULL), CLATTN_OVERLAP,
                  "workspace");
    assert_cl(clFinish(device->queue));
    assert_cl(clReleaseMemObject(inside));
    assert_cl(clReleaseMemObject(small));
    scene_close(&scene);
    clattn_plan_destroy(plan);
}

enum { LINE = 4096, SUB_ORIGIN = 1024 }; /* SUB_ORIGIN: a multiple of every device's sub-buffer alignment */

/* A buffer on host memory `memory` or, if `origin` is not 0, its sub-buffer from there on. */
static cl_mem buffer_on_host(cl_context cl, unsigned char *memory, size_t bytes, size_t origin)
{
    const cl_buffer_region region = {origin, bytes};
    cl_int error;
    cl_mem part, whole = clCreateBuffer(cl, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, origin + bytes, memory, &error);

    assert_cl(error);
    if (origin == 0) {
        return whole;
    }
    part = clCreateSubBuffer(whole, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &region, &error);
    assert_cl(error);
    assert_cl(clReleaseMemObject(whole)); /* the sub-buffer retains it */
    return part;
}

/* Kernels read partial results in vectors, which fault on unaligned memory. Calls with memory that
 * is known to be unaligned are refused by name. */
static void test_alignment(void **state)
{
    static const size_t shifts[] = {0, 16, 1, 4, 8, 12};
    const struct device *device = *state;
    const clattn_problem p = split_problem(PARTS);
    clattn_plan *plan = make_plan(device, &p);
    const size_t bytes = workspace_of(plan);
    unsigned char *memory, *line;
    struct scene scene;

    scene_open(&scene, device, &p, 1);
    memory = calloc(bytes + scene_bytes(&scene, SCENE_Q) + SUB_ORIGIN + 2 * LINE, 1);
    assert_non_null(memory);
    line = memory + (LINE - (uintptr_t)memory % LINE);
    for (size_t n = 0; n < COUNT_OF(shifts); n++) {
        for (size_t origin = 0; origin <= SUB_ORIGIN; origin += SUB_ORIGIN) {
            const cl_mem workspace = buffer_on_host(device->cl, line + shifts[n], bytes, origin);

            assert_status(clattn_enqueue_forward(plan, device->queue, &scene.tensors, workspace, 0, NULL, NULL),
                          shifts[n] % 16 == 0 ? CLATTN_SUCCESS : CLATTN_INVALID_ARGUMENT,
                          "buffer of workspace begins at address");
            assert_cl(clFinish(device->queue));
            assert_cl(clReleaseMemObject(workspace));
        }
    }
    for (size_t shift = 0; shift < 2; shift++) { /* a tensor must be aligned to its element */
        const cl_mem workspace = device_buffer(device->cl, bytes, NULL), saved = scene.tensors.q.mem;

        scene.tensors.q.mem = buffer_on_host(device->cl, line + shift, scene_bytes(&scene, SCENE_Q), 0);
        assert_status(clattn_enqueue_forward(plan, device->queue, &scene.tensors, workspace, 0, NULL, NULL),
                      shift == 0 ? CLATTN_SUCCESS : CLATTN_INVALID_ARGUMENT, "buffer of q begins at address");
        assert_cl(clFinish(device->queue));
        assert_cl(clReleaseMemObject(scene.tensors.q.mem));
        assert_cl(clReleaseMemObject(workspace));
        scene.tensors.q.mem = saved;
    }
    scene_close(&scene);
    clattn_plan_destroy(plan);
    free(memory);
}

/* On an out-of-order queue the second kernel waits for the first, also with one launch per
 * work-group; *event ends after both. */
static void run_out_of_order(const struct device *device, uint64_t max_launch_flops)
{
    const clattn_problem p = split_problem(PARTS);
    clattn_options options = device_options();
    cl_command_queue queue;
    clattn_context *context;
    clattn_plan *plan;
    struct scene scene;
    unsigned char *expected = NULL;
    cl_int error;

    queue = clCreateCommandQueue(device->cl, device->id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &error);
    if (error == CL_INVALID_QUEUE_PROPERTIES) {
        print_message("skipped: the device has no out-of-order queues\n");
        skip();
    }
    assert_cl(error);
    options.max_launch_flops = max_launch_flops;
    assert_success(clattn_context_create(device->cl, device->id, &options, &context));
    assert_success(clattn_plan_create(context, &p, CLATTN_FORWARD, &plan));
    scene_open(&scene, device, &p, 1);
    scene_fit(&scene, plan);
    for (int round = 0; round < 10; round++) {
        const cl_event gate = clCreateUserEvent(device->cl, &error);
        unsigned char *found;
        cl_event event;

        assert_cl(error);
        scene_reset(&scene);
        assert_success(clattn_enqueue_forward(plan, queue, &scene.tensors, scene.workspace, 1, &gate, &event));
        assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
        assert_cl(clWaitForEvents(1, &event));
        found = scene_result(&scene);
        expected = expected != NULL ? expected : found;
        assert_memory_equal(found, expected, scene_result_bytes(&scene));
        if (found != expected) {
            free(found);
        }
        assert_cl(clReleaseEvent(event));
        assert_cl(clReleaseEvent(gate));
    }
    assert_false(scene_is_untouched(&scene));
    free(expected);
    scene_close(&scene);
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
    assert_cl(clReleaseCommandQueue(queue));
}

static void test_out_of_order(void **state)
{
    run_out_of_order(*state, 0);
    run_out_of_order(*state, 1);
}

/* ---- the runner ---- */

enum { QUERIES = 2, DIM = 8 };

struct arrays {
    float q[QUERIES * DIM], k[KEYS * DIM], v[KEYS * DIM];
    float out[QUERIES * DIM], lse[QUERIES], dq[QUERIES * DIM];
};

/* Runs forward; with `backward`, as the first half of backward. Returns the workspace's bytes. */
static size_t run(clattn_runner *runner, int64_t parts, int backward, struct arrays *a)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    clattn_run_info info = {.struct_size = sizeof info};

    p.batch = p.q_heads = p.kv_heads = 1;
    p.q_len = QUERIES;
    p.kv_len = KEYS;
    p.qk_dim = p.v_dim = DIM;
    p.k_tile = KEY_TILE;
    p.kv_splits = parts;
    arrays.q.data = arrays.dout.data = a->q;
    arrays.k.data = a->k;
    arrays.v.data = a->v;
    arrays.out.data = a->out;
    arrays.lse.data = backward ? NULL : a->lse;
    arrays.dq.data = a->dq;
    assert_success((backward ? clattn_run_backward : clattn_run_forward)(runner, &p, &arrays, &info));
    return info.workspace_bytes;
}

static void assert_close(const float *found, const float *expected, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        if (!(fabsf(found[n] - expected[n]) <= 1e-5f)) {
            fail_msg("%zu is %g, expected %g", n, (double)found[n], (double)expected[n]);
        }
    }
}

static void test_runner(void **state)
{
    const clattn_options options = device_options();
    static struct arrays whole, split;
    clattn_runner *runner;

    (void)state;
    for (int n = 0; n < KEYS * DIM; n++) {
        whole.k[n] = (float)(n * 37 % 64) / 32.0f - 1.0f;
        whole.v[n] = (float)(n * 23 % 64) / 32.0f - 1.0f;
        whole.q[n % (QUERIES * DIM)] = (float)(n * 11 % 64) / 32.0f - 1.0f;
    }
    split = whole;
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    for (int backward = 0; backward < 2; backward++) {
        memset(split.out, 0xff, sizeof split.out);
        assert_int_equal(run(runner, 1, backward, &whole), backward ? 4 * QUERIES : 0);
        assert_true(run(runner, PARTS, backward, &split) >= 4 * PARTS * QUERIES * (DIM + 2));
        assert_close(split.out, whole.out, COUNT_OF(whole.out));
    }
    assert_close(split.lse, whole.lse, COUNT_OF(whole.lse));
    assert_close(split.dq, whole.dq, COUNT_OF(whole.dq));
    clattn_runner_destroy(runner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_asked),  cmocka_unit_test(test_by_itself),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_alignment), cmocka_unit_test(test_out_of_order), cmocka_unit_test(test_runner),
    };

    return cmocka_run_group_tests_name("split", tests, device_setup, device_teardown);
}
