/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the layer on a device with the reference: a table of cases, each a line of layer_case.h,
 * and tests that do not fit a line. */
#include "layer_scene.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Kernels are compiled for each dim_head, combination of causal, mask and kvlen, and class of
 * lengths: these have few values here, while sizes of the projections vary. */
static const char *const cases[] = {
    /* self and cross; sizes of 1 */
    "b2 n7 e24 h4/2 d8", "b2 n7 m7 e1 c96 h4/2 d8 accumulate", /* context_dim other than dim */
    "b2 n7 m9 e59 c1 h4/2 d8 without=bq seed=2",
    "b3 n7 m9 e40 h4/2 d8 without=bkv accumulate seed=3", /* context_dim 0: dim */
    "b2 n7 m9 e96 c59 h4/2 d8 without=bo scale=-0.7 seed=4", "b2 n7 e5 h4/2 d8 without=bq+bkv+bo seed=5",
    "b1 n1 e1 h1 d1", "b2 n1 m1 e5 c24 h3 d1 accumulate seed=2", "b2 n65 e96 h2 d59 tile=16/16",
    "b1 n7 m65 e40 c5 h2/1 d80 accumulate",
    "b1 n2 m1300 e8 h1 d8 only=dwq", /* few queries, many keys: attention's forward needs a workspace */
    "b1 n7 e24",                     /* 8 heads of 64 */
    "b1 n7 e5 h8",                   /* dim_head by default */
    "b1 n5 m9 e24 c40 h2/1 d576",    /* the largest */
    /* subsets of the gradients */
    "b2 n7 m9 e24 c40 h4/2 d8 only=dx", "b2 n7 m9 e24 c40 h4/2 d8 only=dcontext",
    "b2 n7 m9 e24 c40 h4/2 d8 only=dwq accumulate", "b2 n7 m9 e24 c40 h4/2 d8 only=dwkv",
    "b2 n7 m9 e24 c40 h4/2 d8 only=dwo accumulate", "b2 n7 m9 e24 c40 h4/2 d8 only=dbq",
    "b2 n7 m9 e24 c40 h4/2 d8 only=dbkv", "b2 n7 m9 e24 c40 h4/2 d8 only=dbo",
    "b2 n7 m9 e24 c40 h4/2 d8 only=dbq+dbkv+dbo accumulate",
    "b2 n7 m9 e24 c40 h4/2 d8 only=dwq+dwkv+dwo without=bq+bkv+bo",
    "b2 n7 m9 e24 c40 h4/2 d8 only=dcontext+dwo+dbq accumulate", "b2 n7 e24 h4/2 d8 only=dx",
    "b2 n7 e24 h4/2 d8 only=dwkv accumulate", "b2 n7 e24 h4/2 d8 only=dwq", "b2 n7 e24 h4/2 d8 only=dwo+dbo",
    /* visibility */
    "b2 n7 m9 e24 c40 h4/2 d32 causal", "b2 n7 m9 e24 c40 h4/2 d32 causal align=top-left accumulate seed=2",
    "b2 n7 m9 e24 c40 h4/2 d32 causal align=-3 seed=3", /* queries that see no key */
    "b2 n7 e24 h4/2 d32 causal seed=5", "b3 n7 m9 e24 c40 h4/2 d8 mask=3,1,1,9 accumulate", /* padding of keys */
    "b2 n7 m9 e24 c40 h4/2 d8 mask=2,4,7,9 seed=2", "b2 n7 m9 e24 c40 h4/2 d8 mask=1,1,7,1 seed=3",
    "b2 n7 e24 h4/2 d8 mask=1,4,7,7 seed=4", "b5 n7 m9 e24 c40 h4/2 d8 kvlen seed=3",
    "b5 n7 e24 h4/2 d8 kvlen accumulate seed=4",
    /* NaN and infinity in hidden rows */
    "b5 n7 m9 e24 c40 h4/2 d8 kvlen nanpad seed=5", "b3 n7 m9 e24 c40 h4/2 d8 mask=3,1,1,9 nanpad accumulate",
    "b5 n7 m9 e24 c40 h2/1 d8 mask=5,2,1,9 nanpad seed=2", /* one head sees a row that another hides */
    "b5 n7 m9 e24 c96 h4/2 d8 mask=5,1,1,9 kvlen nanpad seed=3",
    "b5 n7 m9 e24 c40 h4/2 d8 causal mask=5,1,1,9 kvlen nanpad only=dwkv",
    "b2 n7 m9 e24 c40 h4/2 d32 causal align=-3 nanblind seed=3", "b2 n7 m9 e24 c40 h4/2 d8 mask=2,1,7,1 nanblind",
    "b5 n7 e24 h4/2 d8 kvlen nanblind accumulate seed=4",
    "b2 n7 m9 e24 c40 h4/2 d32 window=1,1 align=-3 nanpad nanblind", "b2 n7 e24 h4/2 d32 window=2,0 seed=6",
    "b3 n7 e24 h4/2 d8 causal mask=3,1,1,7 nanblind seed=4", /* padding on the left, of queries too */
};

