/* SPDX-License-Identifier: Apache-2.0 */
/* Calls with tensors that share bytes: outputs with inputs, with each other, with themselves, with
 * the workspace, in one buffer and in sub-buffers. Adjacent tensors share none and must be
 * accepted. test_overlap.c tests that the decision is exact. */
#include "refusal.h"

#include <stdio.h>
#include <string.h>

static size_t elements(const struct refusal *r, enum scene_tensor i)
{
    return scene_bytes(&r->scene, i) / scene_element(&r->scene, i);
}

/* Places the tensor in the room, contiguous, at byte `byte`. */
static void place(const struct refusal *r, struct refusal_call *call, enum scene_tensor i, size_t byte)
{
    *scene_tensor(&call->tensors, i) = (clattn_tensor){.mem = r->room, .offset = byte / scene_element(&r->scene, i)};
}

static void check_neighbours(const struct refusal *r, int backward, enum scene_tensor output, enum scene_tensor other)
{
    const size_t unit = scene_element(&r->scene, output);
    const size_t length = scene_bytes(&r->scene, output);
    const size_t other_length = scene_bytes(&r->scene, other);
    const struct {
        size_t output, other; /* bytes */
        int shares;
    } places[] = {
        {0, length, 0},
        {0, length - scene_element(&r->scene, other), 1},
        {0, 0, 1},
        {1024, 1024 + 4, 1},
        {other_length / unit * unit, 0, other_length % unit != 0},
        {(other_length + unit - 1) / unit * unit, 0, 0},
        {(other_length - 1) / unit * unit, 0, 1},
    };

    for (size_t n = 0; n < COUNT_OF(places); n++) {
        struct refusal_call call = refusal_call(r, backward);

        place(r, &call, output, places[n].output);
        place(r, &call, other, places[n].other);
        if (places[n].shares) {
            assert_refused(r, &call, CLATTN_OVERLAP, scene_name(output));
            assert_non_null(strstr(clattn_last_error(), scene_name(other)));
        } else {
            assert_accepted(r, &call);
        }
    }
}

static void test_pairs(void **state)
{
    const struct refusal *r = *state;

    for (int backward = 0; backward < 2; backward++) {
        for (enum scene_tensor output = SCENE_Q; output < SCENE_COUNT; output++) {
            for (enum scene_tensor other = SCENE_Q; other < SCENE_COUNT; other++) {
                if (refusal_uses(backward, other) && refusal_writes(backward, output) && output != other) {
                    check_neighbours(r, backward, output, other);
                }
            }
        }
    }
}

/* Inputs may share bytes. */
static void test_inputs_share(void **state)
{
    const struct refusal *r = *state;

    for (int backward = 0; backward < 2; backward++) {
        struct refusal_call call = refusal_call(r, backward);

        for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
            if (refusal_uses(backward, i) && !refusal_writes(backward, i) && i != SCENE_KV_LENGTHS) {
                place(r, &call, i, 0);
            }
        }
        assert_accepted(r, &call);
    }
}

/* Strides of an output (B,H,rows,depth) with which two elements share bytes, and some with which
 * none do. */
static void test_itself(void **state)
{
    const struct refusal *r = *state;

    for (int backward = 0; backward < 2; backward++) {
        for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
            const size_t *dim = r->scene.dim[i];
            const size_t h = dim[1];
            const size_t rows = dim[2];
            const size_t depth = dim[3];
            const struct {
                size_t stride[3];
                int shares;
            } views[] = {
                {{0, rows * depth, depth}, 1},
                {{h * rows * depth, 0, depth}, h > 1},
                {{h * rows * depth, rows * depth, 0}, 1},
                {{h * rows * depth - 1, rows * depth, depth}, 1},
                {{h * rows * depth, rows * depth - 1, depth}, h > 1},
                {{h * rows * depth, rows * depth, depth - 1}, 1},
                {{depth, depth, 2 * depth}, h > 1},           /* (b,h) and (h,b) */
                {{h * rows * depth, depth, h * depth}, 0},    /* (B,N,H,D) */
                {{depth, 2 * depth, 2 * h * depth}, 0},       /* (N,H,B,D) */
                {{rows * depth, 2 * rows * depth, depth}, 0}, /* (H,B,N,D) */
            };

            for (size_t n = 0; refusal_writes(backward, i) && n < COUNT_OF(views); n++) {
                struct refusal_call call = refusal_call(r, backward);

                place(r, &call, i, 0);
                memcpy(scene_tensor(&call.tensors, i)->stride, views[n].stride, sizeof views[n].stride);
                if (views[n].shares) {
                    assert_refused(r, &call, CLATTN_OVERLAP, scene_name(i));
                } else {
                    assert_accepted(r, &call);
                }
            }
        }
    }
}

/* Packs all tensors of the pass in one buffer: (B, rows, all heads of all tensors). Moves tensor
 * `moved` by `by` elements. */
static struct refusal_call packed(const struct refusal *r, int backward, enum scene_tensor moved, int by)
{
    struct refusal_call call = refusal_call(r, backward);
    size_t width = 0;

