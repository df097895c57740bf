/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the cache folder, read and written whole. What they hold is run, so a folder or a file is only used where it
 * belongs to the effective user and nobody else may write it (access lists included: they show in the group's bits).
 * What is judged is what was opened, and files are opened within the folder that was judged. The folders above it do
 * not matter: whoever can put something else in its place can only put something that is the user's too. */
#ifndef CLATTN_OPENCL_FILES_H
#define CLATTN_OPENCL_FILES_H

#include "base/base.h"

/* The whole file with a NUL behind it. NULL with *size 0: there is none that is regular, safe, not empty, and no larger
 * than `most` bytes; NULL with another *size: it could not be read, or memory is short. Never waits for a pipe. With
 * `note` its time of change becomes that of its last use, which the sweep goes by. */
unsigned char *clattn__file_read(const clattn_allocator *allocator, const char *path, size_t most, bool note,
                                 size_t *size);

struct clattn__part {
    const void *bytes;
    size_t size;
};

/* Writes the parts one after the other to a file that appears by rename, whole or not at all, makes its folder where it
 * is missing, and sweeps it. False: not written, or the folder is not safe. */
bool clattn__file_replace(const clattn_allocator *allocator, const char *path, const struct clattn__part *parts,
                          size_t count);

/* ---- sweep.c ---- */

/* Removes from an open folder what processes that died have left, and of compiled programs those that were used longest
 * ago, until they keep its bound; never `newest`. */
void clattn__folder_sweep(int folder, const char *newest);

#endif
