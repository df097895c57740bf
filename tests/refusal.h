/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that must be refused: a scene, its plan, and the check that a refused call has no
 * effect. */
#ifndef CLATTN_TESTS_REFUSAL_H
#define CLATTN_TESTS_REFUSAL_H

#include "scene.h"

/* Buffer in which tests place tensors; full of 0xff. */
#define ROOM_BYTES ((size_t)16384)

struct refusal {
    struct device device;
    struct scene scene;
    clattn_plan *plan; /* all passes */
    cl_mem room;
};

/* One call. Starts as the valid one (refusal_call); a test then spoils something. */
struct refusal_call {
    int backward;
    const clattn_plan *plan;
    cl_command_queue queue;
    clattn_tensors tensors;
    cl_mem workspace;
    cl_uint wait_count;
    const cl_event *wait_list;
};

int refusal_setup(void **state); /* *state: a struct refusal */
int refusal_setup_float16(void **state);
int refusal_teardown(void **state);

struct refusal_call refusal_call(const struct refusal *r, int backward);
/* Whether the pass uses the tensor, and whether it writes it. */
int refusal_uses(int backward, enum scene_tensor tensor);
int refusal_writes(int backward, enum scene_tensor tensor);

/* Fails unless the call returns `status`, the message contains `part`, *event is unchanged, and no
 * output of the scene nor the room is written. */
void assert_refused(const struct refusal *r, const struct refusal_call *call, clattn_status status, const char *part);
/* Fails unless the call succeeds; waits for it, and resets outputs and room to 0xff. */
void assert_accepted(const struct refusal *r, const struct refusal_call *call);

#endif
