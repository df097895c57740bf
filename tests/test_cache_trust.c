/* SPDX-License-Identifier: Apache-2.0 */
/* Users run the code in their cache folder. Entries that another user could have written, that have
 * another entry's name, or that are not regular files are not used: the program is rebuilt and the
 * entry replaced where possible.
 *
 * The tests plant an entry that the library should not load. It has a correct hash, and a kernel of
 * the right name but without arguments, so that a plan that loads it cannot be enqueued. */
#include "cache_scene.h"

#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALARM_SECONDS = 120, NOBODY = 65534 };

static const char empty_kernels[] = "__kernel void forward(void) {}\n"
                                    "__kernel void forward_decode(void) {}\n"
                                    "__kernel void forward_wgmma(void) {}\n"
                                    "__kernel void forward_decode_mma(void) {}\n";
static const char other_kernel[] = "__kernel void other(void) {}\n";

/* ---- planting ---- */

static unsigned char *compile(const struct cache_scene *f, const char *source, size_t *size)
{
    cl_int error;
    cl_program program = clCreateProgramWithSource(f->device.cl, 1, &source, NULL, &error);
    unsigned char *binary;

    assert_cl(error);
    assert_cl(clBuildProgram(program, 1, &f->device.id, "", NULL, NULL));
    assert_cl(clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof *size, size, NULL));
    binary = malloc(*size);
    assert_non_null(binary);
    assert_cl(clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL));
    assert_cl(clReleaseProgram(program));
    return binary;
}

/* Overwrites the entry at `path` with a planted one: with its key, or with another key if `flip` is
 * not 0. */
static void plant(const struct cache_scene *f, const char *path, const char *source, unsigned char flip)
{
    size_t size, binary_size;
    unsigned char *entry = cache_read_file(path, &size);
    unsigned char *binary = compile(f, source, &binary_size);
    unsigned char *bytes = malloc(CACHE_HEADER_BYTES + binary_size);
    SHA2_CTX hash;

    assert_non_null(bytes);
    memcpy(bytes, entry, CACHE_HEADER_BYTES);
    memcpy(bytes + CACHE_HEADER_BYTES, binary, binary_size);
    bytes[CACHE_HEADER_BYTES - 1] ^= flip;
    SHA256Init(&hash);
    SHA256Update(&hash, bytes + CACHE_MAGIC_BYTES + CACHE_HASH_BYTES, CACHE_HASH_BYTES + binary_size);
    SHA256Final(bytes + CACHE_MAGIC_BYTES, &hash);
    cache_write_file(path, bytes, CACHE_HEADER_BYTES + binary_size);
    free(bytes);
    free(binary);
    free(entry);
}

/* Makes an entry in an empty folder. */
static void make_entry(const struct cache_scene *f, char path[CACHE_PATH_BYTES])
{
    ino_t inode;

    cache_assert_runs(f, f->folder);
    cache_only_file(f->folder, path, &inode);
}

/* The program is rebuilt, and the entry replaced by a good one. */
static void assert_replaced(const struct cache_scene *f, const char *path)
{
    struct stat before, after;
    char found[CACHE_PATH_BYTES];
    ino_t inode;

    assert_int_equal(lstat(path, &before), 0);
    cache_assert_runs(f, f->folder);
    cache_only_file(f->folder, found, &inode);
    assert_string_equal(found, path);
    assert_true(inode != before.st_ino);
    cache_assert_runs(f, f->folder);
    assert_int_equal(lstat(path, &after), 0);
    assert_true(S_ISREG(after.st_mode) && after.st_ino == inode && (after.st_mode & 0777) == 0600);
}

/* ---- tests ---- */

/* Checks the method of the tests below: in a folder that only the user can write, a planted entry
 * is loaded. */
