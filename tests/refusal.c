/* SPDX-License-Identifier: Apache-2.0 */
#include "refusal.h"

#include <stdlib.h>

static int set_up(void **state, clattn_dtype dtype)
{
    static struct refusal r;
    clattn_problem p = scene_problem();

    p.dtype = dtype;
    device_open(&r.device);
    scene_open(&r.scene, &r.device, &p, 1);
    assert_success(clattn_plan_create(r.device.context, &p, CLATTN_FORWARD | CLATTN_BACKWARD, &r.plan));
    r.room = device_buffer(r.device.cl, ROOM_BYTES, NULL);
    *state = &r;
    return 0;
}

int refusal_setup(void **state)
{
    return set_up(state, CLATTN_FLOAT32);
}

int refusal_setup_float16(void **state)
{
    return set_up(state, CLATTN_FLOAT16);
}

int refusal_teardown(void **state)
{
    struct refusal *r = *state;

    assert_cl(clReleaseMemObject(r->room));
    clattn_plan_destroy(r->plan);
    scene_close(&r->scene);
    device_close(&r->device);
    return 0;
}

struct refusal_call refusal_call(const struct refusal *r, int backward)
{
    return (struct refusal_call){.backward = backward,
                                 .plan = r->plan,
                                 .queue = r->device.queue,
                                 .tensors = r->scene.tensors,
                                 .workspace = backward ? r->scene.workspace : NULL};
}

int refusal_uses(int backward, enum scene_tensor tensor)
{
    return backward || tensor <= SCENE_LSE;
}

int refusal_writes(int backward, enum scene_tensor tensor)
{
    return backward ? tensor >= SCENE_DQ : tensor == SCENE_OUT || tensor == SCENE_LSE;
}

static clattn_status make(const struct refusal_call *c, cl_event *event)
{
    clattn_status (*const enqueue)(const clattn_plan *, cl_command_queue, const clattn_tensors *, cl_mem, cl_uint,
                                   const cl_event *, cl_event *) =
        c->backward ? clattn_enqueue_backward : clattn_enqueue_forward;

    return enqueue(c->plan, c->queue, &c->tensors, c->workspace, c->wait_count, c->wait_list, event);
}

static int room_is_untouched(const struct refusal *r)
{
    unsigned char *bytes = malloc(ROOM_BYTES);
    size_t n = 0;

    assert_non_null(bytes);
    device_read(r->device.queue, r->room, ROOM_BYTES, bytes);
    while (n < ROOM_BYTES && bytes[n] == 0xff) {
        n++;
    }
    free(bytes);
    return n == ROOM_BYTES;
}

void assert_refused(const struct refusal *r, const struct refusal_call *call, clattn_status status, const char *part)
{
    const cl_event before = (cl_event)(uintptr_t)0x5a5a5a5a;
    cl_event event = before;

    assert_status(make(call, &event), status, part);
    assert_ptr_equal(event, before);
    assert_int_equal(clattn_last_opencl_error() != CL_SUCCESS, status == CLATTN_OPENCL_ERROR);
    assert_true(scene_is_untouched(&r->scene));
    assert_true(room_is_untouched(r));
}

void assert_accepted(const struct refusal *r, const struct refusal_call *call)
{
    const unsigned char nan[4] = {0xff, 0xff, 0xff, 0xff};
    cl_event event = NULL;

    assert_success(make(call, &event));
    assert_cl(clWaitForEvents(1, &event));
    assert_cl(clReleaseEvent(event));
    scene_reset(&r->scene);
    assert_cl(clEnqueueFillBuffer(r->device.queue, r->room, nan, 4, 0, ROOM_BYTES, 0, NULL, NULL));
    assert_cl(clFinish(r->device.queue));
}
