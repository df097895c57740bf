/* SPDX-License-Identifier: Apache-2.0 */
/* From kernel text to programs: put together, found in memory or on disk, or built. */
#ifndef CLATTN_OPENCL_PROGRAM_H
#define CLATTN_OPENCL_PROGRAM_H

#include "opencl/context.h"

/* ---- source.c: kernel text ---- */

/* The text of kernels/NAME.cl with everything it includes, and #line marks for the compiler's log. */
clattn_status clattn__source_assemble(const clattn_allocator *allocator, const char *name, struct clattn__text *text);

/* ---- program.c: source and options -> built program, once a context ---- */

struct clattn__program {
    struct clattn__program *next;
    char *key; /* kernel name and options */
    cl_program program;
    size_t warm[2]; /* work-group of the last clattn__warm for small launches, and for large ones */
};

/* Finds or builds the program of kernels/../KERNEL.cl; with `edit`, what the compiler makes of it is edited before it
 * is loaded (ptx.h). It belongs to the context. */
clattn_status clattn__program_get(clattn_context *context, bool edit, const char *kernel, const char *options,
                                  cl_program *program);
/* Takes note that the program is made warm for such launches; true if it was before. */
bool clattn__program_warm(clattn_context *context, cl_program program, bool large, size_t group_size);
void clattn__programs_release(clattn_context *context);

/* ---- cache.c: compiled programs on disk ---- */

/* The program, which has the kernel; NULL when the folder has no usable entry for it; never an error. */
cl_program clattn__cache_load(clattn_context *context, const struct clattn__text *source, const char *kernel,
                              const char *options);
void clattn__cache_store(clattn_context *context, const struct clattn__text *source, const char *options,
                         cl_program program);
/* The program's binary for the context's device, or NULL; the caller releases it. */
unsigned char *clattn__program_binary(clattn_context *context, cl_program program, size_t *size);
/* folder/HASH.suffix of `count` texts, or a text that failed. */
struct clattn__text clattn__cache_path(const clattn_allocator *allocator, const char *folder, const char *const *parts,
                                       size_t count, const char *suffix);
/* The default folder, or NULL. */
char *clattn__cache_default_dir(const clattn_allocator *allocator);

/* ---- probe.c: what a device can do beyond what it says ---- */

/* Raises device.local_bytes where a GPU has more. Never an error. */
void clattn__probe(clattn_context *context);
/* Whether a kernel with that much local memory builds, runs and is right. */
bool clattn__probe_local(clattn_context *context, size_t bytes);

#endif
