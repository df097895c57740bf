#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "files.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

unsigned char *clattn__file_read(const clattn_allocator *allocator, const char *path, size_t most, size_t *size)
{
    *size = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    unsigned char *bytes = NULL;
    struct stat info;
    if (!fstat(fileno(file), &info) && S_ISREG(info.st_mode) && info.st_size > 0 && (size_t)info.st_size <= most) {
        *size = (size_t)info.st_size;
        bytes = clattn__allocate(allocator, *size + 1);
        if (bytes && fread(bytes, 1, *size, file) != *size) {
            clattn__release(allocator, bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

/* Makes the folder and its parents; whether that worked shows when a file is opened in it. */
static void make_folder(const clattn_allocator *allocator, const char *folder)
{
    char *path = clattn__copy_string(allocator, folder);
    if (!path)
        return;
    for (char *c = path + 1; *c; ++c)
        if (*c == '/') {
            *c = '\0';
            mkdir(path, 0700);
            *c = '/';
        }
    mkdir(path, 0700);
    clattn__release(allocator, path);
}

static bool write_parts(int descriptor, const struct clattn__part *parts, size_t count)
{
    FILE *file = fdopen(descriptor, "wb");
    if (!file) {
        close(descriptor);
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < count; ++i)
        good = good && fwrite(parts[i].bytes, 1, parts[i].size, file) == parts[i].size;
    if (fclose(file))
        good = false;
    return good;
}

bool clattn__file_replace(const clattn_allocator *allocator, const char *folder, const char *path,
                          const struct clattn__part *parts, size_t count)
{
    struct clattn__text temporary = {.allocator = allocator};
    clattn__text_add(&temporary, "%s.XXXXXX", path);
    make_folder(allocator, folder);
    const int descriptor = temporary.failed ? -1 : mkstemp(temporary.chars);
    const bool good = descriptor >= 0 && write_parts(descriptor, parts, count) && rename(temporary.chars, path) == 0;
    if (descriptor >= 0 && !good)
        unlink(temporary.chars);
    clattn__text_free(&temporary);
    return good;
}
