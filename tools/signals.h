/* SPDX-License-Identifier: Apache-2.0 */
/* Handles signals that end the program while it writes files that must appear all or not at all.
 *
 * A signal handler could run in a thread of an OpenCL driver and end the program while this thread
 * renames files. Therefore all threads block these signals, except one that waits for them, and
 * that one also waits until the files are complete. */
#ifndef CLATTN_TOOLS_SIGNALS_H
#define CLATTN_TOOLS_SIGNALS_H

/* From now on SIGHUP, SIGINT, SIGQUIT and SIGTERM call `clean_up` in another thread before they end
 * the program; those that are ignored stay ignored. Call this before any library starts a thread,
 * as threads inherit the blocked signals. Returns -1, or the exit code after a message. */
int signals_begin(void (*clean_up)(void));

/* No signal ends the program between these two calls. Data that `clean_up` reads is changed only
 * there. */
void signals_hold(void);
void signals_release(void);

#endif
