/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes whole files of the cache folder.
 *
 * Their contents are executed. So a folder or file is used only if it belongs to the effective user
 * and nobody else may write to it. Access control lists count too: they show in the group's bits.
 * The checks are on open descriptors, and files are opened relative to the checked folder. Parent
 * folders do not matter: whoever can replace something in them can only put another folder of the
 * same user there. */
#ifndef CLATTN_OPENCL_FILES_H
#define CLATTN_OPENCL_FILES_H

#include "base/base.h"

/* The whole file and a NUL. NULL with *size 0: no file that is regular, safe, not empty and at most
 * `most` bytes. NULL with another *size: it could not be read, or memory is out. Never waits for a
 * pipe. `note` sets the file's modification time to now, as its last use for the sweep. */
unsigned char *clattn__file_read(const clattn_allocator *allocator, const char *path, size_t most, bool note,
                                 size_t *size);

struct clattn__part {
    const void *bytes;
    size_t size;
};

/* Writes the parts to a temporary file and renames it, so that the file appears whole or not at
 * all. Creates the folder if missing, and sweeps it. False: not written, or the folder is not
 * safe. */
bool clattn__file_replace(const clattn_allocator *allocator, const char *path, const struct clattn__part *parts,
                          size_t count);

/* ---- sweep.c ---- */

/* Deletes temporary files of processes that died, and the least recently used compiled programs
 * until the folder is within its limits; never `newest`. */
void clattn__folder_sweep(int folder, const char *newest);

#endif
