/* SPDX-License-Identifier: Apache-2.0 */
#include "folder.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

enum { HASH_DIGITS = 64 };

void folder_make(char path[FOLDER_BYTES], const char *name)
{
    assert_in_range(snprintf(path, FOLDER_BYTES, "/tmp/clattn_%s_XXXXXX", name), 1, FOLDER_BYTES - 1);
    assert_non_null(mkdtemp(path));
}

void folder_empty(const char *path)
{
    DIR *stream = opendir(path);
    struct dirent *entry;
    char file[FOLDER_BYTES + 300];

    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        if (entry->d_name[0] != '.') {
            const char *suffix = entry->d_name + strspn(entry->d_name, "0123456789abcdef");

            assert_int_equal(suffix - entry->d_name, HASH_DIGITS);
            assert_true(strcmp(suffix, ".clbin") == 0 || strcmp(suffix, ".tuned") == 0);
            assert_in_range(snprintf(file, sizeof file, "%s/%s", path, entry->d_name), 1, sizeof file - 1);
            assert_int_equal(unlink(file), 0);
        }
    }
    closedir(stream);
}

void folder_remove(const char *path)
{
    folder_empty(path);
    assert_int_equal(rmdir(path), 0);
}
