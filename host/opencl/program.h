/* SPDX-License-Identifier: Apache-2.0 */
/* From kernel text to programs: assembled, found in memory or on disk, or built. */
#ifndef CLATTN_OPENCL_PROGRAM_H
#define CLATTN_OPENCL_PROGRAM_H

#include "opencl/context.h"

/* ---- source.c: kernel text ---- */

/* The text of the kernel file NAME.cl with everything it includes, and #line directives for the
 * compiler's log. */
clattn_status clattn__source_assemble(const clattn_allocator *allocator, const char *name, struct clattn__text *text);

/* ---- program.c: source and options -> built program, once a context ---- */

struct clattn__program {
    struct clattn__program *next;
    char *key; /* kernel name and options */
    cl_program program;
    size_t warm[2]; /* group size of the last clattn__warm: [0] small launches, [1] large ones */
};

/* Finds or builds the program of the kernel file KERNEL.cl. With `edit`, the compiled text is
 * edited before it is loaded (ptx.h). The context owns the program. */
clattn_status clattn__program_get(clattn_context *context, bool edit, const char *kernel, const char *options,
                                  cl_program *program);
/* Notes that the program has been warmed up for such launches; true if it already was. */
bool clattn__program_warm(clattn_context *context, cl_program program, bool large, size_t group_size);
void clattn__programs_release(clattn_context *context);

/* ---- cache.c: compiled programs on disk ---- */

/* Loads the program; NULL if the folder has no usable entry with the kernel; never an error. */
cl_program clattn__cache_load(clattn_context *context, const struct clattn__text *source, const char *kernel,
                              const char *options);
void clattn__cache_store(clattn_context *context, const struct clattn__text *source, const char *options,
                         cl_program program);
/* The program's binary for the context's device; the caller releases it. NULL: none. */
unsigned char *clattn__program_binary(clattn_context *context, cl_program program, size_t *size);
/* folder/HASH.suffix, with the hash of `count` texts; check `failed`. */
struct clattn__text clattn__cache_path(const clattn_allocator *allocator, const char *folder, const char *const *parts,
                                       size_t count, const char *suffix);
/* The default folder, or NULL. */
char *clattn__cache_default_dir(const clattn_allocator *allocator);

/* ---- probe.c: more local memory than the device reports ---- */

/* Raises device.local_bytes if a GPU has more. Never an error. */
void clattn__probe(clattn_context *context);
/* Whether a kernel with `bytes` of local memory builds, runs and is correct. */
bool clattn__probe_local(clattn_context *context, size_t bytes);

#endif
