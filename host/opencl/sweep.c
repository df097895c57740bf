/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps a cache folder within its limits. The process that writes a compiled program sweeps the
 * folder, after the seconds that compiling took. Files with other names than the library's are
 * never touched. */
#if !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif
#include "opencl/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HASH_DIGITS = 64, MOST_ENTRIES = 4096, ROUNDS = 64 };
static const int64_t most_bytes = 256 << 20;
static const time_t abandoned_seconds = 3600; /* writing takes less than a second */

/* What follows the hash in a file name of the library; NULL for other names. */
static const char *suffix_of(const char *name)
{
    return strspn(name, "0123456789abcdef") == HASH_DIGITS && name[HASH_DIGITS] == '.' ? name + HASH_DIGITS : NULL;
}

static bool is_temporary(const char *suffix)
{
    return strncmp(suffix, ".clbin.", 7) == 0 || strncmp(suffix, ".tuned.", 7) == 0;
}

struct sweep {
    int folder;
    time_t now;
    const char *newest;
    int64_t bytes; /* of all compiled programs */
    size_t count;
    char oldest[HASH_DIGITS + 8]; /* "": no file may be deleted */
    time_t oldest_use;
};

static void see(struct sweep *sweep, const char *name)
{
    struct stat info;
    const char *suffix = suffix_of(name);
    if (!suffix || fstatat(sweep->folder, name, &info, AT_SYMLINK_NOFOLLOW) || !S_ISREG(info.st_mode))
        return;
    if (is_temporary(suffix) && sweep->now - info.st_mtime > abandoned_seconds)
        unlinkat(sweep->folder, name, 0);
    if (strcmp(suffix, ".clbin") != 0)
        return;
    sweep->bytes += info.st_size;
    ++sweep->count;
    if (strcmp(name, sweep->newest) != 0 && (!sweep->oldest[0] || info.st_mtime < sweep->oldest_use)) {
        strcpy(sweep->oldest, name);
        sweep->oldest_use = info.st_mtime;
    }
}

static bool see_all(struct sweep *sweep)
{
    const int again = openat(sweep->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = again < 0 ? NULL : fdopendir(again);
    if (!stream) {
        if (again >= 0)
            close(again);
        return false;
    }
    for (const struct dirent *entry; (entry = readdir(stream)) != NULL;)
        see(sweep, entry->d_name);
    closedir(stream);
    return true;
}

/* Deletes one file a round: a full folder is usually one program over its limit. */
void clattn__folder_sweep(int folder, const char *newest)
{
    for (int i = 0; i < ROUNDS; ++i) {
        struct sweep sweep = {.folder = folder, .now = time(NULL), .newest = newest};
        if (!see_all(&sweep) || !sweep.oldest[0] || (sweep.bytes <= most_bytes && sweep.count <= MOST_ENTRIES) ||
            unlinkat(folder, sweep.oldest, 0))
            return;
    }
}
