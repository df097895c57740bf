/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers between guards. On a CPU whose runtime computes in host memory, inaccessible pages
 * surround each buffer, so that a kernel crashes at once when it accesses memory outside. On other
 * devices, and between a buffer and its pages, canary bytes must stay unchanged. */
#ifndef CLATTN_TESTS_GUARDED_H
#define CLATTN_TESTS_GUARDED_H

#include "check.h"

/* The guard that a buffer touches, or is nearest to as its start must be aligned: the one behind
 * it, or the one before. */
enum guarded_side { GUARDED_END, GUARDED_START };

/* Bugs that a test of the rig plants in a named buffer. */
enum guarded_plant {
    PLANT_NONE,
    PLANT_PAST,   /* the buffer ends past its memory: reading all of it leaves the memory */
    PLANT_BEFORE, /* the buffer starts before its memory */
    PLANT_WRITE,  /* a byte behind the buffer is written */
    PLANT_VALUE   /* a byte of the buffer differs from the reference's */
};

enum { GUARDED_MOST = 16 };

struct guarded_buffer {
    const char *name;
    unsigned char *map;   /* pages and their guards; NULL: no pages */
    size_t map_bytes;     /* of map, guards included */
    unsigned char *open;  /* the accessible memory */
    size_t open_bytes;    /* of it */
    unsigned char *start; /* of the buffer */
    size_t bytes;         /* of it */
    cl_mem parent;        /* without pages: the buffer that this is a sub-buffer of */
    size_t before;        /* bytes of parent before the buffer; parent has open_bytes */
};

struct guarded {
    struct check_memory memory; /* for check_case_in */
    cl_context cl;
    size_t alignment; /* of a buffer's start */
    int pages;        /* guards are pages */
    enum guarded_side side;
    enum guarded_plant plant;
    const char *planted; /* the name of the buffer with the planted bug */
    struct guarded_buffer buffer[GUARDED_MOST];
    int count;
};

/* Tests whether the queue's device computes in host memory. Returns 0, or -1 with a sentence in
 * *error. */
int guarded_open(struct guarded *guarded, cl_context cl, cl_device_id device, cl_command_queue queue,
                 const char **error);

/* The name of the buffer whose guards contain the address, and its distance past the end (negative:
 * before the start). NULL: none. May be called in a signal handler. */
const char *guarded_find(const struct guarded *guarded, const void *address, long *past);

#endif
