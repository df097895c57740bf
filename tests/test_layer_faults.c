/* SPDX-License-Identifier: Apache-2.0 */
/* The layer when each host allocation and each OpenCL call fails in turn. It must return an error,
 * present no wrong result as valid, leak nothing, and not crash.
 *
 *   test_layer_faults FAULT_LAYER     the loader layer's file, a shared module
 *
 * Needs a loader with layers: ocl-icd 2.3 or Khronos'. Exits with 77 (skipped) without one. */
#include "layer_scene.h"

#include "fault_layer.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE "b2 n7 m9 e24 c40 h4/2 d8 causal mask=2,1,7,9 kvlen"

/* A plan runs a dozen products of a hundred OpenCL calls each. Up to DENSE every call fails in
 * turn, then each STRIDEth; with CLATTN_TEST_NIGHTLY set, more of both. */
enum { SKIPPED = 77, MOST_CALLS = 10000, DENSE = 30, STRIDE = 101, NIGHTLY_DENSE = 200, NIGHTLY_STRIDE = 23 };

static const struct fault_control *faults;

/* ---- an allocator ---- */

static struct {
    long calls;   /* since the last arm */
    long fail_at; /* number of the call that fails, from 1; 0: none */
    int and_on;   /* all later calls fail too */
    int failed;   /* number of failures */
    long live;    /* blocks that are not released */
} pool;

static void arm_pool(long fail_at, int and_on)
{
    pool.calls = pool.failed = 0;
    pool.fail_at = fail_at;
    pool.and_on = and_on;
}

static void *allocate(void *user, size_t bytes)
{
    void *block;

    assert_ptr_equal(user, &pool);
    pool.calls++;
    if (pool.fail_at > 0 && (pool.calls == pool.fail_at || (pool.and_on && pool.calls > pool.fail_at))) {
        pool.failed++;
        return NULL;
    }
    block = malloc(bytes > 0 ? bytes : 1);
    assert_non_null(block);
    memset(block, 0xa5, bytes); /* the library must not rely on zeros */
    pool.live++;
    return block;
}

static void release(void *user, void *memory)
{
    assert_ptr_equal(user, &pool);
    assert_non_null(memory);
    pool.live--;
    free(memory);
}

/* ---- scenarios ---- */

struct fixture {
    struct device device;
    struct layer_scene scene; /* its plan is of `context` */
    clattn_context *context;  /* allocates from the pool */
    clattn_runner *runner;    /* likewise */
    unsigned char *expected;  /* the image after both passes */
};

/* The calls under test, between arming and disarming the faults. */
typedef clattn_status (*scenario)(const struct fixture *f);

static void disarm(void)
{
    faults->arm(0, 0, 0);
    pool.fail_at = 0;
}

static clattn_options pool_options(void)
{
    clattn_options options = device_options();

    options.allocator = (clattn_allocator){allocate, release, &pool};
    return options;
}

static clattn_status make_plan(const struct fixture *f)
{
    const clattn_options options = pool_options();
    clattn_layer_plan *plan = NULL;
    clattn_context *context;
    clattn_status status = clattn_context_create(f->device.cl, f->device.id, &options, &context);

    if (status == CLATTN_SUCCESS) {
        status = clattn_layer_plan_create(context, &f->scene.c.layer, CLATTN_FORWARD | CLATTN_BACKWARD, &plan);
    }
    disarm();
    assert_true((plan != NULL) == (status == CLATTN_SUCCESS));
    clattn_layer_plan_destroy(plan);
    clattn_context_destroy(context);
    return status;
}

/* Enqueues forward, then backward. Either may fail; if both succeed, results must be right. */
static clattn_status enqueue(const struct fixture *f)
{
    const struct layer_scene *s = &f->scene;
    cl_event forward = NULL;
    cl_event backward = NULL;
    clattn_status status =
        clattn_layer_enqueue_forward(s->plan, f->device.queue, &s->tensors, s->workspace[0], 0, NULL, &forward);

    if (status == CLATTN_SUCCESS) {
        status = clattn_layer_enqueue_backward(s->plan, f->device.queue, &s->tensors, s->workspace[1], 1, &forward,
                                               &backward);
    }
    disarm();
    assert_true((backward != NULL) == (status == CLATTN_SUCCESS));
    if (forward != NULL) {
        assert_cl(clReleaseEvent(forward));
    }
    if (backward != NULL) {
        unsigned char *found;

        assert_cl(clWaitForEvents(1, &backward));
        assert_cl(clReleaseEvent(backward));
        found = layer_scene_read(s);
        assert_memory_equal(found, f->expected, s->image_bytes);
        free(found);
    }
    assert_cl(clFinish(f->device.queue));
    layer_scene_reset(s);
    return status;
}