/* Runs forward and backward once; returns the image. */
static unsigned char *run_once(const struct layer_scene *scene)
{
    layer_scene_reset(scene);
    if (layer_scene_run(scene, scene->plan, scene->device->queue) != CLATTN_SUCCESS) {
        fail_msg("%s: %s", scene->c.line, clattn_last_error());
    }
    return layer_scene_read(scene);
}

/* Forward without `saved` writes the same bits of out, and nothing else. */
static void check_inference(const struct layer_scene *scene, const unsigned char *trained)
{
    clattn_layer_tensors tensors = scene->tensors;
    unsigned char *image;

    layer_scene_reset(scene);
    tensors.saved = (clattn_block)CLATTN_NO_BLOCK;
    for (enum layer_slot slot = LAYER_DOUT; slot < LAYER_SLOTS; slot++) {
        *layer_block(&tensors, slot) = (clattn_block)CLATTN_NO_BLOCK;
    }
    if (clattn_layer_enqueue_forward(scene->plan, scene->device->queue, &tensors, scene->workspace[0], 0, NULL, NULL) !=
        CLATTN_SUCCESS) {
        fail_msg("%s: inference: %s", scene->c.line, clattn_last_error());
    }
    image = layer_scene_read(scene);
    if (memcmp(image + scene->at[LAYER_OUT], trained + scene->at[LAYER_OUT], scene->data.bytes[LAYER_OUT]) != 0) {
        fail_msg("%s: out without saved is not out with saved", scene->c.line);
    }
    memcpy(image + scene->at[LAYER_OUT], scene->image + scene->at[LAYER_OUT], scene->data.bytes[LAYER_OUT]);
    if (memcmp(image, scene->image, scene->image_bytes) != 0) {
        fail_msg("%s: inference wrote more than out", scene->c.line);
    }
    free(image);
}

static void check_line(const struct device *device, const char *line, enum layer_placement placement)
{
    struct layer_scene scene;
    struct layer_truth truth;
    unsigned char *first, *second;

    layer_scene_open(&scene, device, NULL, line, placement);
    layer_scene_truth(&scene, &truth);
    first = run_once(&scene);
    layer_scene_compare(&scene, &truth, first, layer_scene_writes(&scene));
    second = run_once(&scene);
    if (memcmp(first, second, scene.image_bytes) != 0) {
        fail_msg("%s: two runs differ", line);
    }
    check_inference(&scene, first);
    free(first);
    free(second);
    layer_truth_free(&truth);
    layer_scene_close(&scene);
}

static void test_cases(void **state)
{
    for (size_t n = 0; n < COUNT_OF(cases); n++) {
        check_line(*state, cases[n], LAYER_ROOM);
    }
}

/* Each tensor in a buffer of exactly its size. */
static void test_apart(void **state)
{
    static const char *const lines[] = {"b2 n7 m9 e24 c40 h4/2 d8", "b2 n7 e96 h4/2 d8 accumulate",
                                        "b3 n7 m9 e24 c40 h4/2 d8 mask=3,1,1,9"};

    for (size_t n = 0; n < COUNT_OF(lines); n++) {
        check_line(*state, lines[n], LAYER_APART);
    }
}

