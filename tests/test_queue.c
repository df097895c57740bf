/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that share a context and a plan, events, out-of-order queues, and objects released while
 * commands are pending. */
#include "scene.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 8, PAUSE_MS = 50 };

struct fixture {
    struct device device;
    struct scene scene;
    clattn_plan *plan;       /* all passes */
    unsigned char *expected; /* the results of a run */
};

static int setup(void **state)
{
    static struct fixture f;
    const clattn_problem p = scene_problem();

    device_open(&f.device);
    scene_open(&f.scene, &f.device, &p, 1);
    assert_success(clattn_plan_create(f.device.context, &p, CLATTN_FORWARD | CLATTN_BACKWARD, &f.plan));
    assert_success(scene_run(&f.scene, f.plan, f.device.queue));
    f.expected = scene_result(&f.scene);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->expected);
    clattn_plan_destroy(f->plan);
    scene_close(&f->scene);
    device_close(&f->device);
    return 0;
}

static void assert_expected(const struct fixture *f, const struct scene *scene)
{
    unsigned char *found = scene_result(scene);

    assert_memory_equal(found, f->expected, scene_result_bytes(scene));
    free(found);
}

/* ---- threads ---- */

struct worker {
    pthread_t thread;
    const struct fixture *f;
    struct scene scene;
    cl_command_queue queue;
    clattn_context *context; /* the context of the plans that the worker makes */
    clattn_status status;
    int number;
};

/* Runs the shared plan many times, with the thread's own queue and tensors. */
static void *use_plan(void *argument)
{
    struct worker *w = argument;

    for (int round = 0; round < ROUNDS && w->status == CLATTN_SUCCESS; round++) {
        w->status = scene_run(&w->scene, w->f->plan, w->queue);
    }
    return NULL;
}

/* Makes, uses and destroys plans. Each thread has its own order of passes, so that threads build
 * different kernels at once. */
static void *make_plans(void *argument)
{
    static const unsigned passes[] = {CLATTN_FORWARD, CLATTN_BACKWARD_DQ, CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV,
                                      CLATTN_FORWARD | CLATTN_BACKWARD};
    struct worker *w = argument;

    for (int round = 0; round < ROUNDS && w->status == CLATTN_SUCCESS; round++) {
        clattn_plan *some = NULL;
        clattn_plan *all = NULL;

        w->status = clattn_plan_create(w->context, &w->scene.problem, passes[(w->number + round) % 4], &some);
        if (w->status == CLATTN_SUCCESS) {
            w->status = clattn_plan_create(w->context, &w->scene.problem, passes[3], &all);
        }
        clattn_plan_destroy(some);
        if (w->status == CLATTN_SUCCESS) {
            w->status = scene_run(&w->scene, all, w->queue);
        }
        clattn_plan_destroy(all);
    }
    return NULL;
}

/* Makes calls that fail, and checks that the message is that of the own thread. */
static void *fail_calls(void *argument)
{
    static const char *const names[THREADS] = {"device 0 of 0", "device one", "another device", "the last device"};
    struct worker *w = argument;

    for (int round = 0; round < 100 * ROUNDS && w->status == CLATTN_SUCCESS; round++) {
        cl_device_id device;

        if (clattn_find_device(names[w->number], &device) != CLATTN_NO_DEVICE ||
            strstr(clattn_last_error(), names[w->number]) == NULL) {
            w->status = CLATTN_INVALID_ARGUMENT;
        }
    }
    return NULL;
}

/* Runs `work` in all threads at once. `used`: the scenes must then have the results of a single
 * thread. */
static void run_threads(const struct fixture *f, clattn_context *context, void *(*work)(void *), int used)
{
    static struct worker workers[THREADS];

    for (int n = 0; n < THREADS; n++) {
        workers[n] = (struct worker){.f = f, .context = context, .number = n};
        scene_open(&workers[n].scene, &f->device, &f->scene.problem, 1);
        workers[n].queue = device_queue(&f->device, 0);
    }
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(pthread_create(&workers[n].thread, NULL, work, &workers[n]), 0);
    }
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(pthread_join(workers[n].thread, NULL), 0);
    }
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(workers[n].status, CLATTN_SUCCESS);
        if (used) {
            assert_expected(f, &workers[n].scene);
        }
        assert_cl(clReleaseCommandQueue(workers[n].queue));
        scene_close(&workers[n].scene);
    }
}

