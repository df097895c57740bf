/* SPDX-License-Identifier: Apache-2.0 */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

enum { WIDTH = 20 }; /* of the bar, in characters */

void bench_progress(size_t done, size_t all, const char *line, const char *doing)
{
    if (!isatty(STDERR_FILENO))
        return;
    const size_t full = done * WIDTH / all;
    fputs("\r\033[K[", stderr);
    for (size_t i = 0; i < WIDTH; ++i)
        fputc(i < full ? '=' : i == full ? '>' : ' ', stderr);
    fprintf(stderr, "] %zu/%zu  %s: %s", done + 1, all, line, doing);
    fflush(stderr);
}

void bench_progress_clear(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
