/* SPDX-License-Identifier: Apache-2.0 */
/* A plan whose programs go to the test's own cache folder.
 *
 * The file shows whether an entry was used: a program built from source is stored again, with a new
 * inode. */
#ifndef CLATTN_TESTS_CACHE_SCENE_H
#define CLATTN_TESTS_CACHE_SCENE_H

#include "scene.h"

#include <sys/types.h>

/* An entry: 8 bytes of magic, the SHA-256 of the rest, the key, the binary. */
enum { CACHE_PATH_BYTES = 512, CACHE_MAGIC_BYTES = 8, CACHE_HASH_BYTES = 32, CACHE_HEADER_BYTES = 72 };

struct cache_scene {
    struct device device;
    struct scene scene;
    unsigned char *expected; /* the results of a run without a cache */
    char folder[64];         /* empty before each test */
};

/* Set-up and teardown of all tests, and of each test; *state: a struct cache_scene. */
int cache_setup(void **state);
int cache_teardown(void **state);
int cache_make_folder(void **state);
int cache_remove_folder(void **state);

/* Fails unless forward in a context with this folder gives `expected`. */
void cache_assert_runs(const struct cache_scene *f, const char *cache_dir);

/* The number of entries of a folder except . and ..; the last one's path goes to `path`
 * (CACHE_PATH_BYTES, or NULL). */
int cache_list(const char *folder, char *path);
/* The path of the cache's only file; its inode goes to *inode. */
void cache_only_file(const char *folder, char *path, ino_t *inode);
unsigned char *cache_read_file(const char *path, size_t *size);
void cache_write_file(const char *path, const void *bytes, size_t size);

#endif
