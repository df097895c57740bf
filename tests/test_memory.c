/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory from the caller's allocator: each allocation fails in turn, alone or with all later
 * ones. Every call must return OUT_OF_MEMORY, with nothing allocated and no output written. */
#include "folder.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the allocator ---- */

static struct {
    long calls;   /* since the last arm */
    long fail_at; /* number of the call that fails, from 1; 0: none */
    int and_on;   /* all later calls fail too */
    int failed;   /* number of failures */
    long live;    /* blocks that are not released */
} pool;

/* Header of each block; keeps malloc's alignment. */
union header {
    struct {
        const void *owner;
        size_t bytes;
    } is;
    long double alignment[2];
};

static void arm(long fail_at, int and_on)
{
    pool.calls = pool.failed = 0;
    pool.fail_at = fail_at;
    pool.and_on = and_on;
}

static void *allocate(void *user, size_t bytes)
{
    union header *block;

    assert_ptr_equal(user, &pool);
    pool.calls++;
    if (pool.fail_at > 0 && (pool.calls == pool.fail_at || (pool.and_on && pool.calls > pool.fail_at))) {
        pool.failed++;
        return NULL;
    }
    block = malloc(sizeof *block + bytes);
    assert_non_null(block);
    block->is.owner = user;
    block->is.bytes = bytes;
    memset(block + 1, 0xa5, bytes); /* the library must not rely on zeros */
    pool.live++;
    return block + 1;
}

static void release(void *user, void *memory)
{
    union header *block = (union header *)memory - 1;

    assert_ptr_equal(user, &pool);
    assert_non_null(memory);
    assert_ptr_equal(block->is.owner, user);
    memset(block, 0xa5, sizeof *block + block->is.bytes);
    pool.live--;
    free(block);
}

static clattn_options pool_options(void)
{
    clattn_options options = device_options();

    options.allocator = (clattn_allocator){allocate, release, &pool};
    return options;
}

/* ---- each failure in turn ---- */

struct fixture {
    struct device device;
    struct scene scene;
    clattn_plan *plan; /* of test_enqueue */
};

static int setup(void **state)
{
    static struct fixture f;
    clattn_problem p = scene_problem();

    p.batch = p.score.mask_dim[0] = 12; /* many work-groups */
    device_open(&f.device);
    scene_open(&f.scene, &f.device, &p, 1);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    scene_close(&f->scene);
    device_close(&f->device);
    return 0;
}

typedef clattn_status (*scenario)(const struct fixture *f);

/* `optional`: failures in the cache may be ignored. */
static void fail_each_allocation(const struct fixture *f, scenario run, int optional)
{
    const long live = pool.live;

    for (int and_on = 0; and_on < 2; and_on++) {
        int failed = 1;

        for (long n = 1; failed > 0; n++) {
            clattn_status status;

            arm(n, and_on);
            status = run(f);
            failed = pool.failed;
            arm(0, 0);
            if (pool.live != live) {
                fail_msg("allocation %ld failed: %ld blocks were never released", n, pool.live - live);
            }
            if (status != CLATTN_OUT_OF_MEMORY && (failed == 0 || optional)) {
                assert_int_equal(status, CLATTN_SUCCESS);
            } else if (status != CLATTN_OUT_OF_MEMORY) {
                fail_msg("allocation %ld failed, and the status was %s", n, clattn_status_name(status));
            }
        }
    }
}

static clattn_status plan_forward(const struct fixture *f, const clattn_options *options)
{
    clattn_context *context;
    clattn_plan *plan = NULL;
    clattn_status status = clattn_context_create(f->device.cl, f->device.id, options, &context);

    if (status == CLATTN_SUCCESS) {
        status = clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD, &plan);
    }
    assert_true((plan != NULL) == (status == CLATTN_SUCCESS));
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
    return status;
}

static clattn_status make_plan(const struct fixture *f)
{
    const clattn_options options = pool_options();

    return plan_forward(f, &options);
}

static void test_plan(void **state)
{
    fail_each_allocation(*state, make_plan, 0);
}

static clattn_status enqueue(const struct fixture *f, int backward)
{
    const struct scene *s = &f->scene;
    const long fail_at = pool.fail_at;
    unsigned char *before, *after;
    cl_event event = NULL;
    clattn_status status;

    scene_reset(s);
    if (backward) { /* backward needs forward's results */
        arm(0, 0);
        assert_success(clattn_enqueue_forward(f->plan, f->device.queue, &s->tensors, NULL, 0, NULL, NULL));
    }
    before = scene_result(s);
    arm(fail_at, pool.and_on);
    status = backward ? clattn_enqueue_backward(f->plan, f->device.queue, &s->tensors, s->workspace, 0, NULL, &event)
                      : clattn_enqueue_forward(f->plan, f->device.queue, &s->tensors, NULL, 0, NULL, &event);
    after = scene_result(s);
    assert_true((event != NULL) == (status == CLATTN_SUCCESS));
    assert_int_equal(memcmp(before, after, scene_result_bytes(s)) == 0, status != CLATTN_SUCCESS);
    if (event != NULL) {
        assert_cl(clReleaseEvent(event));
    }
    free(before);
    free(after);
    return status;
}

