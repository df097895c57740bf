/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors in shared virtual memory: the same bits as with buffers, at any offset; refused calls;
 * the message on a device without such memory. */
#undef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 200
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "layer_scene.h"
#include "refusal.h"

#include <stdlib.h>
#include <string.h>

enum { BEFORE = 64 }; /* bytes before a tensor, skipped by its offset */

static int has_svm(const struct device *device)
{
    cl_device_svm_capabilities can = 0;

    return clGetDeviceInfo(device->id, CL_DEVICE_SVM_CAPABILITIES, sizeof can, &can, NULL) == CL_SUCCESS &&
           (can & CL_DEVICE_SVM_COARSE_GRAIN_BUFFER) != 0;
}

static void *allocate(const struct device *device, size_t bytes)
{
    void *memory = clSVMAlloc(device->cl, CL_MEM_READ_WRITE, bytes, 0);

    assert_non_null(memory);
    return memory;
}

static void copy(const struct device *device, void *svm, void *host, size_t bytes, int to_device)
{
    assert_cl(clEnqueueSVMMap(device->queue, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, svm, bytes, 0, NULL, NULL));
    memcpy(to_device ? svm : host, to_device ? host : svm, bytes);
    assert_cl(clEnqueueSVMUnmap(device->queue, svm, 0, NULL, NULL));
    assert_cl(clFinish(device->queue));
}

/* Copies the tensor's buffer to SVM, BEFORE bytes after the allocation's start. */
static void move_to_svm(const struct scene *scene, enum scene_tensor i, clattn_tensor *tensor)
{
    const size_t bytes = scene_bytes(scene, i);
    unsigned char *content = malloc(BEFORE + bytes);

    assert_non_null(content);
    memset(content, 0xa5, BEFORE);
    device_read(scene->device->queue, scene->mem[i], bytes, content + BEFORE);
    *tensor =
        (clattn_tensor){.offset = BEFORE / scene_element(scene, i), .svm = allocate(scene->device, BEFORE + bytes)};
    copy(scene->device, tensor->svm, content, BEFORE + bytes, 1);
    free(content);
}

/* Runs with the tensors of the bits of `moved` in SVM, the others in buffers. */
static void check_moved(const struct refusal *r, unsigned moved)
{
    const struct scene *scene = &r->scene;
    unsigned char *expected, *found = malloc(scene_result_bytes(scene));
    size_t at = 0;
    struct scene other = *scene;

    assert_non_null(found);
    scene_reset(scene);
    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        if (moved >> i & 1) {
            move_to_svm(scene, i, scene_tensor(&other.tensors, i));
        }
    }
    assert_success(scene_run(&other, r->plan, r->device.queue));
    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        const size_t bytes = scene_bytes(scene, i);
        unsigned char *content = malloc(BEFORE + bytes);

        assert_non_null(content);
        if (moved >> i & 1) {
            copy(&r->device, scene_tensor(&other.tensors, i)->svm, content, BEFORE + bytes, 0);
            assert_int_equal(content[BEFORE - 1], 0xa5);
            clSVMFree(r->device.cl, scene_tensor(&other.tensors, i)->svm);
        } else {
            device_read(r->device.queue, scene->mem[i], bytes, content + BEFORE);
        }
        if (i == SCENE_OUT || i == SCENE_LSE || i >= SCENE_DQ) {
            memcpy(found + at, content + BEFORE, bytes);
            at += bytes;
        }
        free(content);
    }
    assert_int_equal(at, scene_result_bytes(scene));
    scene_reset(scene);
    assert_success(scene_run(scene, r->plan, r->device.queue));
    expected = scene_result(scene);
    assert_memory_equal(found, expected, at);
    scene_reset(scene);
    free(expected);
    free(found);
}

static void test_same_bits(void **state)
{
    const struct refusal *r = *state;
    const unsigned all = (1u << SCENE_COUNT) - 1;

    if (!has_svm(&r->device)) {
        skip();
    }
    check_moved(r, all);
    check_moved(r, 0x555 & all);
    check_moved(r, 0x2aa & all);
}

/* A layer's tensors go to CLBlast, which needs buffers; only its mask and key lengths may be
 * SVM. */
static void test_layer(void **state)
{
    static const enum layer_slot slots[] = {LAYER_MASK, LAYER_KV_LENGTHS};
    const struct refusal *r = *state;
    struct layer_scene scene;
    unsigned char *expected, *found;
    void *svm[COUNT_OF(slots)];

    if (!has_svm(&r->device) || strstr(clattn_context_describe(r->device.context), "built without CLBlast") != NULL) {
        skip();
    }
    layer_scene_open(&scene, &r->device, NULL, "b2 n7 m9 e24 c40 h4/2 d8 kvlen mask=2,1,7,9", LAYER_APART);
    assert_success(layer_scene_run(&scene, scene.plan, r->device.queue));
    expected = layer_scene_read(&scene);
    layer_scene_reset(&scene);
    for (size_t n = 0; n < COUNT_OF(slots); n++) {
        const size_t bytes = scene.data.bytes[slots[n]];

        svm[n] = allocate(&r->device, bytes);
        copy(&r->device, svm[n], scene.data.slot[slots[n]], bytes, 1);
        *layer_strided(&scene.tensors, slots[n]) = (clattn_tensor){.svm = svm[n]};
    }
    assert_success(layer_scene_run(&scene, scene.plan, r->device.queue));
    found = layer_scene_read(&scene);
    assert_memory_equal(found, expected, scene.image_bytes);
    for (size_t n = 0; n < COUNT_OF(slots); n++) {
        clSVMFree(r->device.cl, svm[n]);
    }
    free(expected);
    free(found);
    layer_scene_close(&scene);
}

static void test_refused(void **state)
{
    const struct refusal *r = *state;
    unsigned char *room;

    if (!has_svm(&r->device)) {
        skip();
    }
    room = allocate(&r->device, 4096);
    for (int backward = 0; backward < 2; backward++) {
        struct refusal_call call = refusal_call(r, backward);
        const enum scene_tensor output = backward ? SCENE_DQ : SCENE_OUT;

        call.tensors.q.svm = room;
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "tensor q has a mem and an svm");
        call.tensors.q = (clattn_tensor){.svm = room + 4};
        assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "no multiple of 16");
        call.tensors.q = (clattn_tensor){.svm = room};
        *scene_tensor(&call.tensors, output) = (clattn_tensor){.svm = room + 16};
        assert_refused(r, &call, CLATTN_OVERLAP, "shares elements with input q");
        *scene_tensor(&call.tensors, output) = (clattn_tensor){.svm = room, .offset = 4};
        assert_refused(r, &call, CLATTN_OVERLAP, "shares elements with input q");
        call.tensors.q.offset = SIZE_MAX / 2;
        assert_refused(r, &call, CLATTN_BUFFER_TOO_SMALL, "exceeds 2^58");
    }
    clSVMFree(r->device.cl, room);
}

static void test_no_svm(void **state)
{
    const struct refusal *r = *state;
    struct refusal_call call = refusal_call(r, 0);

    if (has_svm(&r->device)) {
        skip();
    }
    call.tensors.q = (clattn_tensor){.svm = &call};
    assert_refused(r, &call, CLATTN_INVALID_ARGUMENT, "tensor q is given by svm");
    assert_non_null(strstr(clattn_last_error(), "has no coarse-grained buffer SVM"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_layer),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_svm),
    };

    return cmocka_run_group_tests_name("svm", tests, refusal_setup, refusal_teardown);
}
