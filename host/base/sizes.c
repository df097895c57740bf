/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes structs of programs that were built with another version of the header. */
#include "base/sizes.h"

#include <string.h>

/* Larger than any struct of any version: a larger struct_size is uninitialised memory, so the bytes
 * that it counts must not be read. */
enum { MOST_BYTES = 4096 };

clattn_status clattn__struct_check(const struct clattn__struct *type, const char *what, size_t given)
{
    if (given >= type->least && given <= MOST_BYTES)
        return CLATTN_SUCCESS;
    return clattn__fail(CLATTN_INVALID_ARGUMENT,
                        "%s.struct_size is %zu; it must be sizeof(%s), %zu in this library (clattn %s) and never less "
                        "than %zu: begin with the struct's _INIT",
                        what, given, type->name, type->size, clattn_version_string(), type->least);
}

/* The first byte of [from, to) that is not 0, or `to`. */
static size_t first_nonzero(const unsigned char *bytes, size_t from, size_t to)
{
    while (from < to && bytes[from] == 0)
        ++from;
    return from;
}

clattn_status clattn__struct_read(const struct clattn__struct *type, const char *what, const void *from, void *into)
{
    size_t given;
    memcpy(&given, from, sizeof given);
    const clattn_status status = clattn__struct_check(type, what, given);
    if (status)
        return status;
    const size_t at = first_nonzero(from, type->size, given);
    if (at < given)
        return clattn__fail(CLATTN_INVALID_ARGUMENT,
                            "%s.struct_size is %zu and its byte %zu is not 0; the library (clattn %s) knows the first "
                            "%zu bytes of a %s: this program was built with a later clattn than the library it runs "
                            "with, and uses a feature of that later one. Run it with the later library, or leave the "
                            "newer members 0",
                            what, given, at, clattn_version_string(), type->size, type->name);
    memset(into, 0, type->size);
    memcpy(into, from, given < type->size ? given : type->size);
    memcpy(into, &type->size, sizeof type->size);
    return CLATTN_SUCCESS;
}

void clattn__element_give(const void *from, size_t size, void *to, size_t given)
{
    memcpy(to, from, given < size ? given : size);
    if (given > size)
        memset((char *)to + size, 0, given - size);
}

void clattn__struct_write(const void *from, size_t size, void *to)
{
    size_t given;
    memcpy(&given, to, sizeof given);
    clattn__element_give(from, size, to, given);
    memcpy(to, &given, sizeof given);
}
