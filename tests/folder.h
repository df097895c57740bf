/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for what the library keeps on disk. What fails here fails the cmocka test that is running. */
#ifndef CLATTN_TESTS_FOLDER_H
#define CLATTN_TESTS_FOLDER_H

enum { FOLDER_BYTES = 64 };

/* Makes a new one, `name` in its name. */
void folder_make(char path[FOLDER_BYTES], const char *name);
/* Removes its files. Only whole ones may be left: compiled kernels and tuned configurations, nothing temporary. */
void folder_empty(const char *path);
/* And the folder. */
void folder_remove(const char *path);

#endif
