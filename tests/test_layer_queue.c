/* SPDX-License-Identifier: Apache-2.0 */
/* The layer with events, out-of-order queues, threads that share a plan, and objects released while
 * commands are pending. */
#include "layer_scene.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE "b2 n7 m9 e24 c40 h4/2 d8 accumulate"

enum { THREADS = 3, ROUNDS = 4, PAUSE_MS = 50 };

struct fixture {
    struct device device;
    struct layer_scene scene; /* all threads use its plan */
    unsigned char *expected;  /* the image after both passes */
};

static int setup(void **state)
{
    static struct fixture f;
    struct layer_truth truth;

    device_open(&f.device);
    layer_scene_open(&f.scene, &f.device, NULL, LINE, LAYER_ROOM);
    layer_scene_truth(&f.scene, &truth);
    assert_success(layer_scene_run(&f.scene, f.scene.plan, f.device.queue));
    f.expected = layer_scene_read(&f.scene);
    layer_scene_compare(&f.scene, &truth, f.expected, layer_scene_writes(&f.scene));
    layer_truth_free(&truth);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->expected);
    layer_scene_close(&f->scene);
    device_close(&f->device);
    return 0;
}

static void assert_expected(const struct fixture *f, const struct layer_scene *scene)
{
    unsigned char *found = layer_scene_read(scene);

    assert_memory_equal(found, f->expected, f->scene.image_bytes);
    free(found);
}

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

/* Enqueues forward after two gates (user events), and backward after forward. Neither call waits,
 * nothing starts before the second gate opens, and backward's event ends last. */
static void run_gated(const struct fixture *f, cl_command_queue queue)
{
    const cl_event gates[2] = {user_event(f), user_event(f)};
    struct layer_scene scene;
    cl_event forward = NULL;
    cl_event backward = NULL;

    layer_scene_open(&scene, &f->device, NULL, LINE, LAYER_ROOM);
    assert_success(
        clattn_layer_enqueue_forward(f->scene.plan, queue, &scene.tensors, scene.workspace[0], 2, gates, &forward));
    assert_success(clattn_layer_enqueue_backward(f->scene.plan, queue, &scene.tensors, scene.workspace[1], 1, &forward,
                                                 &backward));
    assert_cl(clFlush(queue));
    for (int n = 0; n < 2; n++) {
        pause_a_little();
        assert_int_not_equal(status_of(forward), CL_COMPLETE);
        assert_int_not_equal(status_of(backward), CL_COMPLETE);
        assert_true(layer_scene_is_untouched(&scene)); /* read through another queue */
        assert_cl(clSetUserEventStatus(gates[n], CL_COMPLETE));
    }
    assert_cl(clWaitForEvents(1, &backward));
    assert_int_equal(status_of(forward), CL_COMPLETE);
    assert_expected(f, &scene); /* without a clFinish of the queue */
    assert_cl(clReleaseEvent(forward));
    assert_cl(clReleaseEvent(backward));
    assert_cl(clReleaseEvent(gates[0]));
    assert_cl(clReleaseEvent(gates[1]));
    assert_cl(clFinish(queue));
    layer_scene_close(&scene);
}

static void test_in_order(void **state)
{
    const struct fixture *f = *state;
    cl_command_queue queue = device_queue(&f->device, 0);

    run_gated(f, queue);
    assert_cl(clReleaseCommandQueue(queue));
}

static void test_out_of_order(void **state)
{
    const struct fixture *f = *state;
    cl_command_queue queue = out_of_order(f);

    for (int round = 0; round < ROUNDS; round++) {
        run_gated(f, queue);
    }
    assert_cl(clReleaseCommandQueue(queue));
}

/* Each single gradient starts and ends with different kernels, which must still wait for the wait
 * list and signal the event. */