static void test_threads_on_one_plan(void **state)
{
    const struct fixture *f = *state;

    run_threads(f, f->device.context, use_plan, 1);
}

static void test_threads_that_plan(void **state)
{
    const struct fixture *f = *state;
    const clattn_options options = device_options();
    clattn_context *context;

    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    run_threads(f, context, make_plans, 1);
    clattn_context_destroy(context);
}

static void test_threads_that_fail(void **state)
{
    const struct fixture *f = *state;

    run_threads(f, f->device.context, fail_calls, 0);
}

/* ---- events ---- */

static cl_event user_event(const struct fixture *f)
{
    cl_int error;
    cl_event event = clCreateUserEvent(f->device.cl, &error);

    assert_cl(error);
    return event;
}

static cl_int status_of(cl_event event)
{
    cl_int status;

    assert_cl(clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL));
    return status;
}

static void pause_a_little(void)
{
    const struct timespec time = {0, PAUSE_MS * 1000000L};

    nanosleep(&time, NULL);
}

/* Makes an out-of-order queue, or skips the test. */
static cl_command_queue out_of_order(const struct fixture *f)
{
    cl_int error;
    cl_command_queue queue =
        clCreateCommandQueue(f->device.cl, f->device.id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &error);

    if (error == CL_INVALID_QUEUE_PROPERTIES) {
        print_message("skipped: the device has no out-of-order queues\n");
        skip();
    }
    assert_cl(error);
    return queue;
}

/* Enqueues forward after two gates (user events), and backward after forward. Nothing starts before
 * the second gate opens, and backward's event ends last. */
static void run_gated(const struct fixture *f, const clattn_plan *plan, cl_command_queue queue)
{
    const cl_event gates[2] = {user_event(f), user_event(f)};
    struct scene scene;
    cl_event forward = NULL;
    cl_event backward = NULL;

    scene_open(&scene, &f->device, &f->scene.problem, 1);
    assert_success(clattn_enqueue_forward(plan, queue, &scene.tensors, NULL, 2, gates, &forward));
    assert_success(clattn_enqueue_backward(plan, queue, &scene.tensors, scene.workspace, 1, &forward, &backward));
    assert_cl(clFlush(queue));
    for (int n = 0; n < 2; n++) {
        pause_a_little();
        assert_int_not_equal(status_of(forward), CL_COMPLETE);
        assert_int_not_equal(status_of(backward), CL_COMPLETE);
        assert_true(scene_is_untouched(&scene)); /* read through another queue */
        assert_cl(clSetUserEventStatus(gates[n], CL_COMPLETE));
    }
    assert_cl(clWaitForEvents(1, &backward));
    assert_int_equal(status_of(forward), CL_COMPLETE);
    assert_int_equal(status_of(backward), CL_COMPLETE);
    assert_expected(f, &scene); /* without a clFinish of the queue */
    assert_cl(clReleaseEvent(forward));
    assert_cl(clReleaseEvent(backward));
    assert_cl(clReleaseEvent(gates[0]));
    assert_cl(clReleaseEvent(gates[1]));
    assert_cl(clFinish(queue));
    scene_close(&scene);
}

static void test_in_order(void **state)
{
    const struct fixture *f = *state;
    cl_command_queue queue = device_queue(&f->device, 0);

    run_gated(f, f->plan, queue);
    assert_cl(clReleaseCommandQueue(queue));
}

static void test_out_of_order(void **state)
{
    const struct fixture *f = *state;
    cl_command_queue queue = out_of_order(f);

    run_gated(f, f->plan, queue);
    assert_cl(clReleaseCommandQueue(queue));
}

