/* SPDX-License-Identifier: Apache-2.0 */
/* Stubs of the matrix products, for a library without CLBlast. */
#include "opencl/gemm.h"

static clattn_status fail(void)
{
    return clattn__fail(CLATTN_NO_CLBLAST, "the layer needs CLBlast, which this library was built without "
                                           "(CMake option CLATTN_WITH_CLBLAST)");
}

const char *clattn__gemm_library(void)
{
    return NULL;
}

clattn_status clattn__gemm_prepare(clattn_context *context)
{
    (void)context;
    return fail();
}

clattn_status clattn__gemm_temporary(cl_command_queue queue, const struct clattn__gemm *gemm, size_t *bytes)
{
    (void)queue, (void)gemm, (void)bytes;
    return fail();
}

clattn_status clattn__gemm_enqueue(cl_command_queue queue, const struct clattn__gemm *gemm, clattn_block a,
                                   clattn_block b, clattn_block c, bool add, cl_mem temporary, cl_event *event)
{
    (void)queue, (void)gemm, (void)a, (void)b, (void)c, (void)add, (void)temporary, (void)event;
    return fail();
}
