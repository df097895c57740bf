/* SPDX-License-Identifier: Apache-2.0 */
/* Every function with structs that are smaller or larger than the library's, as in programs built
 * with another version of the header: accepted, refused, written. A struct ends at a page's end,
 * and the next page is inaccessible. */
#include "folder.h"
#include "layer_scene.h"
#include "page.h"
#include "scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Additional bytes in a later header. */
enum { LATER = 24 };

/* ---- every function that takes one ---- */

struct world {
    struct device device;
    struct scene scene;
    clattn_plan *plan;
    clattn_runner *runner;
    void *data[SCENE_COUNT];
    clattn_arrays arrays;
    char folder[FOLDER_BYTES]; /* for tuned configurations */
    int has_layer;
    struct layer_scene layer;
    clattn_layer_arrays layer_arrays;
};

static struct world w;

static clattn_status finished(clattn_status status)
{
    assert_cl(clFinish(w.device.queue));
    return status;
}

static clattn_status take_options(const void *options)
{
    clattn_context *context;
    const clattn_status status = clattn_context_create(w.device.cl, w.device.id, options, &context);

    clattn_context_destroy(context);
    return status;
}

static clattn_status take_runner_options(const void *options)
{
    clattn_runner *runner;
    const clattn_status status = clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), options, &runner);

    clattn_runner_destroy(runner);
    return status;
}

static clattn_status take_problem(const void *problem)
{
    clattn_plan *plan;
    const clattn_status status = clattn_plan_create(w.device.context, problem, CLATTN_FORWARD, &plan);

    clattn_plan_destroy(plan);
    return status;
}

static clattn_status take_run_forward_problem(const void *problem)
{
    return clattn_run_forward(w.runner, problem, &w.arrays, NULL);
}

static clattn_status take_run_backward_problem(const void *problem)
{
    return clattn_run_backward(w.runner, problem, &w.arrays, NULL);
}

static clattn_status take_tune_problem(const void *problem)
{
    return clattn_tune(w.device.context, problem, 0, NULL, NULL);
}

static clattn_status take_tune_options(const void *options)
{
    return clattn_tune(w.device.context, &w.scene.problem, 0, options, NULL);
}

static clattn_status take_tensors_forward(const void *tensors)
{
    return finished(clattn_enqueue_forward(w.plan, w.device.queue, tensors, w.scene.workspace, 0, NULL, NULL));
}

static clattn_status take_tensors_backward(const void *tensors)
{
    return finished(clattn_enqueue_backward(w.plan, w.device.queue, tensors, w.scene.workspace, 0, NULL, NULL));
}

static clattn_status take_arrays_forward(const void *arrays)
{
    return clattn_run_forward(w.runner, &w.scene.problem, arrays, NULL);
}

static clattn_status take_arrays_backward(const void *arrays)
{
    return clattn_run_backward(w.runner, &w.scene.problem, arrays, NULL);
}

static clattn_status take_weights_layer(const void *layer)
{
    float bo[24];

    return clattn_layer_init_weights(layer, 1, NULL, NULL, NULL, NULL, NULL, bo);
}

static clattn_status take_layer(const void *layer)
{
    clattn_layer_plan *plan;
    const clattn_status status = clattn_layer_plan_create(w.device.context, layer, CLATTN_FORWARD, &plan);

    clattn_layer_plan_destroy(plan);
    return status;
}

static clattn_status take_run_layer_forward(const void *layer)
{
    return clattn_run_layer_forward(w.runner, layer, &w.layer_arrays, NULL);
}

static clattn_status take_run_layer_backward(const void *layer)
{
    return clattn_run_layer_backward(w.runner, layer, &w.layer_arrays, NULL);
}

static clattn_status take_layer_tensors_forward(const void *tensors)
{
    return finished(
        clattn_layer_enqueue_forward(w.layer.plan, w.device.queue, tensors, w.layer.workspace[0], 0, NULL, NULL));
}

static clattn_status take_layer_tensors_backward(const void *tensors)
{
    return finished(
        clattn_layer_enqueue_backward(w.layer.plan, w.device.queue, tensors, w.layer.workspace[1], 0, NULL, NULL));
}

static clattn_status take_layer_arrays_forward(const void *arrays)
{
    return clattn_run_layer_forward(w.runner, &w.layer.c.layer, arrays, NULL);
}

