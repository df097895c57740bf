/* SPDX-License-Identifier: Apache-2.0 */
/* Which configuration a kernel has: by the built-in tables, or one from elsewhere that is checked. */
#ifndef CLATTN_SELECT_CHOOSE_H
#define CLATTN_SELECT_CHOOSE_H

#include "select/config.h"

/* Whether KERNEL_BACKWARD_FUSED should make all gradients, instead of KERNEL_DQ and KERNEL_DKDV. */
bool clattn__config_backward_fused(const struct clattn__device *device, clattn_engine engine,
                                   const clattn_problem *problem);
/* The attempt-th best configuration that fits device and problem; false when there is none left. want_dk, want_dv and
 * kernel are given in *config, and to combine, splits. */
bool clattn__config_choose(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                           int attempt, struct clattn__config *config);
/* Completes a configuration whose tunable numbers (tunables.h; those of other engines are 0), kernel, want_dk and want_dv
 * are given, from a file or a search: makes its tiles no taller than the problem needs, and fills in what follows. False
 * where the kernels cannot be built with it, a tile exceeds the one that the problem asks for, or the device has too
 * little. */
bool clattn__config_complete(const struct clattn__device *device, clattn_engine engine, const clattn_problem *problem,
                             struct clattn__config *config);

#endif
