/* SPDX-License-Identifier: Apache-2.0 */
/* The device of a rig, and a clattn context for the current configuration. */
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
    char folder[64];         /* for the tuned file; "": none */
    char error[512];         /* the failure, or "" */
};

/* `device` is as for clattn_find_device. 0, or -1 and an error. */
int session_open(struct session *session, const char *device);
void session_close(struct session *session);

/* Makes a context for the configuration; if that is `tuned`, with a tuned file of rows near the
 * configurations of the case's plan. Returns 0, or -1 and an error. */
int session_configure(struct session *session, const struct draw_configuration *configuration,
                      const struct test_case *first);

#endif
