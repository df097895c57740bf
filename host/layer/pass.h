/* SPDX-License-Identifier: Apache-2.0 */
/* A call of the layer after the checks: shared by forward.c and backward.c. */
#ifndef CLATTN_LAYER_PASS_H
#define CLATTN_LAYER_PASS_H

#include "layer/layer.h"

struct clattn__layer_pass {
    const clattn_layer_plan *plan;
    clattn_layer_tensors tensors;
    struct clattn__sequence sequence;
    clattn_block context;    /* x without a context */
    clattn_block q, kv, out; /* in saved, or in the workspace */
    cl_mem workspace;
    clattn_tensors attention; /* q, k, v, mask, kv_lengths, out, lse filled in */
};

/* Checks everything. After a failure there is nothing to end. */
clattn_status clattn__layer_pass_begin(struct clattn__layer_pass *pass, const clattn_layer_plan *plan, unsigned which,
                                       cl_command_queue queue, const clattn_layer_tensors *tensors, cl_mem workspace,
                                       cl_uint wait_count, const cl_event *wait_list);
/* A (B,heads,len,D) tensor whose heads are side by side in rows of `width` elements. */
clattn_tensor clattn__layer_heads(const clattn_layer_plan *plan, cl_mem mem, size_t offset, int64_t len, int64_t width);

#endif
