/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the layer that must be refused: two scenes, valid calls, and the check that a refused
 * call has no effect. */
#ifndef CLATTN_TESTS_LAYER_REFUSAL_H
#define CLATTN_TESTS_LAYER_REFUSAL_H

#include "layer_scene.h"

/* Buffer in which tests place tensors; full of 0xff. */
#define LAYER_ROOM_BYTES ((size_t)131072)

struct layer_refusal {
    struct device device;
    struct layer_scene scene, self; /* with and without the layer's context; each tensor in its own buffer */
    cl_mem room;
};

/* One call. Starts as the valid one; a test then spoils something. */
struct layer_call {
    int backward;
    const clattn_layer_plan *plan;
    cl_command_queue queue;
    clattn_layer_tensors tensors;
    cl_mem workspace;
    cl_uint wait_count;
    const cl_event *wait_list;
};

int layer_refusal_setup(void **state); /* *state: a struct layer_refusal */
int layer_refusal_teardown(void **state);

struct layer_call layer_call(const struct layer_scene *scene, int backward);
/* Whether the pass uses the tensor, whether it writes it, whether the tensor may be absent. */
int layer_uses(int backward, enum layer_slot slot);
int layer_writes(int backward, enum layer_slot slot);
int layer_optional(int backward, enum layer_slot slot);
void layer_put(clattn_layer_tensors *tensors, enum layer_slot slot, cl_mem mem, size_t offset);

/* Fails unless the call returns `status`, the message contains both parts, and *event is unchanged.
 * `untouched`: also check that all buffers are unchanged, which is slow. */
void assert_layer_refused(const struct layer_refusal *r, const struct layer_call *call, clattn_status status,
                          const char *what, const char *part, int untouched);
/* Fails unless the call succeeds; waits for it, and restores all buffers. */
void assert_layer_accepted(const struct layer_refusal *r, const struct layer_call *call, const char *what);

#endif
