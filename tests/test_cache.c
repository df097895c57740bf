/* SPDX-License-Identifier: Apache-2.0 */
/* The program cache on disk: the files in its folder, and that they are used. Untrusted entries are
 * in test_cache_trust.c. */
#include "cache_scene.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WHOLE = -1 };

static void test_stores_and_loads(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];
    ino_t first, second;

    cache_assert_runs(f, f->folder);
    cache_only_file(f->folder, path, &first);
    cache_assert_runs(f, f->folder);
    cache_only_file(f->folder, path, &second);
    assert_true(first == second);
}

/* Rewrites the entry with its first `kept` bytes (WHOLE: all; WHOLE - n: n fewer), and flips the
 * bits of `flip` in byte `place` (-1: the last). */
static void spoil(const char *path, long kept, long place, unsigned char flip)
{
    size_t size;
    unsigned char *bytes = cache_read_file(path, &size);
    const size_t keep = kept < 0 ? size - (size_t)(WHOLE - kept) : (size_t)kept;
    const size_t at = place < 0 ? size - (size_t)-place : (size_t)place;

    assert_true(keep <= size && at < size);
    bytes[at] ^= flip;
    cache_write_file(path, bytes, keep);
    free(bytes);
}

/* A damaged entry is replaced by a good one, which some compilers make of a different length. */
static void test_spoilt_entries(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];
    ino_t first, second;
    static const struct {
        long keep, at;
        unsigned char flip;
    } ways[] = {
        {WHOLE, 0, 1},
        {WHOLE, 8, 0x80},
        {WHOLE, 40, 1},
        {WHOLE, CACHE_HEADER_BYTES, 1},
        {WHOLE, -1, 0x40},
        {WHOLE - 1, 0, 0},
        {CACHE_HEADER_BYTES + 1, 0, 0},
        {CACHE_HEADER_BYTES, 0, 0},
        {7, 0, 0},
        {0, 0, 0},
    };

    cache_assert_runs(f, f->folder);
    cache_only_file(f->folder, path, &first);
    for (size_t n = 0; n < COUNT_OF(ways); n++) {
        spoil(path, ways[n].keep, ways[n].at, ways[n].flip);
        cache_assert_runs(f, f->folder);
        cache_only_file(f->folder, path, &first);
        cache_assert_runs(f, f->folder);
        cache_only_file(f->folder, path, &second);
        assert_true(first == second);
    }
}

/* A folder with the entry's name cannot be replaced. No temporary file may remain. */
static void test_folder_in_place_of_entry(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES], found[CACHE_PATH_BYTES];
    ino_t inode;

    cache_assert_runs(f, f->folder);
    cache_only_file(f->folder, path, &inode);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    cache_assert_runs(f, f->folder);
    assert_int_equal(cache_list(f->folder, found), 1);
    assert_string_equal(found, path);
}

static void test_makes_folders(void **state)
{
    const struct cache_scene *f = *state;
    char nested[CACHE_PATH_BYTES], path[CACHE_PATH_BYTES];
    ino_t inode;

    snprintf(nested, sizeof nested, "%s/a/b/c", f->folder);
    cache_assert_runs(f, nested);
    cache_only_file(nested, path, &inode);
}

/* Folders that cannot be made or written: the library works without a cache. */
static void test_useless_folders(void **state)
{
    static const char *const folders[] = {"/dev/null", "/dev/null/clattn", "/proc/clattn", "/proc/self/clattn/x"};
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];

    for (size_t n = 0; n < COUNT_OF(folders); n++) {
        cache_assert_runs(f, folders[n]);
    }
    snprintf(path, sizeof path, "%s/file", f->folder);
    cache_write_file(path, "not a folder", 12);
    cache_assert_runs(f, path);
    strcat(path, "/below");
    cache_assert_runs(f, path);
    assert_int_equal(cache_list(f->folder, NULL), 1);
    assert_int_equal(chmod(f->folder, 0500), 0);
    cache_assert_runs(f, f->folder);
    assert_int_equal(cache_list(f->folder, NULL), geteuid() == 0 ? 2 : 1); /* root may still write there */
    assert_int_equal(chmod(f->folder, 0700), 0);
}

/* A different kernel, different options or a different device gets its own entry. */
static void test_one_entry_a_program(void **state)
{
    const struct cache_scene *f = *state;
    clattn_options options = device_options();
    clattn_context *context;
    clattn_plan *plan;

    options.cache_dir = f->folder;
    for (int round = 0; round < 2; round++) {
        options.build_options = round ? "-DUNUSED" : NULL;
        assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
        assert_non_null(strstr(clattn_context_describe(context), f->folder));
        assert_success(clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD, &plan));
        assert_int_equal(cache_list(f->folder, NULL), round + 1);
        clattn_plan_destroy(plan);
        clattn_context_destroy(context);
    }
}

/* The default folder: below XDG_CACHE_HOME; none if the driver has its own cache, or with "". */
static void test_default_folder(void **state)
{
    const struct cache_scene *f = *state;
    clattn_options options = device_options();
    clattn_context *context;
    char folder[CACHE_PATH_BYTES];

    snprintf(folder, sizeof folder, "%s/clattn", f->folder);
    assert_int_equal(setenv("XDG_CACHE_HOME", f->folder, 1), 0);
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    assert_null(strstr(clattn_context_describe(context), f->folder));
    clattn_context_destroy(context);
    options.cache_dir = NULL;
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    if (strstr(clattn_context_describe(context), "driver keeps its own") == NULL) {
        assert_non_null(strstr(clattn_context_describe(context), folder));
    }
    clattn_context_destroy(context);
    assert_int_equal(cache_list(f->folder, NULL), 0); /* made with the first entry */
    assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
}

/* ---- several at once ---- */

struct worker {
    pthread_t thread;
    const struct cache_scene *f;
    clattn_status status;
};

static void *make_plan(void *argument)
{
    struct worker *w = argument;
    clattn_options options = CLATTN_OPTIONS_INIT;
    clattn_context *context;
    clattn_plan *plan = NULL;

    options.cache_dir = w->f->folder;
    w->status = clattn_context_create(w->f->device.cl, w->f->device.id, &options, &context);
    if (w->status == CLATTN_SUCCESS) {
        w->status = clattn_plan_create(context, &w->f->scene.problem, CLATTN_FORWARD, &plan);
        clattn_plan_destroy(plan);
        clattn_context_destroy(context);
    }
    return NULL;
}

/* Several contexts build and store the same program at once, as processes would. */
static void test_several_at_once(void **state)
{
    const struct cache_scene *f = *state;
    struct worker workers[4];
    char path[CACHE_PATH_BYTES];
    ino_t inode;

    for (size_t n = 0; n < COUNT_OF(workers); n++) {
        workers[n] = (struct worker){.f = f};
        assert_int_equal(pthread_create(&workers[n].thread, NULL, make_plan, &workers[n]), 0);
    }
    for (size_t n = 0; n < COUNT_OF(workers); n++) {
        assert_int_equal(pthread_join(workers[n].thread, NULL), 0);
        assert_int_equal(workers[n].status, CLATTN_SUCCESS);
    }
    cache_only_file(f->folder, path, &inode);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cache_make_folder, cache_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stores_and_loads), TEST(test_spoilt_entries),  TEST(test_folder_in_place_of_entry),
        TEST(test_makes_folders),    TEST(test_useless_folders), TEST(test_one_entry_a_program),
        TEST(test_default_folder),   TEST(test_several_at_once),
    };

    return cmocka_run_group_tests_name("cache", tests, cache_setup, cache_teardown);
}
