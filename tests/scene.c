/* SPDX-License-Identifier: Apache-2.0 */
#include "scene.h"

#include "half.h"
#include "random.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t element; /* 0: that of the problem's dtype */
    int output;
} facts[SCENE_COUNT] = {
    {"q", 0, 0},   {"k", 0, 0},    {"v", 0, 0},  {"mask", 1, 0}, {"kv_lengths", 4, 0}, {"out", 0, 1},
    {"lse", 4, 1}, {"dout", 0, 0}, {"dq", 0, 1}, {"dk", 0, 1},   {"dv", 0, 1},
};

const char *scene_name(enum scene_tensor tensor)
{
    return facts[tensor].name;
}

size_t scene_element(const struct scene *scene, enum scene_tensor tensor)
{
    return facts[tensor].element > 0 ? facts[tensor].element : element_bytes(scene->problem.dtype);
}

clattn_tensor *scene_tensor(clattn_tensors *t, enum scene_tensor i)
{
    clattn_tensor *const members[SCENE_COUNT] = {&t->q,   &t->k,    &t->v,  &t->mask, &t->kv_lengths, &t->out,
                                                 &t->lse, &t->dout, &t->dq, &t->dk,   &t->dv};

    return members[i];
}

clattn_problem scene_problem(void)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;
    const int64_t mask_dim[4] = {2, 1, 7, 9};

    p.batch = 2;
    p.q_heads = 2;
    p.kv_heads = 1;
    p.q_len = 7;
    p.kv_len = 9;
    p.qk_dim = 8;
    p.v_dim = 4;
    p.score.causal = 1;
    p.kv_lengths = 1;
    memcpy(p.score.mask_dim, mask_dim, sizeof mask_dim);
    return p;
}

static void set_dim(struct scene *scene, enum scene_tensor tensor, int64_t b, int64_t h, int64_t rows, int64_t depth)
{
    const size_t dim[4] = {(size_t)b, (size_t)h, (size_t)rows, (size_t)depth};

    memcpy(scene->dim[tensor], dim, sizeof dim);
}

static void set_dims(struct scene *scene)
{
    const clattn_problem *p = &scene->problem;
    const int64_t *mask = p->score.mask_dim;

    set_dim(scene, SCENE_Q, p->batch, p->q_heads, p->q_len, p->qk_dim);
    set_dim(scene, SCENE_DQ, p->batch, p->q_heads, p->q_len, p->qk_dim);
    set_dim(scene, SCENE_K, p->batch, p->kv_heads, p->kv_len, p->qk_dim);
    set_dim(scene, SCENE_DK, p->batch, p->kv_heads, p->kv_len, p->qk_dim);
    set_dim(scene, SCENE_V, p->batch, p->kv_heads, p->kv_len, p->v_dim);
    set_dim(scene, SCENE_DV, p->batch, p->kv_heads, p->kv_len, p->v_dim);
    set_dim(scene, SCENE_OUT, p->batch, p->q_heads, p->q_len, p->v_dim);
    set_dim(scene, SCENE_DOUT, p->batch, p->q_heads, p->q_len, p->v_dim);
    set_dim(scene, SCENE_LSE, p->batch, p->q_heads, p->q_len, 1);
    set_dim(scene, SCENE_MASK, mask[0], mask[1], mask[2], mask[3]);
    if (p->kv_lengths) {
        set_dim(scene, SCENE_KV_LENGTHS, p->batch, 1, 1, 1);
    }
}

static size_t count(const struct scene *scene, enum scene_tensor tensor)
{
    const size_t *dim = scene->dim[tensor];

    return dim[0] * dim[1] * dim[2] * dim[3];
}

size_t scene_bytes(const struct scene *scene, enum scene_tensor tensor)
{
    return count(scene, tensor) * scene_element(scene, tensor);
}

/* The initial contents of tensor i. */
static void fill(const struct scene *scene, enum scene_tensor i, void *content, uint64_t seed)
{
    struct check_random random = {seed};
    const size_t elements = count(scene, i);

    if (facts[i].output) {
        memset(content, 0xff, scene_bytes(scene, i));
    } else if (i == SCENE_MASK) {
        for (size_t n = 0; n < elements; n++) {
            ((unsigned char *)content)[n] = check_random_below(&random, 4) != 0;
        }
    } else if (i == SCENE_KV_LENGTHS) {
        for (size_t n = 0; n < elements; n++) {
            ((int32_t *)content)[n] = (int32_t)(scene->problem.kv_len - (int64_t)n % 3);
        }
    } else {
        for (size_t n = 0; n < elements; n++) {
            const float x = check_random_normal(&random);

            elements_write(scene->problem.dtype, &x, 1, (char *)content + n * scene_element(scene, i));
        }
    }
}

