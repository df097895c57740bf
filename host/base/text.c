/* SPDX-License-Identifier: Apache-2.0 */
/* Growing strings. A failed allocation sets `failed`; the caller checks it once, at the end. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>

static bool reserve(struct clattn__text *text, size_t more)
{
    const size_t needed = text->length + more + 1;
    if (needed <= text->capacity)
        return true;
    const size_t capacity = needed * 2;
    char *chars = clattn__allocate(text->allocator, capacity);
    if (!chars) {
        text->failed = true;
        return false;
    }
    if (text->length)
        memcpy(chars, text->chars, text->length);
    clattn__release(text->allocator, text->chars);
    text->chars = chars;
    text->capacity = capacity;
    return true;
}

void clattn__text_add(struct clattn__text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int more = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (more < 0 || text->failed || !reserve(text, (size_t)more))
        return;
    va_start(arguments, format);
    vsnprintf(text->chars + text->length, (size_t)more + 1, format, arguments);
    va_end(arguments);
    text->length += (size_t)more;
}

void clattn__text_free(struct clattn__text *text)
{
    clattn__release(text->allocator, text->chars);
    text->chars = NULL;
    text->length = text->capacity = 0;
}