static void test_planted_is_loaded(void **state)
{
    const struct cache_scene *f = *state;
    clattn_options options = device_options();
    char path[CACHE_PATH_BYTES];
    clattn_context *context;
    clattn_status status;
    clattn_plan *plan;

    make_entry(f, path);
    plant(f, path, empty_kernels, 0);
    options.cache_dir = f->folder;
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    status = clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD, &plan);
    if (status ==
        CLATTN_SUCCESS) { /* where plans launch their kernels (PoCL), plan_create already fails for lack of arguments */
        status = clattn_enqueue_forward(plan, f->device.queue, &f->scene.tensors, NULL, 0, NULL, NULL);
    }
    assert_int_equal(status, CLATTN_OPENCL_ERROR);
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
}

static void test_entry_others_may_write(void **state)
{
    static const mode_t modes[] = {0620, 0602, 0666, 0664};
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];

    make_entry(f, path);
    for (size_t n = 0; n < COUNT_OF(modes); n++) {
        plant(f, path, empty_kernels, 0);
        assert_int_equal(chmod(path, modes[n]), 0);
        assert_replaced(f, path);
    }
}

static void test_folder_others_may_write(void **state)
{
    static const mode_t modes[] = {0720, 0702, 0777, 01777};
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];

    for (size_t n = 0; n < COUNT_OF(modes); n++) {
        assert_int_equal(chmod(f->folder, modes[n]), 0);
        cache_assert_runs(f, f->folder);
        assert_int_equal(cache_list(f->folder, NULL), 0);
    }
    assert_int_equal(chmod(f->folder, 0755), 0); /* others may read, but not write */
    make_entry(f, path);
    plant(f, path, empty_kernels, 0);
    for (size_t n = 0; n < COUNT_OF(modes); n++) {
        assert_int_equal(chmod(f->folder, modes[n]), 0);
        cache_assert_runs(f, f->folder);
    }
    assert_int_equal(chmod(f->folder, 0700), 0);
    assert_int_equal(cache_list(f->folder, NULL), 1);
}

/* Another user's files are refused with any permissions, since their owner can change these. */
static void test_of_another_user(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];

    if (geteuid() != 0) {
        print_message("skipped: only root can give files away\n");
        skip();
    }
    make_entry(f, path);
    plant(f, path, empty_kernels, 0);
    assert_int_equal(chown(path, NOBODY, (gid_t)-1), 0);
    assert_replaced(f, path);
    plant(f, path, empty_kernels, 0);
    assert_int_equal(chown(f->folder, NOBODY, (gid_t)-1), 0);
    cache_assert_runs(f, f->folder);
    assert_int_equal(chown(f->folder, 0, (gid_t)-1), 0);
}

/* Two entries are swapped: both are intact, but have the wrong names. */
static void test_entry_of_another_key(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];

    make_entry(f, path);
    plant(f, path, empty_kernels, 1);
    assert_replaced(f, path);
}

static void test_entry_without_the_kernel(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];

    make_entry(f, path);
    plant(f, path, other_kernel, 0);
    assert_replaced(f, path);
}

/* Opening a pipe for reading would wait for a writer for ever. */
static void test_pipe(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES];

    make_entry(f, path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    alarm(ALARM_SECONDS);
    assert_replaced(f, path);
    alarm(0);
}

static void test_link(void **state)
{
    const struct cache_scene *f = *state;
    char path[CACHE_PATH_BYTES], elsewhere[] = "/tmp/clattn_elsewhere_XXXXXX";
    size_t size;
    unsigned char *bytes;
    const int descriptor = mkstemp(elsewhere);

    assert_true(descriptor >= 0);
    close(descriptor);
    make_entry(f, path);
    plant(f, path, empty_kernels, 0);
    bytes = cache_read_file(path, &size);
    cache_write_file(elsewhere, bytes, size);
    free(bytes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(elsewhere, path), 0);
    assert_replaced(f, path);
    assert_int_equal(unlink(elsewhere), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, cache_make_folder, cache_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_planted_is_loaded),
        TEST(test_entry_others_may_write),
        TEST(test_folder_others_may_write),
        TEST(test_of_another_user),
        TEST(test_entry_of_another_key),
        TEST(test_entry_without_the_kernel),
        TEST(test_pipe),
        TEST(test_link),
    };

    return cmocka_run_group_tests_name("cache_trust", tests, cache_setup, cache_teardown);
}
