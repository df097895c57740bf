/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the cache folder, without a device: which files are read, how a file is replaced, which
 * files are removed, and when the environment selects the folder. */
#define _XOPEN_SOURCE 700 /* setreuid */

#include "opencl/files.h"
#include "opencl/program.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

enum { PATH_BYTES = 256, MEBIBYTE = 1 << 20, NOBODY = 65534, HOUR = 3600 };

static const clattn_allocator heap = {NULL, NULL, NULL};

static char folder[64]; /* of each test */

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/clattn_files_XXXXXX");
    assert_non_null(mkdtemp(folder));
    return 0;
}

static int remove_folder(void **state)
{
    char command[PATH_BYTES];

    (void)state;
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

/* A path with a hash that ends in `number`, and a suffix. */
static const char *path_of(int number, const char *suffix)
{
    static char path[PATH_BYTES];

    snprintf(path, sizeof path, "%s/%064x%s", folder, (unsigned)number, suffix);
    return path;
}

/* Makes a file of `size` zero bytes, last changed `changed` seconds ago. */
static void make_file(const char *path, off_t size, time_t changed)
{
    const int descriptor = open(path, O_WRONLY | O_CREAT, 0600);
    const struct timespec times[2] = {{time(NULL), 0}, {time(NULL) - changed, 0}};

    assert_true(descriptor >= 0);
    assert_int_equal(ftruncate(descriptor, size), 0);
    assert_int_equal(futimens(descriptor, times), 0);
    assert_int_equal(close(descriptor), 0);
}

static int exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static int replace(const char *path, const char *text)
{
    const struct clattn__part parts[] = {{text, 1}, {text + 1, strlen(text) - 1}};

    return clattn__file_replace(&heap, path, parts, ARRAY_SIZE(parts));
}

/* Whether the library reads the file, and it has the text. */
static int reads(const char *path, const char *text)
{
    size_t size;
    unsigned char *bytes = clattn__file_read(&heap, path, 100, false, &size);
    const int good = bytes != NULL && size == strlen(text) && memcmp(bytes, text, size + 1) == 0;

    assert_true(bytes != NULL || size == 0);
    clattn__release(&heap, bytes);
    return good;
}

/* ---- reading and replacing ---- */

static void test_replace(void **state)
{
    const char *path = path_of(1, ".tuned");
    struct stat info;

    (void)state;
    assert_false(reads(path, ""));
    assert_true(replace(path, "first"));
    assert_true(reads(path, "first"));
    umask(0);
    assert_true(replace(path, "second"));
    assert_true(reads(path, "second"));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(truncate(path, 101), 0);
    assert_false(reads(path, "second"));
}

static void test_not_read(void **state)
{
    static const mode_t modes[] = {0620, 0602, 0666};
    char path[PATH_BYTES];

    (void)state;
    strcpy(path, path_of(1, ".tuned"));
    assert_true(replace(path, "text"));
    for (size_t n = 0; n < ARRAY_SIZE(modes); n++) {
        assert_int_equal(chmod(path, modes[n]), 0);
        assert_false(reads(path, "text"));
        assert_int_equal(chmod(path, 0644), 0);
        assert_true(reads(path, "text"));
        assert_int_equal(chmod(folder, modes[n] | 0500), 0);
        assert_false(reads(path, "text"));
        assert_false(replace(path, "other"));
        assert_int_equal(chmod(folder, 0700), 0);
        assert_true(reads(path, "text"));
    }
    if (geteuid() == 0) {
        assert_int_equal(chown(path, NOBODY, (gid_t)-1), 0);
        assert_false(reads(path, "text"));
        assert_int_equal(chown(path, 0, (gid_t)-1), 0);
        assert_int_equal(chown(folder, NOBODY, (gid_t)-1), 0);
        assert_false(reads(path, "text"));
        assert_false(replace(path, "other"));
    }
}

static void test_no_file(void **state)
{
    char path[PATH_BYTES];

    (void)state;
    strcpy(path, path_of(1, ".tuned"));
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(10); /* opening a pipe without a writer would block */
    assert_false(reads(path, ""));
    alarm(0);
    assert_true(replace(path, "text"));
    assert_true(reads(path, "text"));
    assert_int_equal(rename(path, path_of(2, ".tuned")), 0);
    assert_int_equal(symlink(path_of(2, ".tuned"), path), 0);
    assert_false(reads(path, "text"));
    assert_true(reads(path_of(2, ".tuned"), "text"));
}

/* ---- sweeping ---- */

static void test_temporaries(void **state)
{
    static const char *const others[] = {"notes.txt", "notes.clbin", "notes.clbin.0123456789abcdef"};
    char path[PATH_BYTES];

    (void)state;
    make_file(path_of(1, ".clbin.aBcDeF"), 10, 2 * HOUR);
    make_file(path_of(2, ".tuned.0123456789abcdef"), 10, 2 * HOUR);
    make_file(path_of(3, ".clbin.0123456789abcdef"), 10, 10); /* a file that is being written */
    make_file(path_of(4, ".tuned"), 10, 99 * HOUR);
    for (size_t n = 0; n < ARRAY_SIZE(others); n++) {
        snprintf(path, sizeof path, "%s/%s", folder, others[n]);
        make_file(path, 500 * MEBIBYTE, 99 * HOUR);
    }
    assert_true(replace(path_of(5, ".clbin"), "program"));
    assert_false(exists(path_of(1, ".clbin.aBcDeF")));
    assert_false(exists(path_of(2, ".tuned.0123456789abcdef")));
    assert_true(exists(path_of(3, ".clbin.0123456789abcdef")));
    assert_true(exists(path_of(4, ".tuned")));
    for (size_t n = 0; n < ARRAY_SIZE(others); n++) {
        snprintf(path, sizeof path, "%s/%s", folder, others[n]);
        assert_true(exists(path));
    }
    assert_true(reads(path_of(5, ".clbin"), "program"));
}

/* Limit of 256 MiB: the least recently used files are removed. */
static void test_bytes(void **state)
{
    (void)state;
    make_file(path_of(1, ".clbin"), 60 * MEBIBYTE, 5 * HOUR);
    make_file(path_of(2, ".clbin"), 60 * MEBIBYTE, 4 * HOUR);
    make_file(path_of(3, ".clbin"), 60 * MEBIBYTE, 8 * HOUR);
    make_file(path_of(4, ".clbin"), 60 * MEBIBYTE, 7 * HOUR);
    assert_true(replace(path_of(5, ".clbin"), "small"));
    for (int n = 1; n <= 5; n++) {
        assert_true(exists(path_of(n, ".clbin")));
    }
    make_file(path_of(6, ".clbin"), 60 * MEBIBYTE, 6 * HOUR);
    make_file(path_of(7, ".clbin"), 60 * MEBIBYTE, 3 * HOUR);
    assert_true(replace(path_of(8, ".clbin"), "small"));
    for (int n = 1; n <= 8; n++) {
        assert_int_equal(exists(path_of(n, ".clbin")), n != 3 && n != 4);
    }
}

/* Limit of 4096 files; the file just written is never removed. */
static void test_count(void **state)
{
    (void)state;
    for (int n = 1; n <= 4100; n++) {
        make_file(path_of(n, ".clbin"), 1, HOUR + n);
    }
    make_file(path_of(0, ".clbin"), 1, -HOUR); /* dated in the future */
    assert_true(replace(path_of(5000, ".clbin"), "small"));
    assert_true(exists(path_of(5000, ".clbin")) && exists(path_of(0, ".clbin")));
    for (int n = 1; n <= 4100; n++) {
        assert_int_equal(exists(path_of(n, ".clbin")), n <= 4094);
    }
}

static void test_use_is_noted(void **state)
{
    struct stat info;
    size_t size;
    char path[PATH_BYTES];

    (void)state;
    strcpy(path, path_of(1, ".clbin"));
    make_file(path, 5, 2 * HOUR);
    for (int note = 0; note < 2; note++) {
        clattn__release(&heap, clattn__file_read(&heap, path, 100, note, &size));
        assert_int_equal(size, 5);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mtime >= time(NULL) - 60, note);
    }
}

