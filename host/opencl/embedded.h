/* SPDX-License-Identifier: Apache-2.0 */
/* The files of kernels/, embedded by cmake/embed.cmake. */
#ifndef CLATTN_OPENCL_EMBEDDED_H
#define CLATTN_OPENCL_EMBEDDED_H

#include <stddef.h>

struct clattn__embedded {
    const char *name;
    const unsigned char *bytes;
    size_t size;
};

extern const struct clattn__embedded clattn__embedded[];
extern const size_t clattn__embedded_count;

#endif
