/* The program cache on disk: what appears in its folder, that it is used, and that nothing in it or about it can do
 * harm.
 *
 * Whether an entry was used shows in the file: a program that was built from source is stored again, under a new
 * inode. */
#include "scene.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 512, HEADER_BYTES = 40 };

struct fixture {
    struct device device;
    struct scene scene;
    unsigned char *expected; /* what a run without a cache gives */
    char folder[64];         /* empty before each test */
};

/* ---- running ---- */

static unsigned char *run(const struct fixture *f, const char *cache_dir)
{
    clattn_options options = device_options();
    char *copy = strdup(cache_dir);
    clattn_context *context;
    clattn_plan *plan;

    assert_non_null(copy);
    options.cache_dir = copy;
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    memset(copy, 'x', strlen(copy)); /* the library has its own */
    free(copy);
    assert_success(clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD, &plan));
    scene_reset(&f->scene);
    assert_success(clattn_enqueue_forward(plan, f->device.queue, &f->scene.tensors, NULL, 0, NULL, NULL));
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
    return scene_result(&f->scene);
}

static void assert_runs(const struct fixture *f, const char *cache_dir)
{
    unsigned char *found = run(f, cache_dir);

    assert_memory_equal(found, f->expected, scene_result_bytes(&f->scene));
    free(found);
}

static int setup(void **state)
{
    static struct fixture f;
    const clattn_problem p = scene_problem();

    device_open(&f.device);
    scene_open(&f.scene, &f.device, &p, 1);
    f.expected = run(&f, "");
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->expected);
    scene_close(&f->scene);
    device_close(&f->device);
    return 0;
}

/* ---- the folder ---- */

static int make_folder(void **state)
{
    struct fixture *f = *state;

    strcpy(f->folder, "/tmp/clattn_cache_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    return 0;
}

/* Entries of a folder but . and .., the last one's path in `path` (PATH_BYTES, or NULL). */
static int list(const char *folder, char *path)
{
    DIR *stream = opendir(folder);
    struct dirent *entry;
    int count = 0;

    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            if (path != NULL) {
                assert_in_range(snprintf(path, PATH_BYTES, "%s/%s", folder, entry->d_name), 1, PATH_BYTES - 1);
            }
        }
    }
    closedir(stream);
    return count;
}

/* Removes what the tests leave: files, and folders in folders. */
static void empty(const char *folder)
{
    char path[PATH_BYTES];

    while (list(folder, path) > 0) {
        if (unlink(path) != 0) {
            empty(path);
        }
    }
    assert_int_equal(rmdir(folder), 0);
}

static int remove_folder(void **state)
{
    struct fixture *f = *state;

    empty(f->folder);
    return 0;
}

/* The cache's only file; its inode goes to *inode. */
static void only_file(const char *folder, char *path, ino_t *inode)
{
    struct stat info;
    const char *name;

    assert_int_equal(list(folder, path), 1);
    name = strrchr(path, '/') + 1;
    assert_int_equal(strspn(name, "0123456789abcdef"), 64);
    assert_string_equal(name + 64, ".clbin");
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode) && info.st_size > HEADER_BYTES);
    *inode = info.st_ino;
}

static unsigned char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes;
    struct stat info;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    *size = (size_t)info.st_size;
    bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

static void write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

enum { WHOLE = -1 };

/* ---- tests ---- */

static void test_stores_and_loads(void **state)
{
    const struct fixture *f = *state;
    char path[PATH_BYTES];
    ino_t first, second;

    assert_runs(f, f->folder);
    only_file(f->folder, path, &first);
    assert_runs(f, f->folder);
    only_file(f->folder, path, &second);
    assert_true(first == second);
}

/* Writes the entry back with `kept` of its bytes, WHOLE for all and WHOLE - n for n less, and those of `flip` in byte
 * `place`, of which -1 is the last. */
static void spoil(const char *path, long kept, long place, unsigned char flip)
{
    size_t size;
    unsigned char *bytes = read_file(path, &size);
    const size_t keep = kept < 0 ? size - (size_t)(WHOLE - kept) : (size_t)kept;
    const size_t at = place < 0 ? size - (size_t)-place : (size_t)place;

    assert_true(keep <= size && at < size);
    bytes[at] ^= flip;
    write_file(path, bytes, keep);
    free(bytes);
}

