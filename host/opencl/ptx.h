/* SPDX-License-Identifier: Apache-2.0 */
/* Edits compiled kernels, so that they may use the instructions of target sm_90a. */
#ifndef CLATTN_OPENCL_PTX_H
#define CLATTN_OPENCL_PTX_H

#include "base/base.h"

/* OpenCL compilers for Hopper write PTX for target sm_90, which lacks wgmma; sm_90a has it. Copies
 * the `length` bytes at `ptx`, a program's binary, to a text with three changes:
 *
 *    .target sm_90      becomes .target sm_90a
 *    //@ instruction    becomes an instruction: "//@" is replaced by three spaces
 *    .minnctapersm 1    is added after .reqntid in entries that use setmaxnreg, which is ignored
 *                       otherwise
 *
 * NULs at the end, which some binaries have, are dropped. CLATTN_BUILD_FAILED if the text is not as
 * expected: no PTX, another target, no //@ comment. Then, and when memory runs out, `result` is
 * empty. Otherwise the caller frees it. */
clattn_status clattn__ptx_retarget(const clattn_allocator *allocator, const char *ptx, size_t length,
                                   struct clattn__text *result);

#endif
