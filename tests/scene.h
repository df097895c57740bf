/* SPDX-License-Identifier: Apache-2.0 */
/* A problem with all its tensors on a device, for tests of calls rather than of numbers. Each
 * tensor is contiguous in a buffer of exactly its size; inputs are normal numbers, outputs NaN. */
#ifndef CLATTN_TESTS_SCENE_H
#define CLATTN_TESTS_SCENE_H

#include "device.h"

/* The members of clattn_tensors, in their order. */
enum scene_tensor {
    SCENE_Q,
    SCENE_K,
    SCENE_V,
    SCENE_MASK,
    SCENE_KV_LENGTHS,
    SCENE_OUT,
    SCENE_LSE,
    SCENE_DOUT,
    SCENE_DQ,
    SCENE_DK,
    SCENE_DV,
    SCENE_COUNT
};

struct scene {
    const struct device *device;
    clattn_problem problem;
    size_t dim[SCENE_COUNT][4]; /* B, H, rows, depth; all 0: the problem has no such tensor */
    cl_mem mem[SCENE_COUNT];
    clattn_tensors tensors; /* arguments of the calls */
    cl_mem workspace;       /* large enough for backward; scene_fit enlarges it */
    size_t workspace_bytes;
};

/* The problem of most of these tests, shared so that its kernels are compiled once: small, causal,
 * grouped heads, Dv != D, a mask with a row per query, key lengths. */
clattn_problem scene_problem(void);

void scene_open(struct scene *scene, const struct device *device, const clattn_problem *problem, uint64_t seed);
/* Makes the workspace large enough for the plan's forward as well. */
void scene_fit(struct scene *scene, const clattn_plan *plan);
void scene_close(struct scene *scene);

const char *scene_name(enum scene_tensor tensor);                          /* "q" */
clattn_tensor *scene_tensor(clattn_tensors *tensors, enum scene_tensor i); /* member i */
size_t scene_element(const struct scene *scene, enum scene_tensor tensor); /* bytes of an element */
size_t scene_bytes(const struct scene *scene, enum scene_tensor tensor);

/* All outputs, concatenated, to compare runs. */
size_t scene_result_bytes(const struct scene *scene);
unsigned char *scene_result(const struct scene *scene); /* the caller frees it */
int scene_is_untouched(const struct scene *scene);      /* outputs have their initial contents */
void scene_reset(const struct scene *scene);            /* restores the initial contents */

/* Runs forward, then backward on an in-order queue, and waits. Any thread may call it. Returns a
 * status of the calls, or OPENCL_ERROR. */
clattn_status scene_run(const struct scene *scene, const clattn_plan *plan, cl_command_queue queue);

/* Tunes with one configuration besides the built-in one. The problem is large enough that runs are
 * not timed in repetitions: some hundreds of OpenCL calls. */
clattn_status scene_tune(clattn_context *context);

#endif
