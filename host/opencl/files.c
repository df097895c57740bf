/* SPDX-License-Identifier: Apache-2.0 */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "opencl/files.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- safety ---- */

static bool is_safe(const struct stat *info)
{
    return info->st_uid == geteuid() && !(info->st_mode & (S_IWGRP | S_IWOTH));
}

/* The folder of a path, up to its last slash; *name is the rest. The path must have a slash. NULL:
 * no memory. */
static char *folder_of(const clattn_allocator *allocator, const char *path, const char **name)
{
    char *folder = clattn__copy_string(allocator, path);
    *name = strrchr(path, '/') + 1;
    if (folder)
        folder[*name - path] = '\0';
    return folder;
}

/* Opens a safe folder; -1: none. */
static int open_folder(const char *folder)
{
    struct stat info;
    const int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0 || (!fstat(descriptor, &info) && is_safe(&info)))
        return descriptor;
    close(descriptor);
    return -1;
}

/* ---- reading ---- */

/* Opens a safe regular file. O_NONBLOCK: opening a pipe would wait for its writer. */
static FILE *open_file(int folder, const char *name, struct stat *info)
{
    const int descriptor = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
    if (descriptor < 0)
        return NULL;
    const bool good = !fstat(descriptor, info) && S_ISREG(info->st_mode) && is_safe(info);
    FILE *file = good ? fdopen(descriptor, "rb") : NULL;
    if (!file)
        close(descriptor);
    return file;
}

/* Notes the use as the time of modification, because many mounts do not keep access times. Once an
 * hour is precise enough. */
static void note_use(int descriptor, const struct stat *info)
{
    if (time(NULL) - info->st_mtime > 3600)
        (void)futimens(descriptor, NULL); /* if this fails, the folder cannot be swept either */
}

static unsigned char *read_file(const clattn_allocator *allocator, FILE *file, size_t size)
{
    unsigned char *bytes = clattn__allocate(allocator, size + 1);
    if (bytes && fread(bytes, 1, size, file) == size)
        return bytes;
    clattn__release(allocator, bytes);
    return NULL;
}

unsigned char *clattn__file_read(const clattn_allocator *allocator, const char *path, size_t most, bool note,
                                 size_t *size)
{
    const char *name;
    char *folder = folder_of(allocator, path, &name);
    *size = folder ? 0 : 1;
    const int descriptor = folder ? open_folder(folder) : -1;
    struct stat info;
    FILE *file = descriptor < 0 ? NULL : open_file(descriptor, name, &info);
    unsigned char *bytes = NULL;
    if (file && info.st_size > 0 && (size_t)info.st_size <= most) {
        *size = (size_t)info.st_size;
        bytes = read_file(allocator, file, *size);
        if (note)
            note_use(fileno(file), &info);
    }
    if (file)
        fclose(file);
    if (descriptor >= 0)
        close(descriptor);
    clattn__release(allocator, folder);
    return bytes;
}

/* ---- writing ---- */

/* Creates the folder (the name ends in a slash) and its parents. Failure shows when it is
 * opened. */
static void make_folder(char *folder)
{
    for (char *c = folder + 1; *c; ++c)
        if (*c == '/') {
            *c = '\0';
            mkdir(folder, 0700);
            *c = '/';
        }
}

/* For the name of a cache file, or of a temporary one: a dot and 16 digits more. */
enum { NAME_BYTES = 128 };

/* Creates a file with a new name, which it writes to `temporary`. */
static int make_temporary(int folder, const char *name, char temporary[NAME_BYTES])
{
    enum { ATTEMPTS = 16 };
    int descriptor = -1;
    for (int i = 0; descriptor < 0 && i < ATTEMPTS; ++i) {
        struct timespec now = {0, 0};
        clock_gettime(CLOCK_REALTIME, &now);
        const uint64_t number =
            (uint64_t)now.tv_nsec << 32 ^ (uint64_t)getpid() << 8 ^ (uintptr_t)temporary ^ (uint64_t)i;
        const int length = snprintf(temporary, NAME_BYTES, "%s.%016llx", name, (unsigned long long)number);
        if (length < 0 || length >= NAME_BYTES)
            return -1;
        descriptor = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    }
    return descriptor;
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

static bool replace_in(int folder, const char *name, const struct clattn__part *parts, size_t count)
{
    char temporary[NAME_BYTES];
    const int descriptor = make_temporary(folder, name, temporary);
    const bool good =
        descriptor >= 0 && write_parts(descriptor, parts, count) && renameat(folder, temporary, folder, name) == 0;
    if (descriptor >= 0 && !good)
        unlinkat(folder, temporary, 0);
    return good;
}

bool clattn__file_replace(const clattn_allocator *allocator, const char *path, const struct clattn__part *parts,
                          size_t count)
{
    const char *name;
    char *folder = folder_of(allocator, path, &name);
    if (!folder)
        return false;
    make_folder(folder);
    const int descriptor = open_folder(folder);
    const bool good = descriptor >= 0 && replace_in(descriptor, name, parts, count);
    if (good)
        clattn__folder_sweep(descriptor, name);
    if (descriptor >= 0)
        close(descriptor);
    clattn__release(allocator, folder);
    return good;
}