/* Runs a pass on arrays: its outputs are right, or nothing has changed. */
static clattn_status run(const struct fixture *f, int backward)
{
    const struct layer_scene *s = &f->scene;
    unsigned char *image = malloc(s->image_bytes);
    struct layer_data inside;
    clattn_layer_arrays arrays;
    clattn_status status;

    assert_non_null(image);
    memcpy(image, s->image, s->image_bytes);
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        inside.slot[slot] = s->at[slot] > 0 ? image + s->at[slot] : NULL;
    }
    arrays = layer_data_arrays(&s->c, &inside);
    status = (backward ? clattn_run_layer_backward : clattn_run_layer_forward)(f->runner, &s->c.layer, &arrays, NULL);
    disarm();
    for (enum layer_slot slot = LAYER_OUT; slot < LAYER_SLOTS && status == CLATTN_SUCCESS; slot++) {
        if (s->at[slot] > 0 && slot != LAYER_SAVED && (backward || slot == LAYER_OUT)) {
            assert_memory_equal(image + s->at[slot], f->expected + s->at[slot], s->data.bytes[slot]);
        }
    }
    assert_int_equal(memcmp(image, s->image, s->image_bytes) != 0, status == CLATTN_SUCCESS);
    free(image);
    return status;
}

static clattn_status run_forward(const struct fixture *f)
{
    return run(f, 0);
}

static clattn_status run_backward(const struct fixture *f)
{
    return run(f, 1);
}

/* ---- each allocation fails ---- */

static void fail_each_allocation(const struct fixture *f, scenario play)
{
    const long live = pool.live;

    for (int and_on = 0; and_on < 2; and_on++) {
        int failed = 1;

        for (long n = 1; failed > 0; n++) {
            clattn_status status;

            arm_pool(n, and_on);
            status = play(f);
            failed = pool.failed;
            if (status != (failed > 0 ? CLATTN_OUT_OF_MEMORY : CLATTN_SUCCESS)) {
                fail_msg("allocation %ld failed, and the status was %s: %s", n, clattn_status_name(status),
                         clattn_last_error());
            }
            if (pool.live != live) {
                fail_msg("allocation %ld failed: %ld blocks were never released", n, pool.live - live);
            }
        }
    }
}

static void test_allocations(void **state)
{
    struct fixture *f = *state;

    fail_each_allocation(f, make_plan);
    fail_each_allocation(f, enqueue);
    assert_success(run_forward(f)); /* makes the plan, which the runner keeps */
    fail_each_allocation(f, run_forward);
    assert_success(run_backward(f));
    fail_each_allocation(f, run_backward);
}

/* Runs on a runner without a plan. */
static clattn_status run_first(const struct fixture *f)
{
    const clattn_options options = pool_options();
    struct fixture own = *f;
    clattn_status status = clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &own.runner);

    if (status == CLATTN_SUCCESS) {
        status = run(&own, 1);
    }
    disarm();
    clattn_runner_destroy(own.runner);
    return status;
}

static void test_allocations_of_a_first_run(void **state)
{
    fail_each_allocation(*state, run_first);
}

/* ---- each call fails ---- */

/* Prints the state at a failure of the test. */
static void complain(const char *what, long nth)
{
    const char *name;
    cl_int error;
    char text[FAULT_TEXT];

    faults->arm(0, 0, 0);
    faults->fired(&name, &error);
    faults->references(text);
    fail_msg("%s, when call %ld, %s, gave %d; references: %s; last error: %s", what, nth, name, (int)error, text,
             clattn_last_error());
}

/* Checks the status and message of a call that failed. CLBlast passes an error on without its
 * origin, and reports a failed buffer query as a buffer that is too small. */
static void check_failure(clattn_status status, long nth)
{
    const char *name;
    cl_int error;

    faults->fired(&name, &error);
    if (strcmp(name, "clGetMemObjectInfo") == 0 && strstr(clattn_last_error(), "CLBlast's status") != NULL) {
        if (status != CLATTN_OPENCL_ERROR) {
            complain(clattn_status_name(status), nth);
        }
        return;
    }
    if (error == CL_OUT_OF_HOST_MEMORY      ? status != CLATTN_OUT_OF_MEMORY
        : error == CL_BUILD_PROGRAM_FAILURE ? status != CLATTN_BUILD_FAILED
                                            : status != CLATTN_OPENCL_ERROR) {
        complain(clattn_status_name(status), nth);
    }
    if (status != CLATTN_BUILD_FAILED &&
        (clattn_last_opencl_error() != error ||
         (!strstr(clattn_last_error(), name) && !strstr(clattn_last_error(), "CLBlast")))) {
        complain("the last error is of something else", nth);
    }
}

