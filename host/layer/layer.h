/* SPDX-License-Identifier: Apache-2.0 */
/* The layer: projections around attention. */
#ifndef CLATTN_LAYER_H
#define CLATTN_LAYER_H

#include "layer/projection.h"
#include "layer/slots.h"

/* ---- check.c: what is asked for ---- */

/* Fills in the defaults of heads, kv_heads, dim_head and context_dim, and checks those and dim: all that weights depend
 * on. */
clattn_status clattn__layer_weights_check(clattn_layer *layer);
/* The whole layer; context_len is then M. */
clattn_status clattn__layer_check(clattn_layer *layer);

/* ---- slots.c: the tensors of a call ---- */

/* The tensors that a pass (CLATTN_FORWARD or CLATTN_BACKWARD) uses; `layer` with M and defaults filled in. */
size_t clattn__layer_slots(const clattn_layer *layer, bool has_context, unsigned pass,
                           struct clattn__tensor_slot slots[LAYER_TENSOR_SLOT_COUNT]);
/* Whether tensor LAYER_.. is a gradient. */
bool clattn__layer_is_gradient(size_t index);

/* Where the parts of `saved` begin, in elements from its start, and how long it is. */
struct clattn__saved {
    int64_t q, kv, out, lse, count;
};
struct clattn__saved clattn__layer_saved(const clattn_layer *layer);

/* The attention between the projections, of a layer whose defaults are filled in. */
clattn_problem clattn__layer_problem(const clattn_layer *layer);

/* ---- blank.c: rows that nothing sees, left out of the gradients of weights ---- */

struct clattn__blank {
    cl_kernel kernel; /* NULL: the layer has no such rows */
    pthread_mutex_t lock;
    size_t group; /* work-items that share a row */
};

/* What kernels/layer/blank_rows.cl is told. */
struct clattn__blank_rows {
    int64_t count, partner_width, width;
    clattn_block partner, from, to;
};

/* Whether there may be queries that see no key, or keys that no query sees; `layer` with M filled in. */
bool clattn__layer_hides_rows(const clattn_layer *layer);
/* Builds the kernel; *blank is zeroed. Release it whatever came of it. */
clattn_status clattn__blank_make(clattn_context *context, struct clattn__blank *blank);
void clattn__blank_release(struct clattn__blank *blank);
clattn_status clattn__blank_enqueue(const struct clattn__blank *blank, struct clattn__sequence *sequence,
                                    const struct clattn__blank_rows *rows);

/* ---- plan.c ---- */

/* Elements of a workspace: the start belongs to whatever command runs, CLBlast or attention; what lives longer is
 * behind it. */
struct clattn__layer_space {
    int64_t ones;        /* a bias's column of ones */
    int64_t saved;       /* forward: saved, where the caller has none */
    int64_t dout, q, kv; /* backward: gradients of O, of Q, of K and V; blanked rows where dO is not yet, or no more */
    int64_t count;
};

struct clattn_layer_plan {
    clattn_context *context;
    clattn_layer layer; /* defaults filled in, context_len is M */
    bool has_context;
    unsigned passes;
    struct clattn__projection q, kv, out;
    clattn_plan *forward;
    clattn_plan *backward, *backward_dq, *backward_dkdv; /* all gradients; those of Q; of K and V */
    struct clattn__layer_space forward_space, backward_space;
    struct clattn__blank blank;
    char *description;
};

/* ---- warm.c ---- */

/* Runs every product that the plan's passes do, on scratch, and waits. */
clattn_status clattn__layer_warm(const clattn_layer_plan *plan, cl_command_queue queue);

#endif
