/* SPDX-License-Identifier: Apache-2.0 */
/* Tests internal functions for situations that do not occur on a good device: a kernel that does
 * not build, a device with little local memory, a queue of another device. Also tests the text of
 * the real kernels. */
#include "scene.h"

#include "host_view.h"
#include "opencl/embedded.h"
#include "opencl/program.h"
#include "plan/plan.h"
#include "reference.h"
#include "select/choose.h"
#include "select/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the text that is compiled ---- */

static const struct clattn__embedded *find_file(const char *name, size_t length)
{
    for (size_t n = 0; n < clattn__embedded_count; n++) {
        if (strlen(clattn__embedded[n].name) == length && memcmp(clattn__embedded[n].name, name, length) == 0) {
            return &clattn__embedded[n];
        }
    }
    fail_msg("no kernel file is called %.*s", (int)length, name);
    return NULL;
}

/* Line `number` (from 1) of a file; its length without the newline goes to *length. */
static const char *line_of(const struct clattn__embedded *file, long number, size_t *length)
{
    const char *line = (const char *)file->bytes;
    const char *end = line + file->size;

    for (; number > 1 && line < end; number--) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));

        line = newline != NULL ? newline + 1 : end;
    }
    assert_true(line < end);
    *length = strcspn(line, "\n");
    return line;
}

/* Each line must be that of the file and number of the last #line mark. */
static void check_marks(const char *text)
{
    const struct clattn__embedded *file = NULL;
    long number = 0;

    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strncmp(line, "#line ", 6) == 0) {
            char *name;

            number = strtol(line + 6, &name, 10);
            name += strspn(name, " \"");
            file = find_file(name, strcspn(name, "\""));
        } else {
            size_t length;
            const char *expected;

            assert_non_null(file);
            expected = line_of(file, number++, &length);
            assert_int_equal(strcspn(line, "\n"), length);
            assert_memory_equal(line, expected, length);
        }
    }
}

static void check_text(const char *name)
{
    const clattn_allocator heap = {NULL, NULL, NULL};
    struct clattn__text text;
    char mark[64];

    assert_int_equal(clattn__source_assemble(&heap, name, &text), CLATTN_SUCCESS);
    snprintf(mark, sizeof mark, "/%s.cl\"\n", name);
    assert_int_equal(strncmp(text.chars, "#line 1 \"", 9), 0);
    assert_ptr_equal(strstr(text.chars, mark), strchr(text.chars, '\n') + 1 - strlen(mark));
    assert_null(strstr(text.chars, "\n#include \""));
    check_marks(text.chars);
    clattn__text_free(&text);
}

/* The text of every solver's program. */
static void test_text_of_kernels(void **state)
{
    int count = 0;

    (void)state;
    for (int engine = CLATTN_ENGINE_AUTO + 1; clattn_engine_name((clattn_engine)engine); engine++) {
        for (int kernel = 0; kernel < KERNEL_COUNT; kernel++) {
            const struct clattn__solver *solver =
                clattn__solver_first((clattn_engine)engine, (enum clattn__kernel)kernel);

            for (; solver; solver = clattn__solver_next(solver)) {
                check_text(solver->program);
                count++;
            }
        }
    }
    assert_true(count >= 18);
}

/* ---- kernels that do not build ---- */

/* The place of a file's first #error, such as "attention/engine.cl:27". */
static void place_of_error(const char *name, char *place, size_t bytes)
{
    const struct clattn__embedded *file = find_file(name, strlen(name));
    long number = 1;
    size_t length;

    while (strncmp(line_of(file, number, &length), "#error", 6) != 0) {
        number++;
    }
    snprintf(place, bytes, "%s:%ld", name, number);
}

static void test_build_failure(void **state)
{
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    clattn_context *context = device->context;
    cl_program program = NULL;
    clattn_plan *plan;
    char place[64];

    place_of_error("attention/engine.cl", place, sizeof place);
    for (int again = 0; again < 2; again++) { /* a failed program is not cached */
        assert_status(clattn__program_get(context, false, "forward", "-DBROKEN", &program), CLATTN_BUILD_FAILED, place);
        assert_non_null(strstr(clattn_last_error(), "forward"));
        assert_non_null(strstr(clattn_last_error(), "-DBROKEN"));
        assert_null(program);
        assert_null(context->programs);
    }
    assert_status(clattn__program_get(context, false, "forward", "-no-such-option", &program), CLATTN_BUILD_FAILED,
                  "-no-such-option");
    assert_status(clattn__program_get(context, false, "no_such_kernel", "", &program), CLATTN_BUILD_FAILED,
                  "no_such_kernel.cl is not in the library");
    assert_null(context->programs);
    assert_success(clattn_plan_create(context, &p, CLATTN_FORWARD, &plan)); /* and does not affect others */
    clattn_plan_destroy(plan);
}