/* `optional`: a failure of clGetDeviceInfo may be ignored. CLBlast then keeps its default
 * parameters for the device, which are slower but correct. */
static void fail_each_call(const struct fixture *f, scenario play, int optional)
{
    static const struct {
        int and_on;
        cl_int error;
    } modes[] = {{0, 0}, {1, 0}, {0, CL_OUT_OF_HOST_MEMORY}};
    const long before = faults->references(NULL);
    const int nightly = getenv("CLATTN_TEST_NIGHTLY") != NULL;
    const long dense = nightly ? NIGHTLY_DENSE : DENSE;
    const long stride = nightly ? NIGHTLY_STRIDE : STRIDE;

    for (size_t mode = 0; mode < COUNT_OF(modes); mode++) {
        long fired = 1;
        long nth = 1;

        for (; fired > 0 && nth < MOST_CALLS; nth += nth < dense ? 1 : stride) {
            const char *name;
            cl_int error;
            clattn_status status;
            int unnoticed;

            faults->arm(nth, modes[mode].and_on, modes[mode].error);
            status = play(f);
            faults->arm(0, 0, 0);
            fired = faults->fired(&name, &error);
            unnoticed = optional && strcmp(name, "clGetDeviceInfo") == 0;
            if (status != CLATTN_SUCCESS &&
                !(unnoticed && modes[mode].and_on)) { /* else the message may be a later call's */
                check_failure(status, nth);
            } else if (status == CLATTN_SUCCESS && fired > 0 && !unnoticed) {
                complain("success", nth);
            }
            assert_cl(clFinish(f->device.queue));
            if (faults->references(NULL) != before) {
                complain("objects leaked", nth);
            }
        }
        assert_in_range(nth, 3, MOST_CALLS - 1);
    }
}

static void test_plan(void **state)
{
    fail_each_call(*state, make_plan, 1);
}

static void test_enqueue(void **state)
{
    fail_each_call(*state, enqueue, 0);
}

static void test_runner(void **state)
{
    const struct fixture *f = *state;

    assert_success(run_forward(f));
    fail_each_call(f, run_forward, 0);
    assert_success(run_backward(f));
    fail_each_call(f, run_backward, 0);
}

/* ---- */

static int setup(void **state)
{
    static struct fixture f;
    const clattn_options options = pool_options();

    device_open(&f.device);
    assert_success(clattn_context_create(f.device.cl, f.device.id, &options, &f.context));
    layer_scene_open(&f.scene, &f.device, f.context, LINE, LAYER_ROOM);
    assert_success(layer_scene_run(&f.scene, f.scene.plan, f.device.queue));
    f.expected = layer_scene_read(&f.scene);
    layer_scene_reset(&f.scene);
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &f.runner));
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->expected);
    clattn_runner_destroy(f->runner);
    layer_scene_close(&f->scene);
    clattn_context_destroy(f->context);
    device_close(&f->device);
    assert_int_equal(pool.live, 0);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocations), cmocka_unit_test(test_allocations_of_a_first_run),
        cmocka_unit_test(test_plan),        cmocka_unit_test(test_enqueue),
        cmocka_unit_test(test_runner),
    };
    void *layer;
    size_t count;

    if (argc != 2 || setenv("OPENCL_LAYERS", argv[1], 1) != 0) { /* before the loader reads it */
        fprintf(stderr, "use: test_layer_faults FAULT_LAYER\n");
        return EXIT_FAILURE;
    }
    clattn_list_devices(NULL, 0, &count);
    layer = dlopen(argv[1], RTLD_NOW);
    faults = layer != NULL ? dlsym(layer, "fault_control") : NULL;
    if (faults == NULL) {
        fprintf(stderr, "test_layer_faults: %s\n", dlerror());
        return EXIT_FAILURE;
    }
    if (!faults->is_loaded()) {
        fprintf(stderr, "SKIPPED: this OpenCL loader takes no layers (ocl-icd does from 2.3 on)\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("layer_faults", tests, setup, teardown);
}
