/* SPDX-License-Identifier: Apache-2.0 */
#include "message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool progress_is_shown;

int trimmed(const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '\n') {
        length--;
    }
    return (int)length;
}

void progress_end(void)
{
    if (progress_is_shown) {
        fputs("\r\033[K", stderr);
        progress_is_shown = false;
    }
}

void progress(const char *format, ...)
{
    if (!isatty(STDERR_FILENO)) {
        return;
    }
    char line[80]; /* a longer line would wrap on a usual terminal and not be erased */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    progress_end();
    fputs(line, stderr);
    fflush(stderr);
    progress_is_shown = true;
}

static void say(const char *before, const char *format, va_list arguments)
{
    fflush(stdout); /* keeps the order of both streams where they go to one file */
    progress_end();
    fputs(before, stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("", format, arguments);
    va_end(arguments);
}

int bad_input(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("clattn: ", format, arguments);
    va_end(arguments);
    return EXIT_BAD_INPUT;
}

int failed(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say("clattn: ", format, arguments);
    va_end(arguments);
    return EXIT_FAILED;
}

int library_failed(const char *what, clattn_status status)
{
    size_t devices = 0;
    const char *sentence = clattn_last_error();
    bool is_input = status == CLATTN_INVALID_ARGUMENT || status == CLATTN_INVALID_SIZE;
    sentence = sentence[0] != '\0' ? sentence : clattn_status_message(status);
    failed("%s: %.*s", what, trimmed(sentence), sentence);
    if (status == CLATTN_NO_DEVICE) { /* --device is wrong, unless there is no device at all */
        is_input = clattn_list_devices(NULL, 0, &devices) == CLATTN_SUCCESS && devices > 0;
    }
    return is_input ? EXIT_BAD_INPUT : EXIT_FAILED;
}
