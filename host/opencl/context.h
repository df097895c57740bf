/* SPDX-License-Identifier: Apache-2.0 */
/* A context: one device, its options, what was found out about it and built for it. */
#ifndef CLATTN_OPENCL_CONTEXT_H
#define CLATTN_OPENCL_CONTEXT_H

#include "opencl/device.h"

#include <pthread.h>

#define CLATTN__ENGINE_PLUS_ONE(name, value, text) +1
enum { CLATTN__ENGINE_COUNT = 0 CLATTN_ENGINE_LIST(CLATTN__ENGINE_PLUS_ONE) };

struct clattn__engine_state { /* of one pass of an engine that needs a self-test */
    bool tried, available;
    char reason[256]; /* why it is not available */
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
    char *cache_dir;     /* NULL: no cache */
    char *tuned_path;    /* file of tuned configurations; NULL: none */
    char *build_options; /* "" if the caller gave none */
    bool keep_clblast_parameters;
    pthread_mutex_t engines_lock; /* for the next two; before `lock` */
    /* [0]: forward, [1]: gradients. */
    struct clattn__engine_state engines[CLATTN__ENGINE_COUNT][2];
    char *description;                 /* NULL: not requested yet */
    pthread_mutex_t lock;              /* for those below */
    int references;                    /* its own, and one per plan */
    bool gemm_prepared;                /* clattn__gemm_prepare was called */
    struct clattn__program *programs;  /* all programs built so far */
    struct clattn__tuned_table *tuned; /* NULL: not read yet */
};

#endif
