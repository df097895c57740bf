/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses a kernel's configuration: from the built-in tables, or given and checked. */
#ifndef CLATTN_SELECT_CHOOSE_H
#define CLATTN_SELECT_CHOOSE_H

#include "select/config.h"

/* Whether KERNEL_BACKWARD_FUSED should compute all gradients, instead of KERNEL_DQ and
 * KERNEL_DKDV. */
bool clattn__config_backward_fused(const struct clattn__device *device, clattn_engine engine,
                                   const clattn_problem *problem);
/* The attempt-th best configuration (0: the best) that fits device and problem; false: none left.
 * The caller sets kernel, want_dk and want_dv in *config, and for KERNEL_COMBINE splits. */
bool clattn__config_choose(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                           int attempt, struct clattn__config *config);
/* Completes a configuration from a file or a search. The caller sets its tunables (tunables.h;
 * those of other engines are 0), kernel, want_dk and want_dv. Shrinks tiles to the rows of the
 * problem, and fills in the rest. False if the kernels do not build with it, a tile exceeds the
 * problem's q_tile or k_tile, or the device's limits are too small. */
bool clattn__config_complete(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                             struct clattn__config *config);

#endif