static clattn_status enqueue_forward(const struct fixture *f)
{
    return enqueue(f, 0);
}

static clattn_status enqueue_backward(const struct fixture *f)
{
    return enqueue(f, 1);
}

static void test_enqueue(void **state)
{
    struct fixture *f = *state;
    clattn_options options = pool_options();
    clattn_context *context;

    options.max_launch_flops = 1; /* one launch per work-group, for many events */
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    assert_success(clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD | CLATTN_BACKWARD, &f->plan));
    fail_each_allocation(f, enqueue_forward, 0);
    fail_each_allocation(f, enqueue_backward, 0);
    clattn_plan_destroy(f->plan);
    clattn_context_destroy(context);
    assert_int_equal(pool.live, 0);
}

/* Fails in a runner's forward: creation, plan, and copies. */
static clattn_status run_forward(const struct fixture *f)
{
    enum { N = 9, D = 8, NAN_BYTE = 0xff };
    const clattn_options options = pool_options();
    float q[N * D] = {0}, k[N * D] = {0}, v[N * D] = {0}, out[N * D], lse[N];
    clattn_problem p = f->scene.problem;
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    clattn_runner *runner;
    clattn_status status = clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner);

    if (status != CLATTN_SUCCESS) {
        assert_null(runner);
        return status;
    }
    p.batch = p.q_heads = p.kv_heads = 1;
    p.q_len = p.kv_len = N;
    p.qk_dim = p.v_dim = D;
    p.kv_lengths = 0;
    memset(p.score.mask_dim, 0, sizeof p.score.mask_dim);
    memset(out, NAN_BYTE, sizeof out);
    memset(lse, NAN_BYTE, sizeof lse);
    arrays.q.data = q;
    arrays.k.data = k;
    arrays.v.data = v;
    arrays.out.data = out;
    arrays.lse.data = lse;
    status = clattn_run_forward(runner, &p, &arrays, NULL);
    for (size_t n = 0; n < COUNT_OF(out); n++) {
        assert_int_equal(out[n] == 0.0f, status == CLATTN_SUCCESS);
    }
    clattn_runner_destroy(runner);
    return status;
}

static void test_runner(void **state)
{
    fail_each_allocation(*state, run_forward, 0);
}

/* ---- with a cache on disk ---- */

static char folder[FOLDER_BYTES];

static clattn_status make_plan_and_store(const struct fixture *f)
{
    clattn_options options = pool_options();

    folder_empty(folder);
    options.cache_dir = folder;
    return plan_forward(f, &options);
}

static clattn_status make_plan_and_load(const struct fixture *f)
{
    clattn_options options = pool_options();

    options.cache_dir = folder;
    return plan_forward(f, &options);
}

static void test_cache(void **state)
{
    folder_make(folder, "memory");
    fail_each_allocation(*state, make_plan_and_store, 1);
    fail_each_allocation(*state, make_plan_and_load, 1);
    folder_remove(folder);
}

static clattn_status tune(const struct fixture *f)
{
    clattn_options options = pool_options();
    clattn_context *context;
    clattn_status status;

    options.cache_dir = folder;
    status = clattn_context_create(f->device.cl, f->device.id, &options, &context);
    if (status == CLATTN_SUCCESS) {
        status = scene_tune(context);
        if (status == CLATTN_INVALID_ARGUMENT) { /* the file cannot be written */
            assert_non_null(strstr(clattn_last_error(), "cannot be written"));
            status = CLATTN_OUT_OF_MEMORY;
        }
    }
    clattn_context_destroy(context);
    return status;
}

static void test_tune(void **state)
{
    folder_make(folder, "memory");
    fail_each_allocation(*state, tune, 1);
    folder_remove(folder);
}

/* If all allocations fail, the library says so, and reports no OpenCL error. */
static void test_no_memory_at_all(void **state)
{
    const struct fixture *f = *state;
    const clattn_options options = pool_options();
    clattn_context *context;

    arm(1, 1);
    assert_status(clattn_context_create(f->device.cl, f->device.id, &options, &context), CLATTN_OUT_OF_MEMORY,
                  "no memory");
    assert_null(context);
    assert_int_equal(clattn_last_opencl_error(), CL_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),  cmocka_unit_test(test_enqueue), cmocka_unit_test(test_runner),
        cmocka_unit_test(test_cache), cmocka_unit_test(test_tune),    cmocka_unit_test(test_no_memory_at_all),
    };

    return cmocka_run_group_tests_name("memory", tests, setup, teardown);
}
