/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the layer that must be refused, with the exact status, a message that names the tensor,
 * and nothing written. Tensors that share bytes are in test_layer_sharing.c. */
#include "layer_refusal.h"

/* ---- one thing wrong with one tensor ---- */

static void check_tensor(const struct layer_refusal *f, const struct layer_scene *scene, int backward,
                         enum layer_slot slot, cl_mem stranger)
{
    const char *name = layer_slot_name(slot);
    struct layer_call call = layer_call(scene, backward);

    layer_put(&call.tensors, slot, NULL, 0);
    if (layer_optional(backward, slot)) {
        assert_layer_accepted(f, &call, name);
    } else {
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, name, "", 1);
    }
    layer_put(&call.tensors, slot, scene->mem[slot], 1);
    assert_layer_refused(f, &call, CLATTN_BUFFER_TOO_SMALL, name, "", 1);
    layer_put(&call.tensors, slot, scene->mem[slot], SIZE_MAX);
    assert_layer_refused(f, &call, CLATTN_BUFFER_TOO_SMALL, name, "", 0);
    layer_put(&call.tensors, slot, scene->mem[slot], SIZE_MAX / 4 + 1); /* 0 in bytes */
    assert_layer_refused(f, &call, CLATTN_BUFFER_TOO_SMALL, name, "", 0);
    layer_put(&call.tensors, slot, stranger, 0);
    assert_layer_refused(f, &call, CLATTN_WRONG_CONTEXT, name, "", 1);
}

static cl_context another_context(const struct layer_refusal *f)
{
    cl_int error;
    cl_context other = clCreateContext(NULL, 1, &f->device.id, NULL, NULL, &error);

    assert_cl(error);
    return other;
}

static void test_each_tensor(void **state)
{
    const struct layer_refusal *f = *state;
    const struct layer_scene *const scenes[2] = {&f->scene, &f->self};
    cl_context other = another_context(f);
    cl_mem stranger = device_buffer(other, LAYER_ROOM_BYTES, NULL);

    for (int backward = 0; backward < 2; backward++) {
        for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
            for (int n = 0; n < 2 && layer_uses(backward, slot); n++) {
                if (scenes[n]->mem[slot] != NULL) {
                    check_tensor(f, scenes[n], backward, slot, stranger);
                }
            }
        }
    }
    assert_cl(clReleaseMemObject(stranger));
    assert_cl(clReleaseContext(other));
}

/* ---- the rest of a call ---- */

static void test_arguments(void **state)
{
    const struct layer_refusal *f = *state;

    for (int backward = 0; backward < 2; backward++) {
        const struct layer_call good = layer_call(&f->scene, backward);
        struct layer_call call = good;
        cl_event event = NULL;

        call.plan = NULL;
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "plan is NULL", "", 1);
        call = good;
        call.queue = NULL;
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "queue is NULL", "", 1);
        assert_status((backward ? clattn_layer_enqueue_backward : clattn_layer_enqueue_forward)(
                          good.plan, good.queue, NULL, good.workspace, 0, NULL, &event),
                      CLATTN_INVALID_ARGUMENT, "tensors is NULL");
        call = good;
        call.tensors.struct_size = offsetof(clattn_layer_tensors, alibi) - 8;
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "struct_size", "", 1);
        call = good;
        call.wait_count = 1;
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "wait", "", 1);
        call.wait_list = &event; /* a NULL event */
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "wait", "", 1);
        call.wait_count = 0;
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "wait", "", 1);
    }
}

static void test_accumulate(void **state)
{
    static const int values[] = {2, -1};
    const struct layer_refusal *f = *state;

    for (size_t n = 0; n < COUNT_OF(values); n++) {
        struct layer_call call = layer_call(&f->scene, 1);

        call.tensors.accumulate = values[n];
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "accumulate", "", 1);
    }
}

static void test_no_gradient(void **state)
{
    const struct layer_refusal *f = *state;
    struct layer_call call = layer_call(&f->scene, 1);

    for (enum layer_slot slot = LAYER_DX; slot < LAYER_SLOTS; slot++) {
        layer_put(&call.tensors, slot, NULL, 0);
    }
    assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "gradient", "", 1);
}

/* For a layer without a context, passing a context or requesting its gradient is an error. */
static void test_no_context(void **state)
{
    const struct layer_refusal *f = *state;
    struct layer_call call = layer_call(&f->self, 1);

    layer_put(&call.tensors, LAYER_DCONTEXT, f->room, 0);
    assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "dcontext", "", 1);
    for (int backward = 0; backward < 2; backward++) {
        call = layer_call(&f->self, backward);
        layer_put(&call.tensors, LAYER_CONTEXT, f->room, 0);
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "context", "", 1);
    }
}

static void test_not_planned(void **state)
{
    const struct layer_refusal *f = *state;

    for (int backward = 0; backward < 2; backward++) {
        struct layer_call call = layer_call(&f->scene, backward);
        clattn_layer_plan *plan;

        assert_success(clattn_layer_plan_create(f->device.context, &f->scene.c.layer,
                                                backward ? CLATTN_FORWARD : CLATTN_BACKWARD, &plan));
        call.plan = plan;
        assert_layer_refused(f, &call, CLATTN_NOT_PLANNED, "", "", 1);
        clattn_layer_plan_destroy(plan);
    }
}

static void test_queue_of_another_context(void **state)
{
    const struct layer_refusal *f = *state;
    cl_context other = another_context(f);
    cl_int error;
    cl_command_queue queue = clCreateCommandQueue(other, f->device.id, 0, &error);

    assert_cl(error);
    for (int backward = 0; backward < 2; backward++) {
        struct layer_call call = layer_call(&f->scene, backward);

        call.queue = queue;
        assert_layer_refused(f, &call, CLATTN_WRONG_CONTEXT, "queue", "", 1);
    }
    assert_cl(clReleaseCommandQueue(queue));
    assert_cl(clReleaseContext(other));
}

static void test_workspace(void **state)
{
    const struct layer_refusal *f = *state;
    cl_context other = another_context(f);
    cl_mem stranger = device_buffer(other, LAYER_ROOM_BYTES, NULL);

    for (int backward = 0; backward < 2; backward++) {
        struct layer_call call = layer_call(&f->scene, backward);
        cl_mem small;

        assert_in_range(f->scene.workspace_bytes[backward], 5, LAYER_ROOM_BYTES); /* for `saved` */
        small = device_buffer(f->device.cl, f->scene.workspace_bytes[backward] - 1, NULL);
        call.workspace = NULL;
        assert_layer_refused(f, &call, CLATTN_INVALID_ARGUMENT, "workspace", "", 1);
        call.workspace = small;
        assert_layer_refused(f, &call, CLATTN_BUFFER_TOO_SMALL, "workspace", "", 1);
        call.workspace = stranger;
        assert_layer_refused(f, &call, CLATTN_WRONG_CONTEXT, "workspace", "", 1);
        assert_cl(clReleaseMemObject(small));
    }
    assert_cl(clReleaseMemObject(stranger));
    assert_cl(clReleaseContext(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_tensor), cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_accumulate),  cmocka_unit_test(test_no_gradient),
        cmocka_unit_test(test_no_context),  cmocka_unit_test(test_not_planned),
        cmocka_unit_test(test_workspace),   cmocka_unit_test(test_queue_of_another_context),
    };

    return cmocka_run_group_tests_name("layer_tensors", tests, layer_refusal_setup, layer_refusal_teardown);
}