/* A program whose PTX must be edited fails to build if the compiler writes no PTX; nothing is
 * leaked. */
static void test_retarget(void **state)
{
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    struct clattn__config config = {.kernel = KERNEL_DELTA};
    char options[CLATTN__OPTIONS_MAX];
    cl_program program = NULL;

    assert_true(clattn__config_choose(&device->context->device, CLATTN_ENGINE_SIMT, &p, 0, &config));
    clattn__config_options(&config, options);
    assert_status(clattn__program_get(device->context, true, "delta", options, &program), CLATTN_BUILD_FAILED,
                  "not PTX as expected");
    assert_null(program);
    assert_null(device->context->programs);
}

/* Too long a message is truncated. */
static void test_long_sentence(void **state)
{
    const struct device *device = *state;
    char options[9000] = "-D";
    cl_program program = NULL;

    memset(options + 2, 'X', sizeof options - 3);
    assert_status(clattn__program_get(device->context, false, "forward", options, &program), CLATTN_BUILD_FAILED,
                  "-DXXX");
    assert_int_equal(strlen(clattn_last_error()), 8191);
}

static void test_programs_are_shared(void **state)
{
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    clattn_problem longer = p;
    clattn_plan *plans[3];
    int programs = 0;

    longer.batch = 1;
    longer.score.mask_dim[0] = 1;
    assert_success(clattn_plan_create(device->context, &p, CLATTN_FORWARD, &plans[0]));
    assert_success(clattn_plan_create(device->context, &p, CLATTN_FORWARD, &plans[1]));
    assert_success(clattn_plan_create(device->context, &longer, CLATTN_FORWARD, &plans[2]));
    for (const struct clattn__program *program = device->context->programs; program != NULL; program = program->next) {
        programs++;
    }
    assert_int_equal(programs, 1);
    for (size_t n = 0; n < COUNT_OF(plans); n++) {
        clattn_plan_destroy(plans[n]);
    }
}

/* ---- devices that are small ---- */

static void test_device_limit(void **state)
{
    static const unsigned passes[] = {CLATTN_FORWARD, CLATTN_BACKWARD_DQ, CLATTN_BACKWARD_DK, CLATTN_BACKWARD_DV};
    static const char *const kernels[] = {"forward", "backward_dq", "backward_dkdv", "backward_dkdv"};
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    const size_t saved = device->context->device.local_bytes;
    clattn_plan *plan = NULL;

    device->context->device.local_bytes = 512;
    for (size_t n = 0; n < COUNT_OF(passes); n++) {
        assert_status(clattn_plan_create(device->context, &p, passes[n], &plan), CLATTN_DEVICE_LIMIT, kernels[n]);
        assert_non_null(strstr(clattn_last_error(), "512 bytes"));
        assert_null(plan);
    }
    device->context->device.local_bytes = saved;
}

static float *read_floats(const struct scene *scene, enum scene_tensor tensor)
{
    float *values = malloc(scene_bytes(scene, tensor));

    assert_non_null(values);
    device_read(scene->device->queue, scene->mem[tensor], scene_bytes(scene, tensor), values);
    return values;
}

static void check_against_reference(const struct scene *scene)
{
    static const enum scene_tensor outputs[] = {SCENE_OUT, SCENE_LSE, SCENE_DQ, SCENE_DK, SCENE_DV};
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    double *expected[COUNT_OF(outputs)];

    for (size_t n = 0; n < COUNT_OF(outputs); n++) {
        expected[n] = malloc(scene_bytes(scene, outputs[n]) * 2);
        assert_non_null(expected[n]);
    }
    arrays.q.data = read_floats(scene, SCENE_Q);
    arrays.k.data = read_floats(scene, SCENE_K);
    arrays.v.data = read_floats(scene, SCENE_V);
    arrays.dout.data = read_floats(scene, SCENE_DOUT);
    assert_int_equal(reference_forward(&scene->problem, &arrays, expected[0], expected[1], NULL), 0);
    assert_int_equal(reference_backward(&scene->problem, &arrays, expected[2], expected[3], expected[4], NULL), 0);
    for (size_t n = 0; n < COUNT_OF(outputs); n++) {
        float *found = read_floats(scene, outputs[n]);

        for (size_t x = 0; x < scene_bytes(scene, outputs[n]) / sizeof *found; x++) {
            if (!(fabs((double)found[x] - expected[n][x]) <= 2e-5 * (1.0 + fabs(expected[n][x])))) {
                fail_msg("%s[%zu] is %g, expected %g", scene_name(outputs[n]), x, (double)found[x], expected[n][x]);
            }
        }
        free(found);
        free(expected[n]);
    }
    free(host_writable(&arrays.q));
    free(host_writable(&arrays.k));
    free(host_writable(&arrays.v));
    free(host_writable(&arrays.dout));
}

