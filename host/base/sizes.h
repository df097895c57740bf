/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of programs that were built with another version of the header. */
#ifndef CLATTN_BASE_SIZES_H
#define CLATTN_BASE_SIZES_H

#include "base/base.h"

#include <stddef.h>

struct clattn__struct {
    const char *name;
    size_t size;  /* in this library */
    size_t least; /* in 0.2.0, the first version whose structs may grow; a smaller one is refused */
};

/* Each struct with a struct_size, and the array element clattn_tuned_kernel, with its last member
 * in 0.2.0. */
#define CLATTN__STRUCT_LIST(X)                                                                                         \
    X(clattn_options, build_options)                                                                                   \
    X(clattn_problem, score.mask_dim)                                                                                  \
    X(clattn_tensors, dv)                                                                                              \
    X(clattn_layer, score.mask_dim)                                                                                    \
    X(clattn_layer_tensors, dbo)                                                                                       \
    X(clattn_arrays, dv)                                                                                               \
    X(clattn_run_info, workspace_bytes)                                                                                \
    X(clattn_layer_arrays, dbo)                                                                                        \
    X(clattn_tune_options, user)                                                                                       \
    X(clattn_tuned_kernel, engine)                                                                                     \
    X(clattn_tune_result, count)

#define CLATTN__LEAST(type, last) type##__least = offsetof(type, last) + sizeof(((type *)NULL)->last),
enum { CLATTN__STRUCT_LIST(CLATTN__LEAST) };
#define CLATTN__STRUCT(type) (&(const struct clattn__struct){#type, sizeof(type), type##__least})

/* Fails if the caller's struct_size of `what` ("problem") cannot be right. */
clattn_status clattn__struct_check(const struct clattn__struct *type, const char *what, size_t given);
/* Copies a caller's struct to a struct of the library's size. Members that the caller's lacks
 * become 0; bytes that the library does not know must be 0. struct_size becomes the library's. */
clattn_status clattn__struct_read(const struct clattn__struct *type, const char *what, const void *from, void *into);
/* Writes the library's struct of `size` bytes to the caller's, whose struct_size is set and kept.
 * Members that the caller's lacks are dropped; bytes that the library does not know become 0. */
void clattn__struct_write(const void *from, size_t size, void *to);
/* The same for an array element, which has no struct_size. */
void clattn__element_give(const void *from, size_t size, void *to, size_t given);

#endif
