/* SPDX-License-Identifier: Apache-2.0 */
/* What the tool says on standard error, and its exit codes. */
#ifndef CLATTN_TOOLS_MESSAGE_H
#define CLATTN_TOOLS_MESSAGE_H

#include "clattn.h"
#include "printf_like.h"

enum {
    EXIT_GOOD = 0,
    EXIT_FAILED = 1,   /* the device or the machine failed, or a check did not pass */
    EXIT_BAD_INPUT = 2 /* command line or files */
};

/* "clattn: " and the sentence; always returns EXIT_BAD_INPUT. */
int bad_input(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same, but returns EXIT_FAILED. */
int failed(const char *format, ...) PRINTF_LIKE(1, 2);

/* The library's last failure, during `what`: returns EXIT_BAD_INPUT for what a user can put right, else EXIT_FAILED. */
int library_failed(const char *what, clattn_status status);

/* A line that the next message or progress replaces; nothing where standard error is no terminal. */
void progress(const char *format, ...) PRINTF_LIKE(1, 2);
void progress_end(void);

/* The length of a text without line ends at its end, for "%.*s": whether clattn's descriptions have one does not
 * matter. */
int trimmed(const char *text);

/* Text on standard error as it is, after the progress line is gone: warnings and the report of -v. */
void note(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
