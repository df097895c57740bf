/* SPDX-License-Identifier: Apache-2.0 */
/* A context: one device, its options, and what was learnt and built for it. */
#ifndef CLATTN_OPENCL_CONTEXT_H
#define CLATTN_OPENCL_CONTEXT_H

#include "opencl/device.h"

#include <pthread.h>

#define CLATTN__ENGINE_PLUS_ONE(name, value, text) +1
enum { CLATTN__ENGINE_COUNT = 0 CLATTN_ENGINE_LIST(CLATTN__ENGINE_PLUS_ONE) };

struct clattn__engine_state { /* of a pass of one that has to be tried */
    bool tried, available;
    char reason[256]; /* why it is not */
};

struct clattn__program;
struct clattn__tuned_table;

struct clattn_context {
    clattn_allocator allocator;
    cl_context cl;
    cl_device_id id;
    struct clattn__device device;
    clattn_engine engine; /* forced, or AUTO */
    uint64_t max_launch_flops;
    char *cache_dir;     /* NULL: none */
    char *tuned_path;    /* the file of tuned configurations; NULL: none */
    char *build_options; /* "" where the caller has none */
    bool keep_clblast_parameters;
    pthread_mutex_t engines_lock;                                 /* of the next two; taken before `lock` */
    struct clattn__engine_state engines[CLATTN__ENGINE_COUNT][2]; /* forward, gradients */
    char *description;                                            /* NULL: nobody asked */
    pthread_mutex_t lock;                                         /* of those below */
    int references;                                               /* its own and one a plan */
    bool gemm_prepared;                                           /* clattn__gemm_prepare did its work */
    struct clattn__program *programs;                             /* every program built so far */
    struct clattn__tuned_table *tuned;                            /* NULL: not read yet */
};

#endif