static clattn_status take_layer_arrays_backward(const void *arrays)
{
    return clattn_run_layer_backward(w.runner, &w.layer.c.layer, arrays, NULL);
}

/* Checks that the struct is accepted at every size from `least`, that of 0.2.0, to its own, and
 * larger with zeros behind it (then with status `in_the_end`); and that it is refused by name if
 * one of those bytes is not 0 or the size is below `least`. */
static void check_taken(const char *what, const void *good, size_t least, size_t size,
                        clattn_status (*take)(const void *), clattn_status in_the_end)
{
    static const size_t never[] = {0, 7, 8, SIZE_MAX, SIZE_MAX / 2, (size_t)1 << 20};
    char sentence[128];
    struct page page;
    size_t given;
    void *at;

    page_open(&page);
    for (size_t taken = least; taken <= size + LATER; taken += 8) {
        assert_int_equal(take(page_put(&page, good, size < taken ? size : taken, taken, 0)), in_the_end);
        assert_null(strstr(clattn_last_error(), "struct_size"));
    }
    for (size_t n = size; n < size + LATER; n++) {
        at = page_put(&page, good, size, size + LATER, 0);
        ((unsigned char *)at)[n] = n % 2 ? 1 : 0x80;
        snprintf(sentence, sizeof sentence, "%s.struct_size is %zu and its byte %zu is not 0", what, size + LATER, n);
        assert_status(take(at), CLATTN_INVALID_ARGUMENT, sentence);
        assert_non_null(strstr(clattn_last_error(), "was built with a later clattn than the library it runs with"));
        assert_non_null(strstr(clattn_last_error(), clattn_version_string()));
    }
    at = page_put(&page, good, size, size, 0);
    for (size_t n = 0; n <= COUNT_OF(never); n++) {
        given = n < COUNT_OF(never) ? never[n] : least - 1;
        memcpy(at, &given, sizeof given);
        snprintf(sentence, sizeof sentence, "%s.struct_size is %zu; it must be", what, given);
        assert_status(take(at), CLATTN_INVALID_ARGUMENT, sentence);
    }
    page_close(&page);
    assert_int_not_equal(clattn_plan_create(NULL, NULL, 0, NULL), CLATTN_SUCCESS); /* replaces the last error */
}

#define CHECK(what, object, take) check_taken(what, &(object), sizeof(object), sizeof(object), take, CLATTN_SUCCESS)
/* For a struct that has grown since 0.2.0. */
#define CHECK_GROWN(what, object, least, take) check_taken(what, &(object), least, sizeof(object), take, CLATTN_SUCCESS)
/* The least size of a struct that ends with a score, which has grown. */
#define LEAST(object) (sizeof(object) - sizeof(clattn_score) + offsetof(clattn_score, window))
#define CHECK_SCORE(what, object, take)                                                                                \
    check_taken(what, &(object), LEAST(object), sizeof(object), take, CLATTN_SUCCESS)

static void test_taken(void **state)
{
    const clattn_options options = device_options();
    const clattn_tune_options tune = CLATTN_TUNE_OPTIONS_INIT;

    (void)state;
    CHECK("options", options, take_options);
    CHECK("options", options, take_runner_options);
    CHECK_SCORE("problem", w.scene.problem, take_problem);
    CHECK_SCORE("problem", w.scene.problem, take_run_forward_problem);
    CHECK_SCORE("problem", w.scene.problem, take_run_backward_problem);
    CHECK_GROWN("tensors", w.scene.tensors, offsetof(clattn_tensors, alibi), take_tensors_forward);
    CHECK_GROWN("tensors", w.scene.tensors, offsetof(clattn_tensors, alibi), take_tensors_backward);
    CHECK_GROWN("arrays", w.arrays, offsetof(clattn_arrays, alibi), take_arrays_forward);
    CHECK_GROWN("arrays", w.arrays, offsetof(clattn_arrays, alibi), take_arrays_backward);
    CHECK_SCORE("layer", w.layer.c.layer, take_weights_layer);
    /* passes is 0, the last thing checked: this avoids a long search */
    check_taken("problem", &w.scene.problem, LEAST(w.scene.problem), sizeof w.scene.problem, take_tune_problem,
                CLATTN_INVALID_ARGUMENT);
    check_taken("options", &tune, sizeof tune, sizeof tune, take_tune_options, CLATTN_INVALID_ARGUMENT);
}

