/* SPDX-License-Identifier: Apache-2.0 */
/* Engines that a device may be unable to run: each is tried once a context. */
#ifndef CLATTN_API_TRIAL_H
#define CLATTN_API_TRIAL_H

#include "opencl/context.h"
#include "select/config.h"

/* Whether the device is able to run the engine's kernel, which is found out at the first call: for the forward, and for
 * the gradients together. Fails where that cannot be found out (out of memory, the host's or the device's), and where
 * it is not and the context's options ask for this engine. */
clattn_status clattn__engine_may_use(clattn_context *context, clattn_engine id, enum clattn__kernel kernel, bool *may);
/* Tries what no plan has needed yet; fails where that cannot be found out. */
clattn_status clattn__engines_try_all(clattn_context *context);
/* A line on what plans will use, and one on each engine that had to be tried; under engines_lock. */
void clattn__engines_describe(const clattn_context *context, struct clattn__text *text);

/* ---- selftest.c ---- */

/* A small problem by that engine's kernels, CLATTN_FORWARD or CLATTN_BACKWARD, against the same in double: success, or
 * the sentence of why not. */
clattn_status clattn__self_test(clattn_context *context, clattn_engine id, unsigned pass);

#endif
