/* SPDX-License-Identifier: Apache-2.0 */
/* The device of a rig, and a clattn context for one configuration at a time. */
#ifndef CLATTN_TESTS_SESSION_H
#define CLATTN_TESTS_SESSION_H

#include "draw.h"
#include "guarded.h"

struct session {
    cl_device_id device;
    cl_context cl;
    cl_command_queue queue[2]; /* in order and out of order */
    struct guarded guarded;
    clattn_context *context; /* of the configuration */
    char folder[64];         /* of the tuned file; "": none */
    char error[512];         /* what failed; "" when nothing did */
};

/* `device` is as for clattn_find_device. 0, or -1 and an error. */
int session_open(struct session *session, const char *device);
void session_close(struct session *session);

/* A context for the configuration, with rows of a tuned file near what the plan of the case has, where it is drawn
 * so. 0, or -1 and an error. */
int session_configure(struct session *session, const struct draw_configuration *configuration,
                      const struct test_case *first);

#endif
