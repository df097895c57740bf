/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the verbs that compute: opens a runner, and reports the outcome of a run. */
#ifndef CLATTN_TOOLS_PASS_H
#define CLATTN_TOOLS_PASS_H

#include "options.h"

/* Opens a runner for the device and engine of the options. Returns -1, or the exit code after a
 * message, as does pass_end. */
int pass_open_runner(verb which, const options *o, clattn_runner **runner);

/* Prints the library's message after a run that failed with `status`, else the report of -v. */
int pass_end(verb which, const options *o, clattn_runner *runner, clattn_status status, const clattn_run_info *info);

#endif