static void test_layer_taken(void **state)
{
    (void)state;
    if (!w.has_layer) {
        skip();
    }
    CHECK_SCORE("layer", w.layer.c.layer, take_layer);
    CHECK_SCORE("layer", w.layer.c.layer, take_run_layer_forward);
    CHECK_SCORE("layer", w.layer.c.layer, take_run_layer_backward);
    CHECK_GROWN("tensors", w.layer.tensors, offsetof(clattn_layer_tensors, alibi), take_layer_tensors_forward);
    CHECK_GROWN("tensors", w.layer.tensors, offsetof(clattn_layer_tensors, alibi), take_layer_tensors_backward);
    CHECK_GROWN("arrays", w.layer_arrays, offsetof(clattn_layer_arrays, alibi), take_layer_arrays_forward);
    CHECK_GROWN("arrays", w.layer_arrays, offsetof(clattn_layer_arrays, alibi), take_layer_arrays_backward);
}

/* ---- what is written ---- */

static clattn_status run(int which, clattn_run_info *info)
{
    return which == 0   ? clattn_run_forward(w.runner, &w.scene.problem, &w.arrays, info)
           : which == 1 ? clattn_run_backward(w.runner, &w.scene.problem, &w.arrays, info)
           : which == 2 ? clattn_run_layer_forward(w.runner, &w.layer.c.layer, &w.layer_arrays, info)
                        : clattn_run_layer_backward(w.runner, &w.layer.c.layer, &w.layer_arrays, info);
}

static void test_info(void **state)
{
    const clattn_run_info blank = CLATTN_RUN_INFO_INIT;
    struct page page;

    (void)state;
    page_open(&page);
    for (int which = 0; which < (w.has_layer ? 4 : 2); which++) {
        for (size_t more = 0; more <= LATER; more += LATER) {
            unsigned char *at = page_put(&page, &blank, sizeof blank, sizeof blank + more, 0xff);
            clattn_run_info *info = (clattn_run_info *)(void *)at;

            assert_success(run(which, info));
            assert_int_equal(info->struct_size, sizeof blank + more);
            assert_non_null(info->plan);
            assert_true(info->device_bytes > 0);
            for (size_t n = sizeof blank; n < sizeof blank + more; n++) {
                assert_int_equal(at[n], 0); /* a member that this library does not know becomes 0 */
            }
            assert_int_equal(at[-1], 0xa5);
            info->struct_size = sizeof blank - 1;
            assert_status(run(which, info), CLATTN_INVALID_ARGUMENT, "info.struct_size");
            info->struct_size = SIZE_MAX;
            assert_status(run(which, info), CLATTN_INVALID_ARGUMENT, "info.struct_size");
        }
    }
    page_close(&page);
}

static int stop(void *user, const clattn_tune_progress *progress)
{
    (void)user, (void)progress;
    return 1;
}

/* The kernels are an array with the caller's element size: here larger elements, and one fewer than
 * the plan has. */
