/* SPDX-License-Identifier: Apache-2.0 */
/* The layer for host arrays: results against the reference, bytes between the arrays unchanged;
 * optional arrays; the info of a run; errors change nothing. */
#include "layer_scene.h"

#include <stdlib.h>
#include <string.h>

/* All cases share these words, and so the kernels. */
#define CROSS "b2 n7 m9 e24 c40 h4/2 d8 causal mask=2,1,7,9 kvlen "
#define SELF "b2 n7 e24 h4/2 d8 causal mask=2,1,7,7 kvlen "

typedef clattn_status (*run_function)(clattn_runner *, const clattn_layer *, const clattn_layer_arrays *,
                                      clattn_run_info *);

static const run_function runs[2] = {clattn_run_layer_forward, clattn_run_layer_backward};

static int setup(void **state)
{
    const clattn_options options = device_options();
    clattn_runner *runner;

    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    *state = runner;
    return 0;
}

static int teardown(void **state)
{
    clattn_runner_destroy(*state);
    return 0;
}

/* A scene's image, and the case's arrays in it. */
struct host {
    struct layer_scene scene;
    unsigned char *image;
    clattn_layer_arrays arrays;
};

static void host_reset(struct host *host)
{
    memcpy(host->image, host->scene.image, host->scene.image_bytes);
}

static void host_open(struct host *host, const char *line)
{
    struct layer_data inside;

    layer_scene_prepare(&host->scene, line);
    host->image = malloc(host->scene.image_bytes);
    assert_non_null(host->image);
    for (enum layer_slot slot = LAYER_X; slot < LAYER_SLOTS; slot++) {
        inside.slot[slot] = host->scene.at[slot] > 0 ? host->image + host->scene.at[slot] : NULL;
    }
    host->arrays = layer_data_arrays(&host->scene.c, &inside);
    host_reset(host);
}

static void host_close(struct host *host)
{
    free(host->image);
    layer_scene_close(&host->scene);
}

/* ---- against the reference ---- */

static void run(struct host *host, clattn_runner *runner, int backward)
{
    if (runs[backward](runner, &host->scene.c.layer, &host->arrays, NULL) != CLATTN_SUCCESS) {
        fail_msg("%s: %s: %s", host->scene.c.line, backward ? "backward" : "forward", clattn_last_error());
    }
}

/* Forward writes only out. Backward writes the gradients, and out unless it is NULL, independent of
 * out's contents. */
static void check_line(clattn_runner *runner, const char *line)
{
    struct host host;
    struct layer_truth truth;
    unsigned gradients;

    host_open(&host, line);
    layer_scene_truth(&host.scene, &truth);
    gradients = layer_scene_writes(&host.scene) & ~(1u << LAYER_OUT | 1u << LAYER_SAVED);
    run(&host, runner, 0);
    layer_scene_compare(&host.scene, &truth, host.image, 1u << LAYER_OUT);
    host_reset(&host);
    run(&host, runner, 1);
    layer_scene_compare(&host.scene, &truth, host.image, gradients | 1u << LAYER_OUT);
    host_reset(&host);
    host.arrays.out = NULL;
    run(&host, runner, 1);
    layer_scene_compare(&host.scene, &truth, host.image, gradients);
    layer_truth_free(&truth);
    host_close(&host);
}

static void test_lines(void **state)
{
    static const char *const lines[] = {CROSS "seed=1",
                                        CROSS "accumulate seed=2",
                                        CROSS "only=dx seed=3",
                                        CROSS "only=dcontext",
                                        CROSS "only=dwkv+dbo accumulate",
                                        CROSS "only=dbq+dwo without=bkv+bo",
                                        CROSS "without=bq+bkv+bo",
                                        SELF "seed=1",
                                        SELF "accumulate seed=4",
                                        SELF "only=dx without=bq",
                                        SELF "only=dwq+dbkv accumulate"};

    for (size_t n = 0; n < COUNT_OF(lines); n++) {
        check_line(*state, lines[n]);
    }
}

