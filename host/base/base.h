/* SPDX-License-Identifier: Apache-2.0 */
/* What every host file may use: errors, memory, text. Names with two underscores are the library's own and not
 * exported. */
#ifndef CLATTN_BASE_H
#define CLATTN_BASE_H

#include "clattn.h"

#include <stdarg.h>
#include <stdbool.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- status.c: the last error of each thread ---- */

#if defined(__GNUC__)
#define CLATTN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLATTN_PRINTF(text, first)
#endif

/* Records the sentence and returns the status. */
clattn_status clattn__fail(clattn_status status, const char *format, ...) CLATTN_PRINTF(2, 3);
/* The same for a failed OpenCL call, named as in "clCreateBuffer(out)". */
clattn_status clattn__fail_opencl(cl_int error, const char *call);
/* The thread's last error, put aside while something is tried whose failure is none of the caller's. */
struct clattn__error {
    char text[8192];
    cl_int opencl;
};
void clattn__error_keep(struct clattn__error *kept);
void clattn__error_restore(const struct clattn__error *kept);
/* CL_OUT_OF_RESOURCES and so on. */
const char *clattn__opencl_error_name(cl_int error);

/* ---- text.c: strings that grow ---- */

struct clattn__text {
    const clattn_allocator *allocator;
    char *chars; /* NUL-terminated; NULL while empty */
    size_t length, capacity;
    bool failed; /* an allocation did */
};

void clattn__text_add(struct clattn__text *text, const char *format, ...) CLATTN_PRINTF(2, 3);
void clattn__text_free(struct clattn__text *text);

/* ---- memory.c ---- */

void *clattn__allocate(const clattn_allocator *allocator, size_t bytes); /* zeroed; NULL on failure */
void clattn__release(const clattn_allocator *allocator, void *memory);
char *clattn__copy_string(const clattn_allocator *allocator, const char *text);

#endif
