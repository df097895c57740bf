/* SPDX-License-Identifier: Apache-2.0 */
/* The linear maps of the layer, y (rows,out) = x (rows,in) w^T + b with w (out,in), and their gradients; as a sequence
 * of commands that run one after the other. */
#ifndef CLATTN_PROJECTION_H
#define CLATTN_PROJECTION_H

#include "opencl/gemm.h"

struct clattn__projection {
    int64_t rows, in, out;
};

/* Commands of one call on a queue of either kind. */
struct clattn__sequence {
    cl_command_queue queue;
    bool out_of_order;
    cl_uint wait_count; /* of the caller's, for the first command */
    const cl_event *wait_list;
    cl_event last;     /* of the newest command; NULL: none yet */
    cl_mem temporary;  /* CLBlast's; the workspace, of which it uses the start */
    clattn_block ones; /* as many as any projection has rows: biases are products with them */
};

clattn_status clattn__sequence_begin(struct clattn__sequence *sequence, cl_command_queue queue, cl_uint wait_count,
                                     const cl_event *wait_list);
/* What the next command has to wait for, where it takes a wait list. */
void clattn__sequence_waits(const struct clattn__sequence *sequence, cl_uint *wait_count, const cl_event **wait_list);
/* Takes over the event of a command that was enqueued behind those. */
void clattn__sequence_advance(struct clattn__sequence *sequence, cl_event event);
/* Writes `count` ones to sequence->ones. */
clattn_status clattn__sequence_fill_ones(struct clattn__sequence *sequence, int64_t count);
/* Hands the last event to the caller, who may not want it (NULL), or lets it go after a failure. Passes `status`
 * through. */
clattn_status clattn__sequence_end(struct clattn__sequence *sequence, clattn_status status, cl_event *event);

/* y = x w^T + b; b.mem NULL: without. */
clattn_status clattn__projection_forward(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                         clattn_block x, clattn_block w, clattn_block b, clattn_block y);
/* dx = dy w, added to dx with `add`. */
clattn_status clattn__projection_dx(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                    clattn_block dy, clattn_block w, clattn_block dx, bool add);
/* dw = dy^T x and db = the sum of dy's rows, added with `add`; each is left out where its mem is NULL. */
clattn_status clattn__projection_dw(struct clattn__sequence *sequence, const struct clattn__projection *projection,
                                    clattn_block dy, clattn_block x, clattn_block dw, clattn_block db, bool add);

/* Every product that passes of the projection do, for what has to be known beforehand; returns how many. */
enum { PROJECTION_GEMMS = 5 };
size_t clattn__projection_gemms(const struct clattn__projection *projection, unsigned passes,
                                struct clattn__gemm gemms[PROJECTION_GEMMS]);

#endif
