/* SPDX-License-Identifier: Apache-2.0 */
/* Bad calls of the enqueue functions: tensors outside their buffers, contexts, wait lists,
 * workspace. Shared bytes are in test_sharing.c. A refused call must enqueue nothing. */
#include "refusal.h"

#include <stdio.h>
#include <string.h>

#define FOR_USED_TENSORS(backward, i)                                                                                  \
    for (int backward = 0; backward < 2; backward++)                                                                   \
        for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++)                                                      \
            if (refusal_uses(backward, i))

/* ---- null and missing ---- */

static void test_null(void **state)
{
    const struct refusal *r = *state;

    for (int backward = 0; backward < 2; backward++) {
        struct refusal_call call = refusal_call(r, backward);
        cl_event event = NULL;

        assert_accepted(r, &call);
        call.plan = NULL;
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "plan is NULL");
        call = refusal_call(r, backward);
        call.queue = NULL;
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "queue is NULL");
        call = refusal_call(r, backward);
        call.tensors.struct_size = offsetof(clattn_tensors, alibi) - 1;
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "tensors.struct_size");
        assert_status((backward ? clattn_enqueue_backward : clattn_enqueue_forward)(r->plan, r->device.queue, NULL,
                                                                                    call.workspace, 0, NULL, &event),
                      CLATTN_INVALID_ARGUMENT, "tensors is NULL");
        assert_null(event);
    }
}

static void test_missing(void **state)
{
    const struct refusal *r = *state;
    struct refusal_call call;
    char part[32];

    FOR_USED_TENSORS(backward, i)
    {
        call = refusal_call(r, backward);
        scene_tensor(&call.tensors, i)->mem = NULL;
        snprintf(part, sizeof part, "tensor %s is missing", scene_name(i));
        if (!backward && i == SCENE_LSE) {
            assert_accepted(r, &call); /* not wanted */
        } else {
            assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, part);
        }
    }
    call = refusal_call(r, 1);
    call.workspace = NULL;
    assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "workspace");
}

/* Tensors that a call does not use may have any contents. */
static void test_unused(void **state)
{
    const struct refusal *r = *state;
    struct refusal_call call = refusal_call(r, 0);

    for (enum scene_tensor i = SCENE_DOUT; i < SCENE_COUNT; i++) {
        *scene_tensor(&call.tensors, i) =
            (clattn_tensor){r->room, SIZE_MAX, {SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX}, r->room};
    }
    assert_accepted(r, &call);
}

/* ---- sizes ---- */

/* Elements from the start of the buffer to past the last element of the tensor. */
static size_t extent(const size_t dim[4], size_t offset, const size_t stride[3])
{
    size_t end = offset + dim[3];

    for (int n = 0; n < 3; n++) {
        end += (dim[n] - 1) * stride[n];
    }
    return end;
}

/* A view that ends with its buffer is legal; in a buffer one byte smaller it is not. */
static void check_exact_size(const struct refusal *r, int backward, enum scene_tensor i, size_t offset,
                             const size_t stride[3])
{
    const size_t *dim = r->scene.dim[i];
    const size_t whole[3] = {dim[1] * dim[2] * dim[3], dim[2] * dim[3], dim[3]};
    const size_t bytes = scene_element(&r->scene, i) * extent(dim, offset, stride[2] > 0 ? stride : whole);
    struct refusal_call call = refusal_call(r, backward);
    clattn_tensor *tensor = scene_tensor(&call.tensors, i);
    char part[32];

    tensor->mem = device_buffer(r->device.cl, bytes, NULL);
    tensor->offset = offset;
    memcpy(tensor->stride, stride, 3 * sizeof *stride);
    assert_accepted(r, &call);
    assert_cl(clReleaseMemObject(tensor->mem));

    tensor->mem = device_buffer(r->device.cl, bytes - 1, NULL);
    snprintf(part, sizeof part, "%s reaches", scene_name(i));
    assert_refused(r, &call, CLATTN_BUFFER_TOO_SMALL, part);
    assert_cl(clReleaseMemObject(tensor->mem));
}

