/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory, from the caller's allocator if there is one. */
#include "base/base.h"

#include <stdlib.h>
#include <string.h>

void *clattn__allocate(const clattn_allocator *allocator, size_t bytes)
{
    if (bytes == 0)
        bytes = 1;
    void *memory = allocator->allocate ? allocator->allocate(allocator->user, bytes) : malloc(bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

void clattn__release(const clattn_allocator *allocator, void *memory)
{
    if (!memory)
        return;
    if (allocator->release)
        allocator->release(allocator->user, memory);
    else
        free(memory);
}

char *clattn__copy_string(const clattn_allocator *allocator, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = clattn__allocate(allocator, bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}
