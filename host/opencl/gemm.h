/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products, by a library: gemm_clblast.c, or gemm_none.c where there is none. */
#ifndef CLATTN_OPENCL_GEMM_H
#define CLATTN_OPENCL_GEMM_H

#include "opencl/context.h"

/* C (m,n) = A (m,k) B (k,n), row-major and contiguous; a transposed operand lies in memory as (k,m) or (n,k). */
struct clattn__gemm {
    bool a_transposed, b_transposed;
    int64_t m, n, k;
};

/* "CLBlast 1.5.3", or NULL where the layer is not built. */
const char *clattn__gemm_library(void);
/* What has to happen once a context, before the first product. */
clattn_status clattn__gemm_prepare(clattn_context *context);
/* Bytes that the product needs at the start of its temporary buffer, whatever the offsets of its operands. */
clattn_status clattn__gemm_temporary(cl_command_queue queue, const struct clattn__gemm *gemm, size_t *bytes);
/* C = A B, or C += A B. Waits for no event. `temporary` may be NULL where nothing is needed. */
clattn_status clattn__gemm_enqueue(cl_command_queue queue, const struct clattn__gemm *gemm, clattn_block a,
                                   clattn_block b, clattn_block c, bool add, cl_mem temporary, cl_event *event);

#endif
