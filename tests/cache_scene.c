/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_scene.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- running ---- */

static unsigned char *run(const struct cache_scene *f, const char *cache_dir)
{
    clattn_options options = device_options();
    char *copy = strdup(cache_dir);
    clattn_context *context;
    clattn_plan *plan;

    assert_non_null(copy);
    options.cache_dir = copy;
    assert_success(clattn_context_create(f->device.cl, f->device.id, &options, &context));
    memset(copy, 'x', strlen(copy)); /* the library has copied it */
    free(copy);
    assert_success(clattn_plan_create(context, &f->scene.problem, CLATTN_FORWARD, &plan));
    scene_reset(&f->scene);
    assert_success(clattn_enqueue_forward(plan, f->device.queue, &f->scene.tensors, NULL, 0, NULL, NULL));
    clattn_plan_destroy(plan);
    clattn_context_destroy(context);
    return scene_result(&f->scene);
}

void cache_assert_runs(const struct cache_scene *f, const char *cache_dir)
{
    unsigned char *found = run(f, cache_dir);

    assert_memory_equal(found, f->expected, scene_result_bytes(&f->scene));
    free(found);
}

int cache_setup(void **state)
{
    static struct cache_scene f;
    const clattn_problem p = scene_problem();

    device_open(&f.device);
    scene_open(&f.scene, &f.device, &p, 1);
    f.expected = run(&f, "");
    *state = &f;
    return 0;
}

int cache_teardown(void **state)
{
    struct cache_scene *f = *state;

    free(f->expected);
    scene_close(&f->scene);
    device_close(&f->device);
    return 0;
}

/* ---- the folder ---- */

int cache_make_folder(void **state)
{
    struct cache_scene *f = *state;

    strcpy(f->folder, "/tmp/clattn_cache_XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    return 0;
}

int cache_list(const char *folder, char *path)
{
    DIR *stream = opendir(folder);
    struct dirent *entry;
    int count = 0;

    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            if (path != NULL) {
                assert_in_range(snprintf(path, CACHE_PATH_BYTES, "%s/%s", folder, entry->d_name), 1,
                                CACHE_PATH_BYTES - 1);
            }
        }
    }
    closedir(stream);
    return count;
}

/* Removes the files and subfolders of a test. */
static void empty(const char *folder)
{
    char path[CACHE_PATH_BYTES];

    while (cache_list(folder, path) > 0) {
        if (unlink(path) != 0) {
            empty(path);
        }
    }
    assert_int_equal(rmdir(folder), 0);
}

int cache_remove_folder(void **state)
{
    struct cache_scene *f = *state;

    empty(f->folder);
    return 0;
}

void cache_only_file(const char *folder, char *path, ino_t *inode)
{
    struct stat info;
    const char *name;

    assert_int_equal(cache_list(folder, path), 1);
    name = strrchr(path, '/') + 1;
    assert_int_equal(strspn(name, "0123456789abcdef"), 64);
    assert_string_equal(name + 64, ".clbin");
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode) && info.st_size > CACHE_HEADER_BYTES);
    *inode = info.st_ino;
}

unsigned char *cache_read_file(const char *path, size_t *size)
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

void cache_write_file(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}
