/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb that computes does the same way: opens a runner, and says what became of a run. */
#ifndef CLATTN_TOOLS_PASS_H
#define CLATTN_TOOLS_PASS_H

#include "options.h"

/* On the device and the engine of the options. Returns -1, or the exit code after a message; so pass_end. */
int pass_open_runner(verb which, const options *o, clattn_runner **runner);

/* After a run that came to `status`: the library's message, or the report of -v. */
int pass_end(verb which, const options *o, clattn_runner *runner, clattn_status status, const clattn_run_info *info);

#endif
