/* SPDX-License-Identifier: Apache-2.0 */
/* clattn layer-forward and clattn layer-backward. */
#ifndef CLATTN_TOOLS_LAYER_RUN_H
#define CLATTN_TOOLS_LAYER_RUN_H

#include "options.h"

/* Reads, computes, writes. Returns the exit code. */
int layer_run_pass(verb which, const options *o);

#endif
