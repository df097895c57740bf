/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_refusal.h"

#include <stdlib.h>
#include <string.h>

#define LINE "b2 n7 m9 e24 c40 h4/2 d8 causal mask=2,1,7,9 kvlen accumulate"
#define SELF "b2 n7 e24 h4/2 d8 causal mask=2,1,7,7 kvlen accumulate"

int layer_refusal_setup(void **state)
{
    static struct layer_refusal f;

    device_open(&f.device);
    layer_scene_open(&f.scene, &f.device, NULL, LINE, LAYER_APART);
    layer_scene_open(&f.self, &f.device, NULL, SELF, LAYER_APART);
    f.room = device_buffer(f.device.cl, LAYER_ROOM_BYTES, NULL);
    *state = &f;
    return 0;
}

int layer_refusal_teardown(void **state)
{
    struct layer_refusal *f = *state;

    assert_cl(clReleaseMemObject(f->room));
    layer_scene_close(&f->scene);
    layer_scene_close(&f->self);
    device_close(&f->device);
    return 0;
}

struct layer_call layer_call(const struct layer_scene *scene, int backward)
{
    return (struct layer_call){.backward = backward,
                               .plan = scene->plan,
                               .queue = scene->device->queue,
                               .tensors = scene->tensors,
                               .workspace = scene->workspace[backward]};
}

int layer_uses(int backward, enum layer_slot slot)
{
    const int forward_only = slot == LAYER_OUT || (LAYER_BIASES >> slot & 1);

    return backward ? !forward_only : slot < LAYER_DOUT;
}

int layer_writes(int backward, enum layer_slot slot)
{
    return backward ? slot >= LAYER_DX : slot == LAYER_OUT || slot == LAYER_SAVED;
}

int layer_optional(int backward, enum layer_slot slot)
{
    return backward ? slot >= LAYER_DX : slot == LAYER_SAVED || (LAYER_BIASES >> slot & 1);
}

void layer_put(clattn_layer_tensors *t, enum layer_slot slot, cl_mem mem, size_t offset)
{
    if (layer_block(t, slot) != NULL) {
        *layer_block(t, slot) = (clattn_block){mem, offset};
    } else {
        *layer_strided(t, slot) = (clattn_tensor){.mem = mem, .offset = offset};
    }
}

static clattn_status make(const struct layer_call *c, cl_event *event)
{
    clattn_status (*const enqueue)(const clattn_layer_plan *, cl_command_queue, const clattn_layer_tensors *, cl_mem,
                                   cl_uint, const cl_event *, cl_event *) =
        c->backward ? clattn_layer_enqueue_backward : clattn_layer_enqueue_forward;

    return enqueue(c->plan, c->queue, &c->tensors, c->workspace, c->wait_count, c->wait_list, event);
}

static int room_is_untouched(const struct layer_refusal *f)
{
    unsigned char *bytes = malloc(LAYER_ROOM_BYTES);
    size_t n = 0;

    assert_non_null(bytes);
    device_read(f->device.queue, f->room, LAYER_ROOM_BYTES, bytes);
    while (n < LAYER_ROOM_BYTES && bytes[n] == 0xff) {
        n++;
    }
    free(bytes);
    return n == LAYER_ROOM_BYTES;
}

void assert_layer_refused(const struct layer_refusal *f, const struct layer_call *call, clattn_status status,
                          const char *what, const char *part, int untouched)
{
    const cl_event before = (cl_event)(uintptr_t)0x5a5a5a5a;
    cl_event event = before;
    const clattn_status found = make(call, &event);

    if (found != status || strstr(clattn_last_error(), what) == NULL || strstr(clattn_last_error(), part) == NULL) {
        fail_msg("%s, %s: expected %s, \"%s\" and \"%s\": %s", call->backward ? "backward" : "forward",
                 clattn_status_name(found), clattn_status_name(status), what, part, clattn_last_error());
    }
    assert_ptr_equal(event, before);
    assert_int_equal(clattn_last_opencl_error(), CL_SUCCESS);
    if (untouched) {
        assert_true(layer_scene_is_untouched(&f->scene));
        assert_true(layer_scene_is_untouched(&f->self));
        assert_true(room_is_untouched(f));
    }
}

void assert_layer_accepted(const struct layer_refusal *f, const struct layer_call *call, const char *what)
{
    const unsigned char nan[4] = {0xff, 0xff, 0xff, 0xff};
    cl_event event = NULL;

    if (make(call, &event) != CLATTN_SUCCESS) {
        fail_msg("%s, %s: %s", call->backward ? "backward" : "forward", what, clattn_last_error());
    }
    assert_cl(clWaitForEvents(1, &event));
    assert_cl(clReleaseEvent(event));
    assert_cl(clEnqueueFillBuffer(f->device.queue, f->room, nan, 4, 0, LAYER_ROOM_BYTES, 0, NULL, NULL));
    layer_scene_reset(&f->scene);
    layer_scene_reset(&f->self);
}
