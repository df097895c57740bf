/* SPDX-License-Identifier: Apache-2.0 */
/* A folder for the library's files on disk. A failure here fails the running cmocka test. */
#ifndef CLATTN_TESTS_FOLDER_H
#define CLATTN_TESTS_FOLDER_H

enum { FOLDER_BYTES = 64 };

/* Makes a new folder; its name contains `name`. */
void folder_make(char path[FOLDER_BYTES], const char *name);
/* Removes the folder's files. Fails if any is not a compiled kernel or a file of tuned
 * configurations. */
void folder_empty(const char *path);
/* folder_empty, then removes the folder. */
void folder_remove(const char *path);

#endif
