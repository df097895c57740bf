/* SPDX-License-Identifier: Apache-2.0 */
/* Structs of programs that were built with another version of the header. */
#ifndef CLATTN_BASE_SIZES_H
#define CLATTN_BASE_SIZES_H

#include "base/base.h"

#include <stddef.h>

struct clattn__struct {
    const char *name;
    size_t size;  /* here */
    size_t least; /* of 0.2.0, from which on structs grow; a smaller one is refused */
};

/* Each struct that has a struct_size, and the element of an array that comes with one: its last member in 0.2.0. */
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

/* Whether the struct_size that the caller gave `what` ("problem") can be right. */
clattn_status clattn__struct_check(const struct clattn__struct *type, const char *what, size_t given);
/* Copies a caller's struct into one of the library's size: what the caller's lacks is 0, what the library does not know
 * must be. struct_size becomes the library's. */
clattn_status clattn__struct_take(const struct clattn__struct *type, const char *what, const void *from, void *into);
/* Writes a struct of the library's, `size` bytes, to a caller's, whose struct_size is set and stays: what the caller's
 * lacks is left out, what the library does not know becomes 0. */
void clattn__struct_give(const void *from, size_t size, void *to);
/* The same for an element of an array, which has no struct_size of its own. */
void clattn__element_give(const void *from, size_t size, void *to, size_t given);

#endif
