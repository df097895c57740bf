/* SPDX-License-Identifier: Apache-2.0 */
/* Each OpenCL call fails in turn. The library must return an error, present no wrong result as
 * valid, leak no object, and not crash.
 *
 *   test_faults FAULT_LAYER     the layer's file, a shared module
 *
 * Needs a loader with layers: ocl-icd 2.3 or Khronos'. Exits with 77 (skipped) without one. */
#include "folder.h"
#include "scene.h"

#include "fault_layer.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, MOST_CALLS = 2000 };

static const struct fault_control *faults;

struct fixture {
    struct device device;
    struct scene scene;
    unsigned char *expected; /* the results of a run */
    clattn_plan *plan;       /* all passes, one launch per work-group */
    clattn_context *context; /* of the plan */
    clattn_runner *runner;
    char folder[FOLDER_BYTES]; /* of a cache */
};

/* The calls under test, between arming and disarming the layer. */
typedef clattn_status (*scenario)(const struct fixture *f);

/* ---- each failure in turn ---- */

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

/* Checks the status and message of a call that failed. */
static void check_failure(clattn_status status, long nth)
{
    const char *name;
    cl_int error;

    faults->fired(&name, &error);
    if (error == CL_OUT_OF_HOST_MEMORY ? status != CLATTN_OUT_OF_MEMORY
        : error == CL_BUILD_PROGRAM_FAILURE
            ? status != CLATTN_BUILD_FAILED || strstr(clattn_last_error(), "does not build") == NULL
            : status != CLATTN_OPENCL_ERROR) {
        complain(clattn_status_name(status), nth);
    }
    if (status != CLATTN_BUILD_FAILED && (clattn_last_opencl_error() != error || !strstr(clattn_last_error(), name))) {
        complain("the last error is of something else", nth);
    }
}

/* Runs the scenario again and again; each time another call fails, in steps of `step`, until no
 * call fails any more. `optional`: the library may ignore a failure. */