/* Whatever was done to an entry, it is replaced by a good one; which need not be as long, by every compiler. */
static void test_spoilt_entries(void **state)
{
    const struct fixture *f = *state;
    char path[PATH_BYTES];
    ino_t first, second;
    static const struct {
        long keep, at;
        unsigned char flip;
    } ways[] = {
        {WHOLE, 0, 1},        {WHOLE, 8, 0x80},  {WHOLE, HEADER_BYTES, 1},
        {WHOLE, -1, 0x40},    {WHOLE - 1, 0, 0}, {HEADER_BYTES + 1, 0, 0},
        {HEADER_BYTES, 0, 0}, {7, 0, 0},         {0, 0, 0},
    };

    assert_runs(f, f->folder);
    only_file(f->folder, path, &first);
    for (size_t n = 0; n < COUNT_OF(ways); n++) {
        spoil(path, ways[n].keep, ways[n].at, ways[n].flip);
        assert_runs(f, f->folder);
        only_file(f->folder, path, &first);
        assert_runs(f, f->folder);
        only_file(f->folder, path, &second);
        assert_true(first == second);
    }
}

/* What stands where the entry belongs cannot be replaced: a folder. Nothing may be left beside it. */
static void test_folder_in_place_of_entry(void **state)
{
    const struct fixture *f = *state;
    char path[PATH_BYTES], found[PATH_BYTES];
    ino_t inode;

    assert_runs(f, f->folder);
    only_file(f->folder, path, &inode);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_runs(f, f->folder);
    assert_int_equal(list(f->folder, found), 1);
    assert_string_equal(found, path);
}

static void test_makes_folders(void **state)
{
    const struct fixture *f = *state;
    char nested[PATH_BYTES], path[PATH_BYTES];
    ino_t inode;

    snprintf(nested, sizeof nested, "%s/a/b/c", f->folder);
    assert_runs(f, nested);
    only_file(nested, path, &inode);
}

/* Folders that cannot be made or written to: the library works without. */
static void test_useless_folders(void **state)
{
    static const char *const folders[] = {"/dev/null", "/dev/null/clattn", "/proc/clattn", "/proc/self/clattn/x"};
    const struct fixture *f = *state;
    char path[PATH_BYTES];

    for (size_t n = 0; n < COUNT_OF(folders); n++) {
        assert_runs(f, folders[n]);
    }
    snprintf(path, sizeof path, "%s/file", f->folder);
    write_file(path, "not a folder", 12);
    assert_runs(f, path);
    strcat(path, "/below");
    assert_runs(f, path);
    assert_int_equal(list(f->folder, NULL), 1);
    assert_int_equal(chmod(f->folder, 0500), 0);
    assert_runs(f, f->folder);
    assert_int_equal(list(f->folder, NULL), geteuid() == 0 ? 2 : 1); /* root may write there nevertheless */
    assert_int_equal(chmod(f->folder, 0700), 0);
}

/* Another kernel, options or device is another entry. */
static void test_one_entry_a_program(void **state)
{
    const struct fixture *f = *state;
    clattn_options options = device_options();
    clattn_context *context;
    clattn_plan *plan;

    options.cache_dir = f->folder;
    for (int round = 0; round < 2; round++) {
        options.build_options = round ? "-DUNUSED" : NULL;
        assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
        assert_non_null(strstr(clattn_context_describe(context), f->folder));
        assert_success(clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD, &plan));
        assert_int_equal(list(f->folder, NULL), round + 1);
        clattn_plan_destroy(plan);
        clattn_context_destroy(context);
    }
}

/* The default: below XDG_CACHE_HOME, or nowhere where the driver has a cache itself; never with "". */
static void test_default_folder(void **state)
{
    const struct fixture *f = *state;
    clattn_options options = device_options();
    clattn_context *context;
    char folder[PATH_BYTES];

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
    assert_int_equal(list(f->folder, NULL), 0); /* made when there is something to keep */
    assert_int_equal(unsetenv("XDG_CACHE_HOME"), 0);
}

/* ---- several at once ---- */

struct worker {
    pthread_t thread;
    const struct fixture *f;
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

/* Contexts that build and store the same program at the same time, as processes would. */
static void test_several_at_once(void **state)
{
    const struct fixture *f = *state;
    struct worker workers[4];
    char path[PATH_BYTES];
    ino_t inode;

    for (size_t n = 0; n < COUNT_OF(workers); n++) {
        workers[n] = (struct worker){.f = f};
        assert_int_equal(pthread_create(&workers[n].thread, NULL, make_plan, &workers[n]), 0);
    }
    for (size_t n = 0; n < COUNT_OF(workers); n++) {
        assert_int_equal(pthread_join(workers[n].thread, NULL), 0);
        assert_int_equal(workers[n].status, CLATTN_SUCCESS);
    }
    only_file(f->folder, path, &inode);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stores_and_loads), TEST(test_spoilt_entries),  TEST(test_folder_in_place_of_entry),
        TEST(test_makes_folders),    TEST(test_useless_folders), TEST(test_one_entry_a_program),
        TEST(test_default_folder),   TEST(test_several_at_once),
    };

    return cmocka_run_group_tests_name("cache", tests, setup, teardown);
}