/* ---- the default folder ---- */

enum { KEPT = 10, NONE = 11 };

/* Whether a process with these users and groups has a default folder. */
static int has_default(uid_t real, uid_t effective, gid_t real_group, gid_t effective_group)
{
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        if (setregid(real_group, effective_group) != 0 || setreuid(real, effective) != 0) {
            _exit(1);
        }
        _exit(clattn__cache_default_dir(&heap) ? KEPT : NONE);
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* A program that runs with another user's rights than its caller's ignores the environment. */
static void test_environment(void **state)
{
    char *path;

    (void)state;
    assert_int_equal(setenv("XDG_CACHE_HOME", "/a", 1), 0);
    assert_int_equal(setenv("HOME", "/b", 1), 0);
    path = clattn__cache_default_dir(&heap);
    assert_string_equal(path, "/a/clattn");
    clattn__release(&heap, path);
    assert_int_equal(setenv("XDG_CACHE_HOME", "a", 1), 0);
    path = clattn__cache_default_dir(&heap);
    assert_string_equal(path, "/b/.cache/clattn");
    clattn__release(&heap, path);
    if (geteuid() != 0) {
        print_message("skipped: only root can act for others\n");
        skip();
    }
    assert_int_equal(has_default(NOBODY, NOBODY, NOBODY, NOBODY), KEPT);
    assert_int_equal(has_default(0, NOBODY, 0, 0), NONE);
    assert_int_equal(has_default(NOBODY, 0, 0, 0), NONE);
    assert_int_equal(has_default(NOBODY, NOBODY, NOBODY, 0), NONE);
}

/* The same with a set-user-ID file, which the C library knows too. */
static void test_set_user_id(void **state)
{
    char command[2 * PATH_BYTES];
    int status;

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can give files away\n");
        skip();
    }
    snprintf(command, sizeof command,
             "cp /proc/%ld/exe %s/copy && chown %d %s/copy && chmod 4755 %s/copy && chmod 755 %s", (long)getpid(),
             folder, NOBODY, folder, folder, folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "exec %s/copy default", folder);
    status = system(command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), NONE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_replace), TEST(test_not_read),     TEST(test_no_file),     TEST(test_temporaries), TEST(test_bytes),
        TEST(test_count),   TEST(test_use_is_noted), TEST(test_environment), TEST(test_set_user_id),
    };

    if (argc == 2 && strcmp(argv[1], "default") == 0) {        /* as test_set_user_id runs it */
        _exit(clattn__cache_default_dir(&heap) ? KEPT : NONE); /* a leak sanitizer may not run here */
    }
    return cmocka_run_group_tests_name("files", tests, NULL, NULL);
}
