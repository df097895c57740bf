/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers with nothing beside them. On a CPU whose runtime computes right in the host's memory, pages that nobody may
 * touch lie before and behind each buffer, so that a kernel that leaves it dies there and then; everywhere else, and
 * between a buffer and its pages, bytes that must stay as they are. */
#ifndef CLATTN_TESTS_GUARDED_H
#define CLATTN_TESTS_GUARDED_H

#include "check.h"

/* Where the bytes of a buffer lie between its two guards, as its start has to be aligned: as near as it can be to the
 * guard behind it, or to the one before it. */
enum guarded_side { GUARDED_END, GUARDED_START };

/* Bugs that a test of the rig plants, in the buffer of one name. */
enum guarded_plant {
    PLANT_NONE,
    PLANT_PAST,   /* the buffer ends later than its memory: what reads it all reads past that */
    PLANT_BEFORE, /* it starts earlier */
    PLANT_WRITE,  /* a byte behind it is written */
    PLANT_VALUE   /* one byte of it is another than the reference's */
};

enum { GUARDED_MOST = 16 };

struct guarded_buffer {
    const char *name;
    unsigned char *map;   /* pages and their guards; without pages NULL */
    size_t map_bytes;     /* of both guards and what lies between */
    unsigned char *open;  /* what may be touched */
    size_t open_bytes;    /* of it */
    unsigned char *start; /* of the buffer */
    size_t bytes;         /* of it */
    cl_mem parent;        /* without pages: what the buffer is a part of */
    size_t before;        /* bytes of it before the buffer; all of it has open_bytes */
};

struct guarded {
    struct check_memory memory; /* for check_case_in */
    cl_context cl;
    size_t alignment; /* of a buffer's start */
    int pages;        /* guards are pages */
    enum guarded_side side;
    enum guarded_plant plant;
    const char *planted; /* the name of the buffer that has it */
    struct guarded_buffer buffer[GUARDED_MOST];
    int count;
};

/* Finds out what the queue's device does with memory of the host. 0, or -1 with a sentence in *error. */
int guarded_open(struct guarded *guarded, cl_context cl, cl_device_id device, cl_command_queue queue,
                 const char **error);

/* The name of the buffer whose guards the address is in, and how far it is past the end (before the start: negative).
 * NULL: in none. For a handler of signals. */
const char *guarded_find(const struct guarded *guarded, const void *address, long *past);

#endif