/* The same with one launch per work-group: the event must be that of all launches. */
static void test_split_launches(void **state)
{
    const struct fixture *f = *state;
    clattn_options options = device_options();
    cl_command_queue queue = out_of_order(f);
    clattn_context *context;
    clattn_plan *plan;

    options.max_launch_flops = 1;
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    assert_success(clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD | CLATTN_BACKWARD, &plan));
    assert_non_null(strstr(clattn_plan_describe(plan), "at most 1 a launch"));
    run_gated(f, plan, queue);
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
    assert_cl(clReleaseCommandQueue(queue));
}

/* A single gradient may have no delta kernel before it, or no kernel after it; it must still
 * wait. */
static void test_gradients_wait(void **state)
{
    static const unsigned gradients[] = {CLATTN_BACKWARD_DQ, CLATTN_BACKWARD_DK, CLATTN_BACKWARD_DV};
    const struct fixture *f = *state;
    cl_command_queue queue = out_of_order(f);
    struct scene scene;

    scene_open(&scene, &f->device, &f->scene.problem, 1);
    for (size_t n = 0; n < COUNT_OF(gradients); n++) {
        const cl_event gate = user_event(f);
        clattn_plan *plan;
        cl_event event;

        assert_success(clattn_plan_create(f->device.context, &scene.problem, gradients[n], &plan));
        assert_success(clattn_enqueue_backward(plan, queue, &scene.tensors, scene.workspace, 1, &gate, &event));
        assert_cl(clFlush(queue));
        pause_a_little();
        assert_int_not_equal(status_of(event), CL_COMPLETE);
        assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
        assert_cl(clWaitForEvents(1, &event));
        assert_cl(clReleaseEvent(event));
        assert_cl(clReleaseEvent(gate));
        clattn_plan_destroy(plan);
    }
    scene_close(&scene);
    assert_cl(clReleaseCommandQueue(queue));
}

/* ---- ends ---- */

/* Plan, context and the caller's references to buffers may be released while commands wait. */
static void test_destroyed_while_pending(void **state)
{
    const struct fixture *f = *state;
    const clattn_options options = device_options();
    const cl_event gate = user_event(f);
    struct scene scene;
    clattn_context *context;
    clattn_plan *plan;
    cl_event forward;

    scene_open(&scene, &f->device, &f->scene.problem, 1);
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    assert_success(clattn_plan_create(context, &scene.problem, CLATTN_FORWARD | CLATTN_BACKWARD, &plan));
    assert_success(clattn_enqueue_forward(plan, f->device.queue, &scene.tensors, NULL, 1, &gate, &forward));
    assert_success(clattn_enqueue_backward(plan, f->device.queue, &scene.tensors, scene.workspace, 1, &forward, NULL));
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
    assert_cl(clFlush(f->device.queue));
    assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
    assert_cl(clFinish(f->device.queue));
    assert_expected(f, &scene);
    assert_cl(clReleaseEvent(forward));
    assert_cl(clReleaseEvent(gate));
    scene_close(&scene);
}

/* A released context lives on in its plans. */
static void test_context_destroyed_first(void **state)
{
    const struct fixture *f = *state;
    const clattn_options options = device_options();
    struct scene scene;
    clattn_context *context;
    clattn_plan *plans[2];

    scene_open(&scene, &f->device, &f->scene.problem, 1);
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    for (int n = 0; n < 2; n++) {
        assert_success(clattn_plan_create(context, &scene.problem, CLATTN_FORWARD | CLATTN_BACKWARD, &plans[n]));
    }
    clattn_context_destroy(context);
    clattn_plan_destroy(plans[0]);
    assert_success(scene_run(&scene, plans[1], f->device.queue));
    assert_expected(f, &scene);
    assert_non_null(strstr(clattn_plan_describe(plans[1]), "backward_"));
    clattn_plan_destroy(plans[1]);
    scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_on_one_plan),
        cmocka_unit_test(test_threads_that_plan),
        cmocka_unit_test(test_threads_that_fail),
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_split_launches),
        cmocka_unit_test(test_gradients_wait),
        cmocka_unit_test(test_destroyed_while_pending),
        cmocka_unit_test(test_context_destroyed_first),
    };

    return cmocka_run_group_tests_name("queue", tests, setup, teardown);
}
