/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products by CLBlast. */
#include "opencl/gemm.h"

#include <clblast_c.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *clattn__gemm_library(void)
{
    return "CLBlast " TEXT(CLBLAST_VERSION_MAJOR) "." TEXT(CLBLAST_VERSION_MINOR) "." TEXT(CLBLAST_VERSION_PATCH);
}

/* ---- parameters for CPU devices ----
 *
 * CLBlast compiles all its GEMM kernels as one program, unrolled by its parameters. Its defaults
 * for CPUs use work-groups that share tiles, which OpenCL runtimes for CPUs turn into loops over
 * spilled registers. With the defaults, PoCL 3.1 on two AVX-512 cores takes 25 s to compile and
 * reaches 12 to 36 GFLOP/s; with the parameters below 6 s, and 45 to 90 GFLOP/s (bench/NOTES.md).
 *
 * They are: one work-item per work-group, no local memory, a block of 2 x 8 vectors in registers,
 * and the smallest kernels for transposing and padding. The kernel for small matrices, which needs
 * work-groups, is never used. */

struct parameter {
    const char *name;
    size_t value;
};

enum { MAX_PARAMETERS = 16 };

/* Parameters of a kernel; a NULL name ends the list. */
struct parameters {
    const char *kernel;
    struct parameter list[MAX_PARAMETERS + 1];
};

static void override(cl_device_id device, const struct parameters *parameters)
{
    const char *names[MAX_PARAMETERS];
    size_t values[MAX_PARAMETERS], count = 0;
    for (const struct parameter *p = parameters->list; p->name; ++p, ++count) {
        names[count] = p->name;
        values[count] = p->value;
    }
    /* A CLBlast with other parameters refuses these and keeps its own, which are just as
     * correct. */
    CLBlastOverrideParameters(device, parameters->kernel, CLBlastPrecisionSingle, count, names, values);
}

/* `width`: vector length in floats. */
static void override_for_cpu(cl_device_id device, size_t width)
{
    const struct parameters all[] = {
        {"Xgemm",
         {{"GEMMK", 0},
          {"KREG", 1},
          {"KWG", 16},
          {"KWI", 1},
          {"MDIMA", 1},
          {"MDIMC", 1},
          {"MWG", 2 * width},
          {"NDIMB", 1},
          {"NDIMC", 1},
          {"NWG", 8},
          {"SA", 0},
          {"SB", 0},
          {"STRM", 0},
          {"STRN", 0},
          {"VWM", width},
          {"VWN", 8}}},
        {"XgemmDirect",
         {{"KWID", 1},
          {"MDIMAD", 8},
          {"MDIMCD", 8},
          {"NDIMBD", 8},
          {"NDIMCD", 8},
          {"PADA", 0},
          {"PADB", 0},
          {"VWMD", 1},
          {"VWND", 1},
          {"WGD", 8}}},
        {"GemmRoutine", {{"XGEMM_MIN_INDIRECT_SIZE", 1}}},
        {"Copy", {{"COPY_DIMX", 1}, {"COPY_DIMY", 1}, {"COPY_VW", 1}, {"COPY_WPT", 1}}},
        {"Pad", {{"PAD_DIMX", 8}, {"PAD_DIMY", 8}, {"PAD_WPTX", 1}, {"PAD_WPTY", 1}}},
        {"Transpose", {{"TRA_DIM", 4}, {"TRA_PAD", 0}, {"TRA_SHUFFLE", 0}, {"TRA_WPT", 1}}},
        {"Padtranspose", {{"PADTRA_PAD", 0}, {"PADTRA_TILE", 8}, {"PADTRA_WPT", 1}}},
    };
    for (size_t i = 0; i < ARRAY_SIZE(all); ++i)
        override(device, &all[i]);
}

clattn_status clattn__gemm_prepare(clattn_context *context)
{
    pthread_mutex_lock(&context->lock);
    const bool first = !context->gemm_prepared;
    context->gemm_prepared = true;
    if (first && context->device.type & CL_DEVICE_TYPE_CPU && !context->keep_clblast_parameters) {
        const int width = context->device.float_width;
        override_for_cpu(context->id, width >= 16 ? 16 : width >= 8 ? 8 : 4);
    }
    pthread_mutex_unlock(&context->lock);
    return CLATTN_SUCCESS;
}

/* ---- products ---- */

static clattn_status check(CLBlastStatusCode code, const char *call)
{
    if (code == CLBlastSuccess)
        return CLATTN_SUCCESS;
    if (code == CLBlastOpenCLBuildProgramFailure)
        return clattn__fail(CLATTN_BUILD_FAILED, "CLBlast's kernels do not build; it wrote why to standard output");
    if (code == CLBlastInvalidLocalMemUsage)
        return clattn__fail(CLATTN_DEVICE_LIMIT, "CLBlast's parameters need more local memory than the device has");
    if (code > -1000)
        return clattn__fail_opencl(code, call);
    return clattn__fail(CLATTN_OPENCL_ERROR, "%s failed with CLBlast's status %d", call, (int)code);
}

static CLBlastTranspose transpose(bool transposed)
{
    return transposed ? CLBlastTransposeYes : CLBlastTransposeNo;
}

clattn_status clattn__gemm_temporary(cl_command_queue queue, const struct clattn__gemm *gemm, size_t *bytes)
{
    const size_t m = (size_t)gemm->m, n = (size_t)gemm->n, k = (size_t)gemm->k;
    const size_t anywhere = 1; /* operands at offset 0 may need */
    return check(CLBlastSGemmTempBufferSize(CLBlastLayoutRowMajor, transpose(gemm->a_transposed),
                                            transpose(gemm->b_transposed), m, n, k, anywhere,
                                            gemm->a_transposed ? m : k, anywhere, gemm->b_transposed ? k : n, anywhere,
                                            n, &queue, bytes),
                 "CLBlastSGemmTempBufferSize");
}

clattn_status clattn__gemm_enqueue(cl_command_queue queue, const struct clattn__gemm *gemm, clattn_block a,
                                   clattn_block b, clattn_block c, bool add, cl_mem temporary, cl_event *event)
{
    const size_t m = (size_t)gemm->m, n = (size_t)gemm->n, k = (size_t)gemm->k;
    return check(CLBlastSgemmWithTempBuffer(CLBlastLayoutRowMajor, transpose(gemm->a_transposed),
                                            transpose(gemm->b_transposed), m, n, k, 1.0f, a.mem, a.offset,
                                            gemm->a_transposed ? m : k, b.mem, b.offset, gemm->b_transposed ? k : n,
                                            add ? 1.0f : 0.0f, c.mem, c.offset, n, &queue, event, temporary),
                 "CLBlastSgemm");
}
