/* SPDX-License-Identifier: Apache-2.0 */
/* The tool's messages on standard error, and its exit codes. */
#ifndef CLATTN_TOOLS_MESSAGE_H
#define CLATTN_TOOLS_MESSAGE_H

#include "clattn.h"
#include "printf_like.h"

enum {
    EXIT_GOOD = 0,
    EXIT_FAILED = 1,   /* the device or the machine failed, or a check did not pass */
    EXIT_BAD_INPUT = 2 /* command line or files */
};

/* Prints "clattn: " and the sentence; returns EXIT_BAD_INPUT. */
int bad_input(const char *format, ...) PRINTF_LIKE(1, 2);

/* The same, but returns EXIT_FAILED. */
int failed(const char *format, ...) PRINTF_LIKE(1, 2);

/* Prints the library's last error, which happened during `what`. Returns EXIT_BAD_INPUT for errors
 * that the user can correct, else EXIT_FAILED. */
int library_failed(const char *what, clattn_status status);

/* Prints a line that the next message or progress line replaces; only if standard error is a
 * terminal. */
void progress(const char *format, ...) PRINTF_LIKE(1, 2);
void progress_end(void);

/* The length of a text without trailing line ends, for "%.*s". */
int trimmed(const char *text);

/* Erases the progress line and prints text unchanged on standard error: warnings and the report of
 * -v. */
void note(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