static void test_gradients_wait(void **state)
{
    const struct fixture *f = *state;
    cl_command_queue queue = out_of_order(f);

    for (enum layer_slot slot = LAYER_DX; slot < LAYER_SLOTS; slot++) {
        const cl_event gate = user_event(f);
        const size_t at = f->scene.at[slot];
        clattn_layer_tensors tensors = f->scene.tensors;
        unsigned char *found;
        cl_event event;

        layer_scene_reset(&f->scene);
        assert_success(clattn_layer_enqueue_forward(f->scene.plan, f->device.queue, &tensors, f->scene.workspace[0], 0,
                                                    NULL, NULL));
        assert_cl(clFinish(f->device.queue));
        for (enum layer_slot other = LAYER_DX; other < LAYER_SLOTS; other++) {
            layer_block(&tensors, other)->mem = other == slot ? f->scene.room : NULL;
        }
        assert_success(
            clattn_layer_enqueue_backward(f->scene.plan, queue, &tensors, f->scene.workspace[1], 1, &gate, &event));
        assert_cl(clFlush(queue));
        pause_a_little();
        assert_int_not_equal(status_of(event), CL_COMPLETE);
        found = layer_scene_read(&f->scene);
        assert_memory_equal(found + at, f->scene.image + at, f->scene.data.bytes[slot]);
        free(found);
        assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
        assert_cl(clWaitForEvents(1, &event));
        found = layer_scene_read(&f->scene);
        assert_memory_equal(found + at, f->expected + at, f->scene.data.bytes[slot]);
        free(found);
        assert_cl(clReleaseEvent(event));
        assert_cl(clReleaseEvent(gate));
    }
    assert_cl(clReleaseCommandQueue(queue));
}

/* ---- threads ---- */

struct worker {
    pthread_t thread;
    const struct fixture *f;
    struct layer_scene scene;
    cl_command_queue queue;
    clattn_status status;
};

static void *use_plan(void *argument)
{
    struct worker *w = argument;

    for (int round = 0; round < ROUNDS && w->status == CLATTN_SUCCESS; round++) {
        clattn_layer_tensors *t = &w->scene.tensors;

        t->accumulate = round == 0; /* only the first round adds to the initial contents */
        w->status = layer_scene_run(&w->scene, w->f->scene.plan, w->queue);
    }
    return NULL;
}

/* The last round overwrites: the image must be that of a single round. */
static void test_threads(void **state)
{
    static struct worker workers[THREADS];
    const struct fixture *f = *state;
    clattn_layer_tensors tensors = f->scene.tensors;
    unsigned char *expected;

    tensors.accumulate = 0;
    layer_scene_reset(&f->scene);
    assert_success(
        clattn_layer_enqueue_forward(f->scene.plan, f->device.queue, &tensors, f->scene.workspace[0], 0, NULL, NULL));
    assert_success(
        clattn_layer_enqueue_backward(f->scene.plan, f->device.queue, &tensors, f->scene.workspace[1], 0, NULL, NULL));
    expected = layer_scene_read(&f->scene);
    for (int n = 0; n < THREADS; n++) {
        workers[n] = (struct worker){.f = f};
        layer_scene_open(&workers[n].scene, &f->device, NULL, LINE, LAYER_ROOM);
        workers[n].queue = device_queue(&f->device, 0);
    }
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(pthread_create(&workers[n].thread, NULL, use_plan, &workers[n]), 0);
    }
    for (int n = 0; n < THREADS; n++) {
        assert_int_equal(pthread_join(workers[n].thread, NULL), 0);
    }
    for (int n = 0; n < THREADS; n++) {
        unsigned char *found = layer_scene_read(&workers[n].scene);

        assert_int_equal(workers[n].status, CLATTN_SUCCESS);
        assert_memory_equal(found, expected, f->scene.image_bytes);
        free(found);
        assert_cl(clReleaseCommandQueue(workers[n].queue));
        layer_scene_close(&workers[n].scene);
    }
    free(expected);
}

/* ---- ends ---- */

/* Plan and context may be released while commands wait; a released context lives on in its plan. */
static void test_destroyed_while_pending(void **state)
{
    const struct fixture *f = *state;
    const clattn_options options = device_options();
    const cl_event gate = user_event(f);
    clattn_context *context;
    struct layer_scene scene;
    cl_event event;

    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    layer_scene_open(&scene, &f->device, context, LINE, LAYER_ROOM);
    clattn_context_destroy(context);
    assert_success(
        clattn_layer_enqueue_forward(scene.plan, f->device.queue, &scene.tensors, scene.workspace[0], 1, &gate, NULL));
    assert_success(clattn_layer_enqueue_backward(scene.plan, f->device.queue, &scene.tensors, scene.workspace[1], 0,
                                                 NULL, &event));
    clattn_layer_plan_destroy(scene.plan);
    scene.plan = NULL;
    assert_cl(clSetUserEventStatus(gate, CL_COMPLETE));
    assert_cl(clWaitForEvents(1, &event));
    assert_expected(f, &scene);
    assert_cl(clReleaseEvent(event));
    assert_cl(clReleaseEvent(gate));
    layer_scene_close(&scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_gradients_wait),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_destroyed_while_pending),
    };

    return cmocka_run_group_tests_name("layer_queue", tests, setup, teardown);
}
