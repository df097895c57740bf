/* SPDX-License-Identifier: Apache-2.0 */
/* Self-tests of engines that a device may be unable to run: once per context. */
#ifndef CLATTN_API_TRIAL_H
#define CLATTN_API_TRIAL_H

#include "opencl/context.h"
#include "select/config.h"

/* Whether the device can run the engine's kernel. The first call tests it: forward by itself, all
 * gradients together. Fails if that cannot be determined (host or device memory is out), or if the
 * engine is unavailable and the context's options force it. */
clattn_status clattn__engine_may_use(clattn_context *context, clattn_engine id, enum clattn__kernel kernel, bool *may);
/* Tests what no plan has needed yet. Fails if that cannot be determined. */
clattn_status clattn__engines_try_all(clattn_context *context);
/* Adds a line on the engines that plans use, and one on each engine that needs a self-test. Hold
 * engines_lock. */
void clattn__engines_describe(const clattn_context *context, struct clattn__text *text);

/* ---- selftest.c ---- */

/* Runs a small problem, CLATTN_FORWARD or CLATTN_BACKWARD, in the engine's kernels and compares it
 * with double. On failure the last error says why. */
clattn_status clattn__self_test(clattn_context *context, clattn_engine id, unsigned pass);

#endif
