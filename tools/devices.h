/* SPDX-License-Identifier: Apache-2.0 */
/* clattn devices. */
#ifndef CLATTN_TOOLS_DEVICES_H
#define CLATTN_TOOLS_DEVICES_H

/* Prints every device. Returns the exit code: EXIT_FAILED when none can be used. */
int devices_list(void);

#endif