/* Passes must not need absent tensors: forward with a plan for forward only, without saved, and
 * backward with a plan for backward only, without out and biases. */
static void test_plans_for_one_pass(void **state)
{
    static const char line[] = "b2 n7 m9 e24 c40 h4/2 d8";
    const struct device *device = *state;
    struct layer_scene scene;
    struct layer_truth truth;
    clattn_layer_plan *plans[2];
    clattn_layer_tensors tensors;
    unsigned char *image;
    size_t bytes;

    layer_scene_open(&scene, device, NULL, line, LAYER_ROOM);
    layer_scene_truth(&scene, &truth);
    assert_success(clattn_layer_plan_create(device->context, &scene.c.layer, CLATTN_FORWARD, &plans[0]));
    assert_success(clattn_layer_plan_create(device->context, &scene.c.layer, CLATTN_BACKWARD, &plans[1]));
    assert_success(clattn_layer_workspace_size(plans[0], CLATTN_FORWARD, &bytes));
    assert_int_equal(bytes, scene.workspace_bytes[0]);
    assert_success(clattn_layer_workspace_size(plans[1], CLATTN_BACKWARD, &bytes));
    assert_int_equal(bytes, scene.workspace_bytes[1]);
    assert_success(
        clattn_layer_enqueue_forward(plans[0], device->queue, &scene.tensors, scene.workspace[0], 0, NULL, NULL));
    tensors = scene.tensors;
    tensors.out = tensors.bq = tensors.bkv = tensors.bo = (clattn_block)CLATTN_NO_BLOCK;
    assert_success(clattn_layer_enqueue_backward(plans[1], device->queue, &tensors, scene.workspace[1], 0, NULL, NULL));
    image = layer_scene_read(&scene);
    layer_scene_compare(&scene, &truth, image, layer_scene_writes(&scene));
    free(image);
    layer_truth_free(&truth);
    clattn_layer_plan_destroy(plans[0]);
    clattn_layer_plan_destroy(plans[1]);
    layer_scene_close(&scene);
}

/* `saved` has the size of clattn.h, and is all that backward needs of forward. */
static void test_saved(void **state)
{
    static const char *const lines[] = {"b2 n7 m9 e24 c40 h4/2 d8", "b2 n7 e24 h4/2 d8", "b1 n7 e24"};

    for (size_t n = 0; n < COUNT_OF(lines); n++) {
        struct layer_scene scene;
        size_t bytes = 0;

        layer_scene_open(&scene, *state, NULL, lines[n], LAYER_ROOM);
        assert_success(clattn_layer_saved_size(scene.plan, &bytes));
        assert_int_equal(bytes, 4 * layer_count(&scene.c.layer, LAYER_SAVED));
        assert_true(strlen(clattn_layer_plan_describe(scene.plan)) > 0);
        layer_scene_close(&scene);
    }
}

/* Copies without hidden rows share the workspace of dO: they only add what they are larger, and
 * nothing if no row is hidden. */
static void test_workspace_of_hidden(void **state)
{
    static const struct {
        const char *plain, *hidden;
        size_t more; /* floats, backward */
    } rows[] = {
        {"b2 n7 e32 h4/2 d8", "b2 n7 e32 h4/2 d8 kvlen", 0},
        {"b2 n7 e24 h4/2 d8", "b2 n7 e24 h4/2 d8 mask=2,1,7,1", 0},
        {"b2 n7 m9 e24 c40 h4/2 d8", "b2 n7 m9 e24 c40 h4/2 d8 kvlen", 2 * 9 * 40 - 2 * 7 * 32},
        {"b2 n7 e40 h4/2 d8", "b2 n7 e40 h4/2 d8 kvlen", 2 * 7 * 8},
        {"b2 n7 e40 h4/2 d8", "b2 n7 e40 h4/2 d8 causal", 0},
    };

    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        struct layer_scene plain, hidden;

        layer_scene_open(&plain, *state, NULL, rows[n].plain, LAYER_ROOM);
        layer_scene_open(&hidden, *state, NULL, rows[n].hidden, LAYER_ROOM);
        assert_int_equal(hidden.workspace_bytes[0], plain.workspace_bytes[0]);
        assert_int_equal(hidden.workspace_bytes[1], plain.workspace_bytes[1] + rows[n].more * sizeof(float));
        layer_scene_close(&plain);
        layer_scene_close(&hidden);
    }
}

