/* SPDX-License-Identifier: Apache-2.0 */
/* Signals that end the program, while it makes files that are to appear all or not at all.
 *
 * A handler would run in whichever thread has the signal unblocked, and OpenCL drivers have threads of their own: while
 * this thread renames, one of those could end the program. So no thread takes such a signal but one that waits for it,
 * and that one waits for the files, too. */
#ifndef CLATTN_TOOLS_SIGNALS_H
#define CLATTN_TOOLS_SIGNALS_H

/* From now on SIGHUP, SIGINT, SIGQUIT and SIGTERM, those of them that would end the program, call `clean_up` first, in
 * another thread. Before any library makes threads, which take over what is blocked here. Returns -1, or the exit code
 * after a message. */
int signals_begin(void (*clean_up)(void));

/* No signal ends the program between these two; what `clean_up` reads is changed only there. */
void signals_hold(void);
void signals_release(void);

#endif
