/* SPDX-License-Identifier: Apache-2.0 */
/* The layer's projections y (rows,out) = x (rows,in) w^T + b with w (out,in), and their gradients,
 * as a sequence of commands that run one after the other. */
#ifndef CLATTN_PROJECTION_H
#define CLATTN_PROJECTION_H

#include "opencl/gemm.h"

struct clattn__projection {
    int64_t rows, in, out;
};

/* The commands of one call, on an in-order or out-of-order queue. */
struct clattn__sequence {
    cl_command_queue queue;
    bool out_of_order;
    cl_uint wait_count; /* the caller's, for the first command */
    const cl_event *wait_list;
    cl_event last;     /* of the last command; NULL: none yet */
    cl_mem temporary;  /* CLBlast's temporary buffer: the start of the workspace */
    clattn_block ones; /* as many ones as any projection has rows, for biases */
};

clattn_status clattn__sequence_begin(struct clattn__sequence *sequence, cl_command_queue queue, cl_uint wait_count,
                                     const cl_event *wait_list);
/* The wait list of the next command, if it takes one. */
void clattn__sequence_waits(const struct clattn__sequence *sequence, cl_uint *wait_count, const cl_event **wait_list);
/* Sets sequence->last to the event of a newly enqueued command, and takes the event over. */
void clattn__sequence_advance(struct clattn__sequence *sequence, cl_event event);
/* Writes `count` ones to sequence->ones. */
clattn_status clattn__sequence_fill_ones(struct clattn__sequence *sequence, int64_t count);
/* Gives the last event to the caller (`event` may be NULL), or releases it after a failure. Returns
 * `status`. */
clattn_status clattn__sequence_end(struct clattn__sequence *sequence, clattn_status status, cl_event *event);

/* y = x w^T + b; no bias if b.mem is NULL. */
clattn_status clattn__projection_forward(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                         clattn_block x, clattn_block w, clattn_block b, clattn_block y);
/* dx = dy w, or dx += dy w with `add`. */
clattn_status clattn__projection_dx(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                    clattn_block dy, clattn_block w, clattn_block dx, bool add);
/* dw = dy^T x and db = the sum of dy's rows, or += with `add`; either is skipped if its mem is
 * NULL. */
clattn_status clattn__projection_dw(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                    clattn_block dy, clattn_block x, clattn_block dw, clattn_block db, bool add);

/* Lists every product of the passes, to prepare for them. Returns their number. */
enum { PROJECTION_GEMMS = 5 };
size_t clattn__projection_gemms(const struct clattn__projection *projection, unsigned passes,
                                struct clattn__gemm gemms[PROJECTION_GEMMS]);

#endif
