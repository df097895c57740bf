/* SPDX-License-Identifier: Apache-2.0 */
/* The layer: attention and the projections around it. */
#ifndef CLATTN_LAYER_H
#define CLATTN_LAYER_H

#include "layer/projection.h"
#include "layer/slots.h"

/* ---- check.c: the caller's layer ---- */

/* Fills in the defaults of heads, kv_heads, dim_head and context_dim, and checks these and dim:
 * everything that weights depend on. */
clattn_status clattn__layer_weights_check(clattn_layer *layer);
/* Checks the whole layer, and sets context_len to M. */
clattn_status clattn__layer_check(clattn_layer *layer);

/* ---- slots.c: the tensors of a call ---- */

/* Lists the tensors of a pass (CLATTN_FORWARD or CLATTN_BACKWARD). `layer` has M and defaults
 * filled in. */
size_t clattn__layer_slots(const clattn_layer *layer, bool has_context, unsigned pass,
                           struct clattn__tensor_slot slots[LAYER_TENSOR_SLOT_COUNT]);
/* Whether tensor LAYER_.. is a gradient. */
bool clattn__layer_is_gradient(size_t index);

/* Offsets of the tensors in `saved`, and its size, in elements. */
struct clattn__saved {
    int64_t q, kv, out, lse, count;
};
struct clattn__saved clattn__layer_saved(const clattn_layer *layer);

/* The layer's attention, as a problem; the layer's defaults are filled in. */
clattn_problem clattn__layer_problem(const clattn_layer *layer);

/* ---- blank.c: excludes rows that nothing sees from the gradients of weights ---- */

struct clattn__blank {
    cl_kernel kernel; /* NULL: the layer has no such rows */
    pthread_mutex_t lock;
    size_t group; /* work-items per row */
};

/* Arguments of kernels/layer/blank_rows.cl. */
struct clattn__blank_rows {
    int64_t count, partner_width, width;
    clattn_block partner, from, to;
};

/* Whether there may be queries that see no key, or keys that no query sees. `layer` has M filled
 * in. */
bool clattn__layer_hides_rows(const clattn_layer *layer);
/* Builds the kernel. *blank must be zeroed; release it even after a failure. */
clattn_status clattn__blank_make(clattn_context *context, struct clattn__blank *blank);
void clattn__blank_release(struct clattn__blank *blank);
clattn_status clattn__blank_enqueue(const struct clattn__blank *blank, struct clattn__sequence *sequence,
                                    const struct clattn__blank_rows *rows);

/* ---- plan.c ---- */

/* Layout of a workspace, in elements. The start belongs to the running command, CLBlast's or
 * attention's; longer-lived data follows. */
struct clattn__layer_space {
    int64_t ones;  /* column of ones, for biases */
    int64_t saved; /* forward: `saved` if the caller has none */
    /* backward: gradients of O, of Q, of K and V. Before and after dO is used, its block holds
     * copies with blanked rows. */
    int64_t dout, q, kv;
    int64_t count;
};

struct clattn_layer_plan {
    clattn_context *context;
    clattn_layer layer; /* defaults filled in, context_len is M */
    bool has_context;
    unsigned passes;
    struct clattn__projection q, kv, out;
    clattn_plan *forward;
    clattn_plan *backward, *backward_dq, *backward_dkdv; /* all three gradients; dQ; dK and dV */
    clattn_plan *backward_dbias, *backward_dsink;        /* NULL: no bias, no sinks */
    struct clattn__layer_space forward_space, backward_space;
    struct clattn__blank blank;
    char *description;
};

/* ---- warm.c ---- */

/* Runs every product of the plan's passes on scratch buffers, and waits. */
clattn_status clattn__layer_warm(const clattn_layer_plan *plan, cl_command_queue queue);

#endif
