/* SPDX-License-Identifier: Apache-2.0 */
/* The edit by which compiled kernels get at the instructions of target sm_90a. */
#ifndef CLATTN_OPENCL_PTX_H
#define CLATTN_OPENCL_PTX_H

#include "base/base.h"

/* OpenCL compilers for Hopper write PTX for target sm_90, which has no wgmma; sm_90a has. Of the `length` bytes at
 * `ptx`, a program's binary, makes a text that differs in this:
 *
 *   .target sm_90      is .target sm_90a
 *   //@ instruction    is an instruction: each comment that begins with @ loses those three characters to spaces
 *   .minnctapersm 1    follows .reqntid of each entry in which a setmaxnreg was revealed; that is ignored without
 *
 * NULs at the end, which are part of some binaries, do not count. CLATTN_BUILD_FAILED if the text is not as expected:
 * no PTX, another target, nothing to reveal; then, as when memory runs out, result is empty. Otherwise the caller
 * frees it. */
clattn_status clattn__ptx_retarget(const clattn_allocator *allocator, const char *ptx, size_t length,
                                   struct clattn__text *result);

#endif
