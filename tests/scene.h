/* SPDX-License-Identifier: Apache-2.0 */
/* A problem with all its tensors on a device, for tests that are about calls and not about numbers: each tensor
 * contiguous in a buffer that is exactly as large, inputs normal, outputs full of NaN. */
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
    size_t dim[SCENE_COUNT][4]; /* B, H, rows, depth; all 0 where the problem has no such tensor */
    cl_mem mem[SCENE_COUNT];
    clattn_tensors tensors; /* as the calls want them */
    cl_mem workspace;       /* for a backward pass, and what scene_fit makes of it */
    size_t workspace_bytes;
};

/* The problem that most of these tests share, so that its kernels are compiled once: small, causal, grouped heads,
 * Dv != D, a mask of a row a query, key lengths. */
clattn_problem scene_problem(void);

void scene_open(struct scene *scene, const struct device *device, const clattn_problem *problem, uint64_t seed);
/* Makes the workspace as large as the plan's forward wants it, too. */
void scene_fit(struct scene *scene, const clattn_plan *plan);
void scene_close(struct scene *scene);

const char *scene_name(enum scene_tensor tensor);                          /* "q" */
clattn_tensor *scene_tensor(clattn_tensors *tensors, enum scene_tensor i); /* member i */
size_t scene_element(const struct scene *scene, enum scene_tensor tensor); /* bytes of an element */
size_t scene_bytes(const struct scene *scene, enum scene_tensor tensor);

/* All outputs one after the other, what a run is compared by. */
size_t scene_result_bytes(const struct scene *scene);
unsigned char *scene_result(const struct scene *scene); /* the caller frees it */
int scene_is_untouched(const struct scene *scene);      /* outputs are as they were at the start */
void scene_reset(const struct scene *scene);            /* and are so again */

/* Forward, then backward, on an in-order queue, and waits. Any thread may call it. The context's errors, or
 * OPENCL_ERROR. */
clattn_status scene_run(const struct scene *scene, const clattn_plan *plan, cl_command_queue queue);

/* A search that tries one configuration beside the built-in one, on a problem that takes long enough not to be timed in
 * repetitions: some hundreds of OpenCL calls. */
clattn_status scene_tune(clattn_context *context);

#endif