    for (int round = 0; round < 2; round++) { /* the first round computes the width */
        const size_t row = width;
        size_t at = 0; /* bytes, like width */

        for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
            const size_t *dim = r->scene.dim[i];
            const size_t size = scene_element(&r->scene, i);

            if (i == SCENE_MASK || i == SCENE_KV_LENGTHS || !refusal_uses(backward, i)) {
                continue;
            }
            *scene_tensor(&call.tensors, i) =
                (clattn_tensor){.mem = r->room, .offset = at / size, .stride = {9 * row / size, dim[3], row / size}};
            scene_tensor(&call.tensors, i)->offset += i == moved ? (size_t)by : 0;
            at += dim[1] * dim[3] * size;
        }
        width = at;
    }
    return call;
}

static void test_packed(void **state)
{
    const struct refusal *r = *state;

    for (int backward = 0; backward < 2; backward++) {
        struct refusal_call call = packed(r, backward, SCENE_Q, 0);

        assert_accepted(r, &call);
        for (enum scene_tensor i = SCENE_K; i < SCENE_COUNT; i++) {
            for (int by = -1; refusal_writes(backward, i) && by < 2; by += 2) {
                call = packed(r, backward, i, by);
                assert_refused(r, &call, CLATTN_OVERLAP, scene_name(i));
            }
        }
    }
}

static cl_mem sub_buffer(const struct refusal *r, size_t origin, size_t size)
{
    const cl_buffer_region region = {origin, size};
    cl_int error;
    cl_mem part =
        clCreateSubBuffer(r->room, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, (const void *)&region, &error);

    assert_cl(error);
    return part;
}

/* Two sub-buffers of the room, and the room itself. */
static void test_sub_buffers(void **state)
{
    const struct refusal *r = *state;
    const size_t bytes = ROOM_BYTES / 4; /* a multiple of every device's alignment */
    const size_t unit = bytes / scene_element(&r->scene, SCENE_Q);
    struct refusal_call call = refusal_call(r, 0);
    cl_mem first = sub_buffer(r, 0, 2 * bytes);
    cl_mem second = sub_buffer(r, bytes, 2 * bytes);

    call.tensors.q = (clattn_tensor){.mem = first};
    call.tensors.out = (clattn_tensor){.mem = second};
    assert_accepted(r, &call);
    call.tensors.q.offset = unit;
    assert_refused(r, &call, CLATTN_OVERLAP, "out");
    call.tensors.q.offset = unit - elements(r, SCENE_Q);
    assert_accepted(r, &call);
    call.tensors.q.offset++;
    assert_refused(r, &call, CLATTN_OVERLAP, "out");
    call.tensors.q = (clattn_tensor){.mem = r->room, .offset = unit};
    assert_refused(r, &call, CLATTN_OVERLAP, "out");
    call.tensors.q.offset = unit + elements(r, SCENE_OUT);
    assert_accepted(r, &call);
    call.tensors.q.mem = first;
    call.tensors.q.offset = 2 * unit - elements(r, SCENE_Q) + 1;
    assert_refused(r, &call, CLATTN_BUFFER_TOO_SMALL, "q reaches"); /* inside the room, but outside its sub-buffer */
    assert_cl(clReleaseMemObject(first));
    assert_cl(clReleaseMemObject(second));
}

static void test_workspace(void **state)
{
    static const enum scene_tensor shared[] = {SCENE_Q, SCENE_OUT, SCENE_LSE, SCENE_DQ, SCENE_DK, SCENE_DV};
    const struct refusal *r = *state;
    struct refusal_call call;
    cl_mem part = sub_buffer(r, ROOM_BYTES / 4, ROOM_BYTES / 2);

    for (size_t n = 0; n < COUNT_OF(shared); n++) {
        call = refusal_call(r, 1);
        call.workspace = part;
        place(r, &call, shared[n], ROOM_BYTES / 4);
        assert_refused(r, &call, CLATTN_OVERLAP, "workspace");
        assert_non_null(strstr(clattn_last_error(), scene_name(shared[n])));
    }
    call = refusal_call(r, 1);
    call.workspace = part;
    place(r, &call, SCENE_DQ, ROOM_BYTES / 4 + r->scene.workspace_bytes);
    assert_accepted(r, &call);
    place(r, &call, SCENE_DQ, ROOM_BYTES / 4 + r->scene.workspace_bytes - scene_element(&r->scene, SCENE_DQ));
    assert_refused(r, &call, CLATTN_OVERLAP, "workspace");
    assert_cl(clReleaseMemObject(part));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),  cmocka_unit_test(test_inputs_share), cmocka_unit_test(test_itself),
        cmocka_unit_test(test_packed), cmocka_unit_test(test_sub_buffers),  cmocka_unit_test(test_workspace),
    };

    return cmocka_run_group_tests_name("sharing", tests, refusal_setup, refusal_teardown) +
           cmocka_run_group_tests_name("sharing in float16", tests, refusal_setup_float16, refusal_teardown);
}