/* ---- the layer's own differences ---- */

/* sum of out * dout */
static double loss(const struct layer_scene *scene)
{
    const float *dout = scene->data.slot[LAYER_DOUT];
    unsigned char *image = run_once(scene);
    double sum = 0.0;

    for (size_t n = 0; n < layer_count(&scene->c.layer, LAYER_OUT); n++) {
        float out;

        memcpy(&out, image + scene->at[LAYER_OUT] + 4 * n, sizeof out);
        sum += (double)out * (double)dout[n];
    }
    free(image);
    return sum;
}

/* Along the gradient g, where the loss changes most: (loss(x + h g/|g|) - loss(x - h g/|g|)) / 2h =
 * |g|, up to terms of h^2 and noise of 1e-7 |loss| / h. */
static void check_difference(struct layer_scene *scene, const unsigned char *image, enum layer_slot input,
                             enum layer_slot gradient)
{
    const double h = 0x1p-6;
    const size_t count = layer_count(&scene->c.layer, input);
    float *g = malloc(count * sizeof *g);
    float *x = (float *)(void *)(scene->image + scene->at[input]);
    double norm = 0.0;
    double found[2];

    assert_non_null(g);
    memcpy(g, image + scene->at[gradient], count * sizeof *g);
    for (size_t n = 0; n < count; n++) {
        norm += (double)g[n] * (double)g[n];
    }
    norm = sqrt(norm);
    for (int side = 0; side < 2; side++) {
        for (size_t n = 0; n < count; n++) {
            x[n] = (float)((double)((float *)scene->data.slot[input])[n] + (side ? -h : h) * (double)g[n] / norm);
        }
        found[side] = loss(scene);
    }
    memcpy(x, scene->data.slot[input], scene->data.bytes[input]);
    if (!(fabs((found[0] - found[1]) / (2.0 * h) - norm) <= 5e-3 * norm)) {
        fail_msg("%s: %s: finite difference %.9g, gradient %.9g", scene->c.line, layer_slot_name(gradient),
                 (found[0] - found[1]) / (2.0 * h), norm);
    }
    free(g);
}

static void test_finite_differences(void **state)
{
    static const enum layer_slot pairs[][2] = {
        {LAYER_X, LAYER_DX},   {LAYER_CONTEXT, LAYER_DCONTEXT}, {LAYER_WQ, LAYER_DWQ},   {LAYER_WKV, LAYER_DWKV},
        {LAYER_WO, LAYER_DWO}, {LAYER_BQ, LAYER_DBQ},           {LAYER_BKV, LAYER_DBKV}, {LAYER_BO, LAYER_DBO}};
    static const char *const lines[] = {"b2 n7 m9 e24 c40 h4/2 d32 causal", "b2 n7 e24 h4/2 d8"};

    for (size_t line = 0; line < COUNT_OF(lines); line++) {
        struct layer_scene scene;
        unsigned char *image;

        layer_scene_open(&scene, *state, NULL, lines[line], LAYER_ROOM);
        image = run_once(&scene);
        for (size_t n = 0; n < COUNT_OF(pairs); n++) {
            if (scene.data.bytes[pairs[n][0]] > 0) {
                check_difference(&scene, image, pairs[n][0], pairs[n][1]);
            }
        }
        free(image);
        layer_scene_close(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_plans_for_one_pass),
        cmocka_unit_test(test_saved),
        cmocka_unit_test(test_workspace_of_hidden),
        cmocka_unit_test(test_finite_differences),
    };

    return cmocka_run_group_tests_name("layer", tests, device_setup, device_teardown);
}