static void test_tuned_kernels(void **state)
{
    enum { ELEMENT = sizeof(clattn_tuned_kernel) + LATER };
    clattn_tune_options options = CLATTN_TUNE_OPTIONS_INIT;
    clattn_tune_result result = CLATTN_TUNE_RESULT_INIT, *in_page;
    clattn_options with_folder = device_options();
    clattn_context *context;
    struct page kernels, page;
    unsigned char *first;

    (void)state;
    with_folder.cache_dir = w.folder;
    assert_success(clattn_context_create(w.device.cl, w.device.id, &with_folder, &context));
    page_open(&page);
    page_open(&kernels);
    options.seconds = 1e-6;
    first = kernels.end - 2 * ELEMENT;
    memset(first - 16, 0xa5, 16 + 2 * ELEMENT);
    result.kernels = (clattn_tuned_kernel *)(void *)first;
    result.kernel_size = ELEMENT;
    result.capacity = 2;
    in_page = page_put(&page, &result, sizeof result, sizeof result + LATER, 0);
    assert_success(clattn_tune(context, &w.scene.problem, CLATTN_FORWARD | CLATTN_BACKWARD_DQ | CLATTN_BACKWARD_DK,
                               &options, in_page));
    assert_int_equal(in_page->struct_size, sizeof result + LATER);
    assert_true(in_page->kernels == result.kernels && in_page->capacity == 2 && in_page->kernel_size == ELEMENT);
    assert_int_equal(in_page->count, 3);
    assert_false(in_page->stopped);
    for (size_t n = 0; n < 2; n++) {
        clattn_tuned_kernel kernel;

        memcpy(&kernel, first + n * ELEMENT, sizeof kernel);
        assert_string_equal(kernel.kernel, n == 0 ? "forward" : "backward_dq");
        assert_int_equal(kernel.tried, 1);
        for (size_t byte = sizeof kernel; byte < ELEMENT; byte++) {
            assert_int_equal(first[n * ELEMENT + byte], 0);
        }
    }
    assert_int_equal(first[-1], 0xa5);

    options.seconds = 300;
    options.progress = stop;
    result.kernels = NULL;
    result.capacity = result.kernel_size = 0;
    in_page = page_put(&page, &result, sizeof result, sizeof result, 0);
    assert_success(clattn_tune(context, &w.scene.problem, CLATTN_FORWARD, &options, in_page));
    assert_int_equal(in_page->count, 1);
    assert_true(in_page->stopped);
    in_page = page_put(&page, &result, sizeof result, sizeof result + LATER, 1);
    assert_status(clattn_tune(context, &w.scene.problem, CLATTN_FORWARD, &options, in_page), CLATTN_INVALID_ARGUMENT,
                  "result.struct_size");
    page_close(&kernels);
    page_close(&page);
    clattn_context_destroy(context);
}

/* ---- the world ---- */

static void open_arrays(void)
{
    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        w.data[i] = calloc(1, scene_bytes(&w.scene, i));
        assert_non_null(w.data[i]);
    }
    memset(w.data[SCENE_MASK], 1, scene_bytes(&w.scene, SCENE_MASK));
    w.arrays = (clattn_arrays)CLATTN_ARRAYS_INIT;
    w.arrays.q.data = w.data[SCENE_Q];
    w.arrays.k.data = w.data[SCENE_K];
    w.arrays.v.data = w.data[SCENE_V];
    w.arrays.mask.data = w.data[SCENE_MASK];
    w.arrays.kv_lengths.data = w.data[SCENE_KV_LENGTHS];
    w.arrays.out.data = w.data[SCENE_OUT];
    w.arrays.lse.data = w.data[SCENE_LSE];
    w.arrays.dout.data = w.data[SCENE_DOUT];
    w.arrays.dq.data = w.data[SCENE_DQ];
    w.arrays.dk.data = w.data[SCENE_DK];
    w.arrays.dv.data = w.data[SCENE_DV];
}

static int setup(void **state)
{
    static const char line[] = "b2 n7 m9 e24 c40 h4/2 d8 causal kvlen mask=2,1,7,9";
    const clattn_problem problem = scene_problem();
    const clattn_options options = device_options();

    (void)state;
    device_open(&w.device);
    folder_make(w.folder, "struct_sizes");
    scene_open(&w.scene, &w.device, &problem, 1);
    assert_success(clattn_plan_create(w.device.context, &problem, CLATTN_FORWARD | CLATTN_BACKWARD, &w.plan));
    scene_fit(&w.scene, w.plan);
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &w.runner));
    open_arrays();
    w.has_layer = strstr(clattn_context_describe(w.device.context), "built without CLBlast") == NULL;
    if (w.has_layer) {
        layer_scene_open(&w.layer, &w.device, NULL, line, LAYER_APART);
    } else {
        layer_scene_prepare(&w.layer, line);
    }
    w.layer_arrays = layer_data_arrays(&w.layer.c, &w.layer.data);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    layer_scene_close(&w.layer);
    clattn_runner_destroy(w.runner);
    clattn_plan_destroy(w.plan);
    scene_close(&w.scene);
    for (enum scene_tensor i = SCENE_Q; i < SCENE_COUNT; i++) {
        free(w.data[i]);
    }
    folder_remove(w.folder);
    device_close(&w.device);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {

        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_layer_taken),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_tuned_kernels),
    };

    return cmocka_run_group_tests_name("struct_sizes", tests, setup, teardown);
}