/* A device with 16 KiB of local memory and work-groups of 64: large head dimensions need depth
 * steps and output blocks, and results must be right. */
static void test_small_device(void **state)
{
    const struct device *device = *state;
    const struct clattn__device saved = device->context->device;
    clattn_problem p = CLATTN_PROBLEM_INIT;
    struct scene scene;
    clattn_plan *plan;

    p.batch = p.q_heads = p.kv_heads = 1;
    p.q_len = 70;
    p.kv_len = 75;
    p.qk_dim = 200;
    p.v_dim = 300;
    p.score.causal = 1;
    p.kv_splits = 2;
    device->context->device.local_bytes = 16 << 10;
    device->context->device.max_group = 64;
    assert_success(clattn_plan_create(device->context, &p, CLATTN_FORWARD | CLATTN_BACKWARD, &plan));
    for (int k = KERNEL_FORWARD; k <= KERNEL_DELTA; k++)
        assert_int_equal(clattn__stage_for(plan, (enum clattn__kernel)k, NULL) != NULL,
                         k != KERNEL_BACKWARD_FUSED && k != KERNEL_DBIAS && k != KERNEL_DSINK);
    for (size_t i = 0; i < plan->stage_count; i++) {
        assert_true(plan->stages[i].config.local_bytes <= 16 << 10);
        assert_true(plan->stages[i].config.group_size <= 64);
    }
    scene_open(&scene, device, &p, 3);
    scene_fit(&scene, plan);
    assert_success(scene_run(&scene, plan, device->queue));
    check_against_reference(&scene);
    scene_close(&scene);
    clattn_plan_destroy(plan);
    device->context->device = saved;
}

/* The library tries local memory with a kernel that fills it; only on GPUs it tries more than they
 * report. */
static void test_probe_local(void **state)
{
    const struct device *device = *state;
    const struct clattn__device before = device->context->device;

    assert_true(clattn__probe_local(device->context, 16 << 10));
    assert_false(clattn__probe_local(device->context, 16)); /* does not build */
    device->context->device.type = CL_DEVICE_TYPE_CPU;
    device->context->device.local_bytes = 1024;
    clattn__probe(device->context);
    assert_int_equal(device->context->device.local_bytes, 1024);
    device->context->device.type = CL_DEVICE_TYPE_GPU;
    clattn__probe(device->context);
    if (before.local_bytes >= (227 << 10) - 4) {
        assert_int_equal(device->context->device.local_bytes, (227 << 10) - 4);
        assert_true(device->context->device.local_probed);
    }
    device->context->device = before;
}

/* The queue's device is not the context's. */
static void test_queue_of_another_device(void **state)
{
    const struct device *device = *state;
    const clattn_problem p = scene_problem();
    struct scene scene;
    clattn_plan *plan;

    assert_success(clattn_plan_create(device->context, &p, CLATTN_FORWARD | CLATTN_BACKWARD, &plan));
    scene_open(&scene, device, &p, 1);
    device->context->id = NULL;
    assert_status(scene_run(&scene, plan, device->queue), CLATTN_WRONG_CONTEXT, "queue is of another device");
    device->context->id = device->id;
    assert_true(scene_is_untouched(&scene));
    scene_close(&scene);
    clattn_plan_destroy(plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_kernels),
        cmocka_unit_test_setup_teardown(test_build_failure, device_setup, device_teardown),
        cmocka_unit_test_setup_teardown(test_retarget, device_setup, device_teardown),
        cmocka_unit_test_setup_teardown(test_long_sentence, device_setup, device_teardown),
        cmocka_unit_test_setup_teardown(test_programs_are_shared, device_setup, device_teardown),
        cmocka_unit_test_setup_teardown(test_device_limit, device_setup, device_teardown),
        cmocka_unit_test_setup_teardown(test_small_device, device_setup, device_teardown),
        cmocka_unit_test_setup_teardown(test_probe_local, device_setup, device_teardown),
        cmocka_unit_test_setup_teardown(test_queue_of_another_device, device_setup, device_teardown),
    };

    return cmocka_run_group_tests_name("internals", tests, NULL, NULL);
}
