/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the tool by test_tool_signals.sh. Before the tool renames its second temporary
 * file, makes the file "renaming" in the current folder and waits for two seconds. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int rename(const char *from, const char *to)
{
    static int count;
    int (*real)(const char *, const char *);
    void *symbol = dlsym(RTLD_NEXT, "rename");

    memcpy(&real, &symbol, sizeof real);
    if (strstr(from, "/.clattn-") != NULL && ++count == 2) {
        struct timespec left = {2, 0};
        const int marker = open("renaming", O_WRONLY | O_CREAT, 0600);

        if (marker >= 0) {
            close(marker);
        }
        while (nanosleep(&left, &left) != 0) {
        }
    }
    return real(from, to);
}
