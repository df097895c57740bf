/* Files of the cache folder, read and written whole. */
#ifndef CLATTN_FILES_H
#define CLATTN_FILES_H

#include "internal.h"

/* The whole file with a NUL behind it. NULL with *size 0: there is none that is regular, not empty, and no larger than
 * `most` bytes; NULL with another *size: it could not be read, or memory is short. */
unsigned char *clattn__file_read(const clattn_allocator *allocator, const char *path, size_t most, size_t *size);

struct clattn__part {
    const void *bytes;
    size_t size;
};

/* Writes the parts one after the other to a file that appears by rename, whole or not at all, and makes its folder
 * where it is missing. */
bool clattn__file_replace(const clattn_allocator *allocator, const char *folder, const char *path,
                          const struct clattn__part *parts, size_t count);

#endif