/* Masks and key lengths come with strides: rows of the mask 16 apart, in batches of 128; lengths 3
 * apart. */
static void test_strides(void **state)
{
    struct host host;
    struct layer_truth truth;
    unsigned char mask[2 * 128];
    int32_t lengths[2 * 3] = {-1, -1, -1, -1, -1, -1};

    host_open(&host, CROSS "seed=5");
    layer_scene_truth(&host.scene, &truth);
    memset(mask, 0, sizeof mask);
    for (size_t row = 0; row < 2 * 7; row++) {
        memcpy(mask + row / 7 * 128 + row % 7 * 16, (unsigned char *)host.scene.data.slot[LAYER_MASK] + row * 9, 9);
    }
    for (size_t b = 0; b < 2; b++) {
        lengths[3 * b] = ((int32_t *)host.scene.data.slot[LAYER_KV_LENGTHS])[b];
    }
    host.arrays.mask = (clattn_const_array){mask, {128, 0, 16, 1}};
    host.arrays.kv_lengths = (clattn_const_array){lengths, {3, 0, 0, 1}};
    run(&host, *state, 1);
    layer_scene_compare(&host.scene, &truth, host.image, layer_scene_writes(&host.scene) & ~(1u << LAYER_SAVED));
    layer_truth_free(&truth);
    host_close(&host);
}

static void test_info(void **state)
{
    for (int backward = 0; backward < 2; backward++) {
        clattn_run_info info = {.struct_size = sizeof info};
        struct host host;

        host_open(&host, CROSS "seed=6");
        assert_success(runs[backward](*state, &host.scene.c.layer, &host.arrays, &info));
        assert_non_null(info.plan);
        assert_true(strlen(info.plan) > 0);
        assert_true(info.plan_seconds >= 0.0 && info.upload_seconds >= 0.0);
        assert_true(info.kernel_seconds > 0.0 && info.download_seconds >= 0.0);
        assert_true(info.device_bytes >= host.scene.data.bytes[LAYER_X] + host.scene.data.bytes[LAYER_WKV]);
        assert_true(info.workspace_bytes > 0 && info.workspace_bytes < info.device_bytes);
        host_close(&host);
    }
}

/* The runner keeps one plan; it must make a new one exactly when the layer changes. */
static void test_changing_layers(void **state)
{
    static const char *const lines[] = {CROSS "seed=7", SELF "seed=7", CROSS "seed=8"};

    for (size_t round = 0; round < 2 * COUNT_OF(lines); round++) {
        struct layer_truth truth;
        struct host host;

        host_open(&host, lines[round % COUNT_OF(lines)]);
        host.scene.c.layer.score.scale = round % 2 ? 0.5f : 0.0f;
        layer_scene_truth(&host.scene, &truth);
        run(&host, *state, 0);
        layer_scene_compare(&host.scene, &truth, host.image, 1u << LAYER_OUT);
        layer_truth_free(&truth);
        host_close(&host);
    }
}

/* ---- errors ---- */

/* Checks that the call is refused, and that arrays and info do not change. */
static void check_refused(struct host *host, clattn_runner *runner, int backward, const clattn_layer_arrays *arrays,
                          clattn_status status, const char *part)
{
    const clattn_run_info untouched = {.struct_size = sizeof untouched, .device_bytes = 77};
    clattn_run_info info = untouched;
    const clattn_status found = runs[backward](runner, &host->scene.c.layer, arrays, &info);

    if (found != status || strstr(clattn_last_error(), part) == NULL) {
        fail_msg("%s: %s, expected %s and \"%s\": %s", backward ? "backward" : "forward", clattn_status_name(found),
                 clattn_status_name(status), part, clattn_last_error());
    }
    assert_memory_equal(&info, &untouched, sizeof info);
    assert_memory_equal(host->image, host->scene.image, host->scene.image_bytes);
}

