/* SPDX-License-Identifier: Apache-2.0 */
/* A plan compiles everything. PoCL compiles a kernel again at its first launch with a new
 * work-group size and grid; an enqueue must not cause that. The test counts the entries of a new
 * PoCL kernel cache. */
#if !defined(_XOPEN_SOURCE)
#define _XOPEN_SOURCE 700
#endif
#include "scene.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char cache[] = "/tmp/clattn_warm_XXXXXX";
static size_t objects; /* compiled work-group functions in the cache */

static int count_object(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    const size_t length = strlen(path);

    (void)about;
    (void)where;
    objects += kind == FTW_F && length > 3 && strcmp(path + length - 3, ".so") == 0;
    return 0;
}

static size_t compiled(void)
{
    objects = 0;
    assert_int_equal(nftw(cache, count_object, 16, FTW_PHYS), 0);
    return objects;
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about;
    (void)kind;
    (void)where;
    return remove(path);
}

static int is_pocl(const struct device *device)
{
    cl_platform_id platform;
    char name[256];

    assert_cl(clGetDeviceInfo(device->id, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    assert_cl(clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL));
    return strcmp(name, "Portable Computing Language") == 0;
}

/* Plans, then runs. The plan must compile at least `kernels` kernels, the run none. */
static void check(const struct device *device, const clattn_problem *problem, unsigned passes, size_t kernels)
{
    const size_t before = compiled();
    clattn_plan *plan;
    struct scene scene;
    size_t planned;

    assert_success(clattn_plan_create(device->context, problem, passes, &plan));
    planned = compiled();
    if (!is_pocl(device)) {
        clattn_plan_destroy(plan);
        skip(); /* no kernel cache to count in */
    }
    if (planned < before + kernels) {
        fail_msg("the plan compiled %zu kernels, not %zu:\n%s", planned - before, kernels, clattn_plan_describe(plan));
    }
    scene_open(&scene, device, problem, 1);
    scene_fit(&scene, plan);
    planned = compiled(); /* making the scene makes a plan */
    if (passes & CLATTN_FORWARD) {
        assert_success(clattn_enqueue_forward(plan, device->queue, &scene.tensors, scene.workspace, 0, NULL, NULL));
    }
    if (passes & CLATTN_BACKWARD) {
        assert_success(clattn_enqueue_backward(plan, device->queue, &scene.tensors, scene.workspace, 0, NULL, NULL));
    }
    assert_cl(clFinish(device->queue));
    if (compiled() != planned) {
        fail_msg("%zu kernels were compiled at their launch:\n%s", compiled() - planned, clattn_plan_describe(plan));
    }
    scene_close(&scene);
    clattn_plan_destroy(plan);
}

static clattn_problem small_problem(void)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 1;
    p.q_heads = p.kv_heads = 2;
    p.q_len = p.kv_len = 5;
    p.qk_dim = p.v_dim = 8;
    return p;
}

/* Forward, delta, and the gradients in one fused or two kernels. */
static void test_all_passes(void **state)
{
    const clattn_problem p = small_problem();

    check(*state, &p, CLATTN_FORWARD | CLATTN_BACKWARD, 3);
}

static void test_masked_half(void **state)
{
    clattn_problem p = scene_problem();

    p.dtype = CLATTN_FLOAT16;
    check(*state, &p, CLATTN_FORWARD, 1);
}

/* A single gradient has its own kernel. */
static void test_one_gradient(void **state)
{
    const clattn_problem p = small_problem();

    check(*state, &p, CLATTN_BACKWARD_DQ, 0); /* the plan of all passes may have compiled it */
    check(*state, &p, CLATTN_BACKWARD_DV, 1);
}

static void test_split(void **state)
{
    clattn_problem p = small_problem();

    p.kv_len = 300;
    p.kv_splits = 3;
    check(*state, &p, CLATTN_FORWARD, 2);
}

/* More than 2^16 work-items, for which PoCL compiles another kernel; on engine cpu, with
 * work-groups of one. */
static void test_large_grid(void **state)
{
    clattn_problem p = small_problem();

    p.batch = 66000;
    p.q_heads = p.kv_heads = p.kv_len = p.q_len = 1;
    check(*state, &p, CLATTN_FORWARD | CLATTN_BACKWARD, 1);
    p.kv_len = 130;
    p.kv_splits = 2;
    check(*state, &p, CLATTN_FORWARD, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_passes), cmocka_unit_test(test_masked_half), cmocka_unit_test(test_one_gradient),
        cmocka_unit_test(test_split),      cmocka_unit_test(test_large_grid),
    };
    int failures;

    if (mkdtemp(cache) == NULL || setenv("POCL_CACHE_DIR", cache, 1) != 0) { /* before PoCL is loaded and reads it */
        perror(cache);
        return 1;
    }
    failures = cmocka_run_group_tests_name("warm", tests, device_setup, device_teardown);
    nftw(cache, remove_entry, 16, FTW_PHYS | FTW_DEPTH);
    return failures;
}