/* Bytes that suffice for every engine: in float32 4 B Hq N; in 16 bits some engines also sum dQ in
 * the workspace. */
static size_t backward_workspace(const struct scene *scene)
{
    clattn_plan *plan;
    size_t bytes = scene_bytes(scene, SCENE_LSE);

    if (scene->problem.dtype != CLATTN_FLOAT32) {
        assert_success(clattn_plan_create(scene->device->context, &scene->problem, CLATTN_BACKWARD, &plan));
        assert_success(clattn_plan_workspace_size(plan, CLATTN_BACKWARD, &bytes));
        clattn_plan_destroy(plan);
    }
    return bytes;
}

void scene_open(struct scene *scene, const struct device *device, const clattn_problem *problem, uint64_t seed)
{
    memset(scene, 0, sizeof *scene);
    scene->device = device;
    scene->problem = *problem;
    scene->tensors.struct_size = sizeof scene->tensors;
    set_dims(scene);
    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        const size_t bytes = scene_bytes(scene, i);
        void *content = bytes > 0 ? malloc(bytes) : NULL;

        if (bytes > 0) {
            assert_non_null(content);
            fill(scene, i, content, seed + (uint64_t)i);
            scene->mem[i] = device_buffer(device->cl, bytes, content);
            scene_tensor(&scene->tensors, i)->mem = scene->mem[i];
        }
        free(content);
    }
    scene->workspace_bytes = backward_workspace(scene);
    scene->workspace = device_buffer(device->cl, scene->workspace_bytes, NULL);
}

void scene_fit(struct scene *scene, const clattn_plan *plan)
{
    size_t bytes;

    assert_success(clattn_plan_workspace_size(plan, CLATTN_FORWARD, &bytes));
    if (bytes > scene->workspace_bytes) {
        assert_cl(clReleaseMemObject(scene->workspace));
        scene->workspace_bytes = bytes;
        scene->workspace = device_buffer(scene->device->cl, bytes, NULL);
    }
}

void scene_close(struct scene *scene)
{
    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        if (scene->mem[i] != NULL) {
            assert_cl(clReleaseMemObject(scene->mem[i]));
        }
    }
    assert_cl(clReleaseMemObject(scene->workspace));
}

size_t scene_result_bytes(const struct scene *scene)
{
    size_t bytes = 0;

    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        bytes += facts[i].output ? scene_bytes(scene, i) : 0;
    }
    return bytes;
}

unsigned char *scene_result(const struct scene *scene)
{
    const cl_command_queue queue = scene->device->queue;
    unsigned char *result = malloc(scene_result_bytes(scene));
    size_t at = 0;

    assert_non_null(result);
    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        if (facts[i].output) {
            assert_cl(clEnqueueReadBuffer(queue, scene->mem[i], CL_FALSE, 0, scene_bytes(scene, i), result + at, 0,
                                          NULL, NULL));
            at += scene_bytes(scene, i);
        }
    }
    assert_cl(clFinish(queue));
    return result;
}

int scene_is_untouched(const struct scene *scene)
{
    unsigned char *result = scene_result(scene);
    size_t n = 0;

    while (n < scene_result_bytes(scene) && result[n] == 0xff) {
        n++;
    }
    free(result);
    return n == scene_result_bytes(scene);
}

void scene_reset(const struct scene *scene)
{
    const unsigned char nan[4] = {0xff, 0xff, 0xff, 0xff};
    const cl_command_queue queue = scene->device->queue;

    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        if (facts[i].output) {
            assert_cl(clEnqueueFillBuffer(queue, scene->mem[i], nan, 4, 0, scene_bytes(scene, i), 0, NULL, NULL));
        }
    }
    assert_cl(clFinish(queue));
}

clattn_status scene_run(const struct scene *scene, const clattn_plan *plan, cl_command_queue queue)
{
    clattn_status status = clattn_enqueue_forward(plan, queue, &scene->tensors, scene->workspace, 0, NULL, NULL);

    if (status == CLATTN_SUCCESS) {
        status = clattn_enqueue_backward(plan, queue, &scene->tensors, scene->workspace, 0, NULL, NULL);
    }
    if (clFinish(queue) != CL_SUCCESS && status == CLATTN_SUCCESS) {
        status = CLATTN_OPENCL_ERROR;
    }
    return status;
}

static int try_one(void *user, const clattn_tune_progress *progress)
{
    (void)user;
    return progress->done > 1;
}

clattn_status scene_tune(clattn_context *context)
{
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = p.q_heads = p.kv_heads = 1;
    p.q_len = p.kv_len = 3000;
    p.qk_dim = p.v_dim = 8;
    options.progress = try_one;
    return clattn_tune(context, &p, CLATTN_FORWARD, &options, NULL);
}