static void test_missing(void **state)
{
    struct host host;

    host_open(&host, CROSS "seed=9");
    for (int backward = 0; backward < 2; backward++) {
        clattn_layer_arrays a = host.arrays;
        const struct {
            void *member; /* a pointer to an object pointer of any type */
            const char *name;
        } rows[] = {{&a.x, "x"},
                    {&a.context, "context"},
                    {&a.mask.data, "mask"},
                    {&a.kv_lengths.data, "kv_lengths"},
                    {&a.wq, "wq"},
                    {&a.wkv, "wkv"},
                    {&a.wo, "wo"},
                    {backward ? (void *)&a.dout : (void *)&a.out, backward ? "dout" : "out"}};

        for (size_t n = 0; n < COUNT_OF(rows); n++) {
            a = host.arrays;
            memset(rows[n].member, 0, sizeof(void *));
            check_refused(&host, *state, backward, &a, CLATTN_INVALID_ARGUMENT, rows[n].name);
        }
    }
    host_close(&host);
}

static void test_refused(void **state)
{
    struct host host;
    clattn_layer_arrays a;

    host_open(&host, CROSS "only=dx seed=9");
    a = host.arrays;
    a.dx = NULL;
    check_refused(&host, *state, 1, &a, CLATTN_INVALID_ARGUMENT, "gradient");
    a = host.arrays;
    a.accumulate = 2;
    check_refused(&host, *state, 1, &a, CLATTN_INVALID_ARGUMENT, "accumulate");
    for (int backward = 0; backward < 2; backward++) {
        a = host.arrays;
        a.struct_size = offsetof(clattn_layer_arrays, alibi) - 1;
        check_refused(&host, *state, backward, &a, CLATTN_INVALID_ARGUMENT, "struct_size");
        a = host.arrays;
        a.out = (float *)(uintptr_t)a.x + 1;
        check_refused(&host, *state, backward, &a, CLATTN_OVERLAP, "out");
        host.scene.c.layer.kv_heads = 3;
        check_refused(&host, *state, backward, &host.arrays, CLATTN_INVALID_SIZE, "kv_heads");
        host.scene.c.layer.kv_heads = 2;
    }
    a = host.arrays;
    a.dx = (float *)(uintptr_t)a.wq - 1;
    check_refused(&host, *state, 1, &a, CLATTN_OVERLAP, "dx");
    a.dx = host.arrays.dx;
    a.dcontext = a.dx + 7 * 24 * 2 - 1;
    check_refused(&host, *state, 1, &a, CLATTN_OVERLAP, "dcontext");
    host_close(&host);

    host_open(&host, SELF "seed=9");
    a = host.arrays;
    a.dcontext = (float *)(void *)(host.image + host.scene.at[LAYER_DX]);
    a.dx = NULL;
    check_refused(&host, *state, 1, &a, CLATTN_INVALID_ARGUMENT, "dcontext");
    host_close(&host);
}

static void test_null(void **state)
{
    clattn_run_info info = {.struct_size = sizeof info - 1};
    struct host host;

    host_open(&host, CROSS "seed=9");
    for (int backward = 0; backward < 2; backward++) {
        const run_function call = runs[backward];
        const clattn_layer *layer = &host.scene.c.layer;

        assert_status(call(NULL, layer, &host.arrays, NULL), CLATTN_INVALID_ARGUMENT, "runner is NULL");
        assert_status(call(*state, NULL, &host.arrays, NULL), CLATTN_INVALID_ARGUMENT, "layer is NULL");
        assert_status(call(*state, layer, NULL, NULL), CLATTN_INVALID_ARGUMENT, "arrays is NULL");
        assert_status(call(*state, layer, &host.arrays, &info), CLATTN_INVALID_ARGUMENT, "info.struct_size");
    }
    assert_memory_equal(host.image, host.scene.image, host.scene.image_bytes);
    host_close(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),   cmocka_unit_test(test_strides),
        cmocka_unit_test(test_info),    cmocka_unit_test(test_changing_layers),
        cmocka_unit_test(test_missing), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_null),
    };

    return cmocka_run_group_tests_name("layer_runner", tests, setup, teardown);
}