static void fail_calls(const struct fixture *f, scenario run, int optional, long step)
{
    static const struct {
        int and_on;
        cl_int error;
    } modes[] = {{0, 0}, {1, 0}, {0, CL_OUT_OF_HOST_MEMORY}, {0, CL_INVALID_VALUE}};
    const long before = faults->references(NULL);

    for (size_t mode = 0; mode < COUNT_OF(modes); mode++) {
        long fired = 1;
        long nth = 1;

        for (; fired > 0 && nth < MOST_CALLS; nth += step) {
            const char *name;
            cl_int error;
            clattn_status status;

            faults->arm(nth, modes[mode].and_on, modes[mode].error);
            status = run(f);
            faults->arm(0, 0, 0);
            fired = faults->fired(&name, &error);
            if (status != CLATTN_SUCCESS &&
                !(optional && modes[mode].and_on)) { /* else the message may be a later call's */
                check_failure(status, nth);
            } else if (status == CLATTN_SUCCESS && fired > 0 && !optional) {
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

static void fail_each_call(const struct fixture *f, scenario run, int optional)
{
    fail_calls(f, run, optional, 1);
}

static clattn_status make_plan(const struct fixture *f, const clattn_options *options)
{
    clattn_context *context;
    clattn_plan *plan = NULL;
    clattn_status status = clattn_context_create(f->device.cl, f->device.id, options, &context);

    if (status == CLATTN_SUCCESS) {
        status = clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD, &plan);
    }
    faults->arm(0, 0, 0);
    assert_true((plan != NULL) == (status == CLATTN_SUCCESS));
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
    return status;
}

static clattn_status plan_without_cache(const struct fixture *f)
{
    const clattn_options options = device_options();

    return make_plan(f, &options);
}

static void test_plan(void **state)
{
    fail_each_call(*state, plan_without_cache, 0);
}

static clattn_status find(const struct fixture *f)
{
    clattn_options options = device_options();
    clattn_runner *runner;
    clattn_status status = clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner);

    (void)f;
    faults->arm(0, 0, 0);
    assert_true((runner != NULL) == (status == CLATTN_SUCCESS));
    clattn_runner_destroy(runner);
    return status;
}

static void test_runner_create(void **state)
{
    fail_each_call(*state, find, 0);
}

/* A call refused before its first launch changes nothing. Backward may fail after some launches;
 * outputs are then undefined, as the header says. */
static clattn_status enqueue_forward(const struct fixture *f)
{
    const struct scene *s = &f->scene;
    cl_event event = NULL;
    clattn_status status = clattn_enqueue_forward(f->plan, f->device.queue, &s->tensors, s->workspace, 0, NULL, &event);
    const char *name;
    cl_int error;

    faults->arm(0, 0, 0);
    faults->fired(&name, &error);
    assert_true((event != NULL) == (status == CLATTN_SUCCESS));
    if (status != CLATTN_SUCCESS && strncmp(name, "clGet", 5) == 0) {
        assert_true(scene_is_untouched(s));
    }
    if (event != NULL) {
        assert_cl(clWaitForEvents(1, &event));
        assert_cl(clReleaseEvent(event));
    }
    assert_cl(clFinish(f->device.queue));
    scene_reset(s);
    return status;
}

static clattn_status enqueue_both(const struct fixture *f)
{
    const struct scene *s = &f->scene;
    cl_event forward = NULL;
    cl_event backward = NULL;
    clattn_status status =
        clattn_enqueue_forward(f->plan, f->device.queue, &s->tensors, s->workspace, 0, NULL, &forward);

    if (status == CLATTN_SUCCESS) {
        status = clattn_enqueue_backward(f->plan, f->device.queue, &s->tensors, s->workspace, 1, &forward, &backward);
    }
    faults->arm(0, 0, 0);
    assert_true((backward != NULL) == (status == CLATTN_SUCCESS));
    if (forward != NULL) {
        assert_cl(clReleaseEvent(forward));
    }
    if (backward != NULL) {
        unsigned char *found;

        assert_cl(clWaitForEvents(1, &backward));
        assert_cl(clReleaseEvent(backward));
        found = scene_result(s);
        assert_memory_equal(found, f->expected, scene_result_bytes(s));
        free(found);
    }
    assert_cl(clFinish(f->device.queue));
    scene_reset(s);
    return status;
}

static void test_enqueue(void **state)
{
    fail_each_call(*state, enqueue_forward, 0);
    fail_each_call(*state, enqueue_both, 0);
}

/* Runs a pass on arrays; outputs are written completely or not at all. */
static clattn_status run(const struct fixture *f, int backward)
{
    enum { N = 9, D = 8 };
    float q[N * D], out[N * D], lse[N], gradient[3][N * D];
    clattn_problem p = CLATTN_PROBLEM_INIT;
    clattn_arrays a = CLATTN_ARRAYS_INIT;
    const clattn_run_info untouched = {.struct_size = sizeof untouched, .device_bytes = 77};
    clattn_run_info info = untouched;
    clattn_status status;
    int written = 0;

    p.batch = p.q_heads = p.kv_heads = 1;
    p.q_len = p.kv_len = N;
    p.qk_dim = p.v_dim = D;
    for (size_t n = 0; n < COUNT_OF(q); n++) {
        q[n] = 0.25f;
    }
    memset(out, 0xff, sizeof out);
    memset(lse, 0xff, sizeof lse);
    memset(gradient, 0xff, sizeof gradient);
    a.q.data = a.k.data = a.v.data = a.dout.data = q;
    a.out.data = out;
    a.lse.data = backward ? NULL : lse; /* so that backward runs forward too */
    a.dq.data = gradient[0];
    a.dk.data = gradient[1];
    a.dv.data = gradient[2];
    status = (backward ? clattn_run_backward : clattn_run_forward)(f->runner, &p, &a, &info);
    faults->arm(0, 0, 0);
    for (size_t n = 0; n < COUNT_OF(out); n++) {
        written += (out[n] == out[n]) + (backward && gradient[n % 3][n] == gradient[n % 3][n]);
    }
    assert_int_equal(written, status != CLATTN_SUCCESS ? 0 : backward ? 2 * N * D : N * D);
    assert_int_equal(memcmp(&info, &untouched, sizeof info) != 0, status == CLATTN_SUCCESS);
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

/* The runner keeps its plan: scenarios start and end with the same one. */
static void test_runner(void **state)
{
    const struct fixture *f = *state;

    assert_success(run_forward(f));
    fail_each_call(f, run_forward, 0);
    assert_success(run_backward(f));
    fail_each_call(f, run_backward, 0);
}

static clattn_status load(const struct fixture *f)
{
    clattn_options options = device_options();

    options.cache_dir = f->folder;
    return make_plan(f, &options);
}

static clattn_status store(const struct fixture *f)
{
    folder_empty(f->folder);
    return load(f);
}

static void test_cache(void **state)
{
    fail_each_call(*state, store, 1);
    fail_each_call(*state, load, 1);
}

static clattn_status tune(const struct fixture *f)
{
    clattn_options options = device_options();
    clattn_context *context;
    clattn_status status;

    options.cache_dir = f->folder;
    status = clattn_context_create(f->device.cl, f->device.id, &options, &context);
    if (status == CLATTN_SUCCESS) {
        status = scene_tune(context);
    }
    faults->arm(0, 0, 0);
    clattn_context_destroy(context);
    return status;
}

static void test_tune(void **state)
{
    fail_calls(*state, tune, 1, 7); /* hundreds of calls repeat: test every seventh */
}

/* ---- */

static int setup(void **state)
{
    static struct fixture f;
    clattn_problem p = scene_problem();
    clattn_options options = device_options();

    p.kv_len = p.score.mask_dim[3] = 40; /* of several tiles, so that forward has two kernels */
    p.k_tile = 16;
    p.kv_splits = 2;
    device_open(&f.device);
    scene_open(&f.scene, &f.device, &p, 1);
    options.max_launch_flops = 1;
    assert_success(clattn_context_create(f.device.cl, f.device.id, &options, &f.context));
    assert_success(clattn_plan_create(f.context, &p, CLATTN_FORWARD | CLATTN_BACKWARD, &f.plan));
    scene_fit(&f.scene, f.plan);
    assert_success(scene_run(&f.scene, f.plan, f.device.queue));
    f.expected = scene_result(&f.scene);
    scene_reset(&f.scene);
    options.max_launch_flops = 0;
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &f.runner));
    folder_make(f.folder, "faults");
    *state = &f;
    return 0;
}

/* Nothing of the library may remain. */
static int teardown(void **state)
{
    struct fixture *f = *state;
    char text[FAULT_TEXT];

    folder_remove(f->folder);
    free(f->expected);
    clattn_runner_destroy(f->runner);
    clattn_plan_destroy(f->plan);
    clattn_context_destroy(f->context);
    scene_close(&f->scene);
    device_close(&f->device);
    if (faults->references(text) != 0) {
        fail_msg("at the end there are references left: %s", text);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),   cmocka_unit_test(test_runner_create), cmocka_unit_test(test_enqueue),
        cmocka_unit_test(test_runner), cmocka_unit_test(test_cache),         cmocka_unit_test(test_tune),
    };
    void *layer;
    size_t count;

    if (argc != 2 || setenv("OPENCL_LAYERS", argv[1], 1) != 0) { /* before the loader reads it */
        fprintf(stderr, "use: test_faults FAULT_LAYER\n");
        return EXIT_FAILURE;
    }
    clattn_list_devices(NULL, 0, &count);
    layer = dlopen(argv[1], RTLD_NOW);
    faults = layer != NULL ? dlsym(layer, "fault_control") : NULL;
    if (faults == NULL) {
        fprintf(stderr, "test_faults: %s\n", dlerror());
        return EXIT_FAILURE;
    }
    if (!faults->is_loaded()) {
        fprintf(stderr, "SKIPPED: this OpenCL loader takes no layers (ocl-icd does from 2.3 on)\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("faults", tests, setup, teardown);
}
