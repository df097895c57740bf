/* SPDX-License-Identifier: Apache-2.0 */
/* What every host file may use: errors, text, memory. Names with two underscores are internal and
 * not exported. */
#ifndef CLATTN_BASE_H
#define CLATTN_BASE_H

#include "clattn.h"

#include <stdarg.h>
#include <stdbool.h>

/* The passes that may follow a forward. */
enum { CLATTN__GRADIENTS = CLATTN_BACKWARD | CLATTN_BACKWARD_DBIAS | CLATTN_BACKWARD_DSINK };

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- status.c: the last error of each thread ---- */

#if defined(__GNUC__)
#define CLATTN_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLATTN_PRINTF(text, first)
#endif

/* Sets the thread's last error and returns `status`. */
clattn_status clattn__fail(clattn_status status, const char *format, ...) CLATTN_PRINTF(2, 3);
/* The same for a failed OpenCL call; `call` is like "clCreateBuffer(out)". */
clattn_status clattn__fail_opencl(cl_int error, const char *call);
/* A saved last error, to be restored after an attempt whose failure is not the caller's. */
struct clattn__error {
    char text[8192];
    cl_int opencl;
};
void clattn__error_keep(struct clattn__error *kept);
void clattn__error_restore(const struct clattn__error *kept);
/* "CL_OUT_OF_RESOURCES" etc. */
const char *clattn__opencl_error_name(cl_int error);

/* ---- text.c: strings that grow ---- */

struct clattn__text {
    const clattn_allocator *allocator;
    char *chars; /* NUL-terminated; NULL while empty */
    size_t length, capacity;
    bool failed; /* an allocation failed */
};

void clattn__text_add(struct clattn__text *text, const char *format, ...) CLATTN_PRINTF(2, 3);
void clattn__text_free(struct clattn__text *text);

/* ---- memory.c ---- */

/* Zeroed; NULL on failure. */
void *clattn__allocate(const clattn_allocator *allocator, size_t bytes);
void clattn__release(const clattn_allocator *allocator, void *memory);
char *clattn__copy_string(const clattn_allocator *allocator, const char *text);

#endif