static void test_exact_size(void **state)
{
    const struct refusal *r = *state;

    FOR_USED_TENSORS(backward, i)
    {
        const size_t *dim = r->scene.dim[i];
        const size_t h = dim[1];
        const size_t rows = dim[2];
        const size_t depth = dim[3];
        const size_t views[][4] = {
            {0, 0, 0, 0},                                               /* contiguous */
            {5, 0, 0, 0},                                               /* and not at the start */
            {0, h * rows * depth, depth, h * depth},                    /* (B,N,H,D) */
            {3, depth, 2 * depth, 2 * h * depth},                       /* (N,H,B,D) */
            {1, h * rows * (depth + 3), rows * (depth + 3), depth + 3}, /* gaps between rows */
            {0, h * rows * depth + 1, rows * depth, depth},             /* and between batches */
        };

        for (size_t n = 0; n < COUNT_OF(views); n++) {
            check_exact_size(r, backward, i, views[n][0], views[n] + 1);
        }
    }
}

/* Offsets and strides that overflow 64 bits to a small number of bytes. */
static void test_huge(void **state)
{
    const struct refusal *r = *state;

    FOR_USED_TENSORS(backward, i)
    {
        const size_t *dim = r->scene.dim[i];
        const size_t element = scene_element(&r->scene, i);

        for (int member = -1; member < 3; member++) { /* offset, strides */
            const size_t steps = (member < 0 ? 1 : dim[member] - 1) * element;
            const size_t values[] = {
                SIZE_MAX,       SIZE_MAX / 2 + 1,       SIZE_MAX / 4 + 1,   SIZE_MAX / 8 + 1,
                SIZE_MAX / 128, SIZE_MAX / element - 1, SIZE_MAX / 512 + 1, SIZE_MAX / (steps + !steps)};

            for (size_t n = 0; n < COUNT_OF(values); n++) {
                struct refusal_call call = refusal_call(r, backward);
                clattn_tensor *tensor = scene_tensor(&call.tensors, i);
                const size_t whole[3] = {dim[1] * dim[2] * dim[3], dim[2] * dim[3], dim[3]};

                memcpy(tensor->stride, whole, sizeof whole);
                *(member < 0 ? &tensor->offset : &tensor->stride[member]) = values[n];
                if (steps == 0) {
                    assert_accepted(r, &call); /* the stride of a dimension of one is never used */
                } else {
                    assert_refused(r, &call, CLATTN_BUFFER_TOO_SMALL, scene_name(i));
                }
            }
        }
    }
}

/* The stride of the last dimension: 0 besides other strides means 1; other values are refused,
 * unless the dimension has one element. */
static void test_last_stride(void **state)
{
    const struct refusal *r = *state;

    FOR_USED_TENSORS(backward, i)
    {
        const size_t *dim = r->scene.dim[i];
        struct refusal_call call = refusal_call(r, backward);
        clattn_tensor *tensor = scene_tensor(&call.tensors, i);
        const size_t whole[4] = {dim[1] * dim[2] * dim[3], dim[2] * dim[3], dim[3], 0};
        char part[64];

        memcpy(tensor->stride, whole, sizeof whole);
        assert_accepted(r, &call);
        tensor->stride[3] = 1;
        assert_accepted(r, &call);
        tensor->stride[3] = 2;
        if (dim[3] == 1) {
            assert_accepted(r, &call);
        } else {
            snprintf(part, sizeof part, "stride[3] of %s is 2; engines here need 1", scene_name(i));
            assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, part);
        }
    }
}

static void test_workspace(void **state)
{
    const struct refusal *r = *state;
    struct refusal_call call = refusal_call(r, 1);
    size_t bytes;

    assert_success(clattn_plan_workspace_size(r->plan, CLATTN_BACKWARD, &bytes));
    call.workspace = device_buffer(r->device.cl, bytes, NULL);
    assert_accepted(r, &call);
    assert_cl(clReleaseMemObject(call.workspace));
    call.workspace = device_buffer(r->device.cl, bytes - 1, NULL);
    assert_refused(r, &call, CLATTN_BUFFER_TOO_SMALL, "workspace");
    assert_cl(clReleaseMemObject(call.workspace));
}

/* ---- whose objects ---- */

static void test_another_context(void **state)
{
    const struct refusal *r = *state;
    struct device other = {.id = r->device.id};
    struct refusal_call call;
    cl_mem buffer;
    cl_int error;

    other.cl = clCreateContext(NULL, 1, &other.id, NULL, NULL, &error);
    assert_cl(error);
    buffer = device_buffer(other.cl, ROOM_BYTES, NULL);
    other.queue = device_queue(&other, 0);
    FOR_USED_TENSORS(backward, i)
    {
        call = refusal_call(r, backward);
        scene_tensor(&call.tensors, i)->mem = buffer;
        assert_refused(r, &call, CLATTN_WRONG_CONTEXT, scene_name(i));
    }
    for (int backward = 0; backward < 2; backward++) {
        call = refusal_call(r, backward);
        call.queue = other.queue;
        assert_refused(r, &call, CLATTN_WRONG_CONTEXT, "queue");
    }
    call.queue = r->device.queue;
    call.workspace = buffer;
    assert_refused(r, &call, CLATTN_WRONG_CONTEXT, "workspace");
    assert_cl(clReleaseMemObject(buffer));
    assert_cl(clReleaseCommandQueue(other.queue));
    assert_cl(clReleaseContext(other.cl));
}

