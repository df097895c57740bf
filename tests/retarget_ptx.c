/* SPDX-License-Identifier: Apache-2.0 */
/* host/opencl/ptx.c as a filter, for offline compilers: PTX for sm_90 on stdin, for sm_90a on
 * stdout. */
#include "opencl/ptx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
    static const clattn_allocator heap = {NULL, NULL, NULL};
    struct clattn__text before = {.allocator = &heap}, after;
    char part[4096];
    size_t size;
    while ((size = fread(part, 1, sizeof part, stdin)) > 0)
        clattn__text_add(&before, "%.*s", (int)size, part);
    if (before.failed || !before.chars || clattn__ptx_retarget(&heap, before.chars, before.length, &after)) {
        fprintf(stderr, "retarget_ptx: %s\n", before.chars ? clattn_last_error() : "nothing on stdin");
        return 1;
    }
    const bool written = fwrite(after.chars, 1, after.length, stdout) == after.length && fflush(stdout) == 0;
    clattn__text_free(&before);
    clattn__text_free(&after);
    return written ? 0 : 1;
}
