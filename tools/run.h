/* SPDX-License-Identifier: Apache-2.0 */
/* clattn forward and clattn backward. */
#ifndef CLATTN_TOOLS_RUN_H
#define CLATTN_TOOLS_RUN_H

#include "options.h"

/* Reads, computes, writes. Returns the exit code. */
int run_pass(verb which, const options *o);

#endif
