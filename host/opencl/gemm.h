/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products: by CLBlast (gemm_clblast.c), or not available (gemm_none.c). */
#ifndef CLATTN_OPENCL_GEMM_H
#define CLATTN_OPENCL_GEMM_H

#include "opencl/context.h"

/* C (m,n) = A (m,k) B (k,n), row-major and contiguous; a transposed operand is stored as (k,m) or
 * (n,k). */
struct clattn__gemm {
    bool a_transposed, b_transposed;
    int64_t m, n, k;
};

/* "CLBlast 1.5.3", or NULL without the layer. */
const char *clattn__gemm_library(void);
/* Prepares a context before its first product. */
clattn_status clattn__gemm_prepare(clattn_context *context);
/* Bytes that the product needs at the start of its temporary buffer, for any operand offsets. */
clattn_status clattn__gemm_temporary(cl_command_queue queue, const struct clattn__gemm *gemm, size_t *bytes);
/* C = A B, or C += A B with `add`. Takes no wait list. `temporary` may be NULL if the product needs
 * none. */
clattn_status clattn__gemm_enqueue(cl_command_queue queue, const struct clattn__gemm *gemm, clattn_block a,
                                   clattn_block b, clattn_block c, bool add, cl_mem temporary, cl_event *event);

#endif