/* Whether the context lists its sub-devices: PoCL 3.1 lists their parent device instead. */
static int lists(cl_context cl, cl_device_id part)
{
    cl_device_id devices[2] = {NULL, NULL};

    assert_cl(clGetContextInfo(cl, CL_CONTEXT_DEVICES, sizeof devices, devices, NULL));
    return devices[0] == part || devices[1] == part;
}

/* A context of two sub-devices, with a plan for the first and a queue of the second.
 * test_internals.c tests the same without sub-devices. */
static void test_another_device(void **state)
{
    const cl_device_partition_property split[] = {CL_DEVICE_PARTITION_BY_COUNTS, 1, 1,
                                                  CL_DEVICE_PARTITION_BY_COUNTS_LIST_END, 0};
    const struct refusal *r = *state;
    const clattn_options options = device_options();
    struct device two = {.id = NULL};
    struct refusal_call call = refusal_call(r, 0);
    clattn_plan *plan;
    cl_device_id parts[2];
    cl_int error;

    if (clCreateSubDevices(r->device.id, split, 2, parts, NULL) != CL_SUCCESS) {
        print_message("skipped: the device cannot be split, and there may be no second one\n");
        skip();
    }
    two.id = parts[1];
    two.cl = clCreateContext(NULL, 2, parts, NULL, NULL, &error);
    assert_cl(error);
    two.queue = device_queue(&two, 0);
    if (lists(two.cl, parts[0])) {
        assert_success(clattn_context_create(two.cl, parts[0], &options, &two.context));
        assert_success(clattn_plan_create(two.context, &r->scene.problem, CLATTN_FORWARD, &plan));
        call.plan = plan;
        call.queue = two.queue;
        assert_refused(r, &call, CLATTN_WRONG_CONTEXT, "device");
        clattn_plan_destroy(plan);
    } else {
        print_message("nothing to see: the driver does not list sub-devices in their context\n");
    }
    device_close(&two);
    assert_cl(clReleaseDevice(parts[0]));
    assert_cl(clReleaseDevice(parts[1]));
}

/* ---- passes and events ---- */

static void test_not_planned(void **state)
{
    const struct refusal *r = *state;

    for (int backward = 0; backward < 2; backward++) {
        struct refusal_call call = refusal_call(r, backward);
        clattn_plan *plan;

        assert_success(clattn_plan_create(r->device.context, &r->scene.problem,
                                          backward ? CLATTN_FORWARD : CLATTN_BACKWARD, &plan));
        call.plan = plan;
        assert_refused(r, &call, CLATTN_NOT_PLANNED, backward ? "CLATTN_BACKWARD" : "CLATTN_FORWARD");
        clattn_plan_destroy(plan);
    }
}

static void test_wait_list(void **state)
{
    const struct refusal *r = *state;
    const cl_event none = NULL;

    for (int backward = 0; backward < 2; backward++) {
        struct refusal_call call = refusal_call(r, backward);

        call.wait_count = 1;
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "wait_count is 1");
        call.wait_count = 0;
        call.wait_list = &none;
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "wait_count is 0");
        call.wait_count = 1;
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "wait_list[0] is NULL");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null),           cmocka_unit_test(test_missing),
        cmocka_unit_test(test_unused),         cmocka_unit_test(test_exact_size),
        cmocka_unit_test(test_last_stride),    cmocka_unit_test(test_huge),
        cmocka_unit_test(test_workspace),      cmocka_unit_test(test_another_context),
        cmocka_unit_test(test_another_device), cmocka_unit_test(test_not_planned),
        cmocka_unit_test(test_wait_list),
    };

    const struct CMUnitTest tests_of_sizes[] = {
        cmocka_unit_test(test_missing),
        cmocka_unit_test(test_exact_size),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_workspace),
    };

    return cmocka_run_group_tests_name("tensors", tests, refusal_setup, refusal_teardown) +
           cmocka_run_group_tests_name("tensors in float16", tests_of_sizes, refusal_setup_float16, refusal_teardown);
}
