/* SPDX-License-Identifier: Apache-2.0 */
/* clattn tune: finds the fastest configurations on a device and keeps them. */
#ifndef CLATTN_TOOLS_TUNE_H
#define CLATTN_TOOLS_TUNE_H

#include "options.h"

/* Tunes what the options ask for and prints a table. Returns the exit code. */
int tune_device(const options *o);

#endif
