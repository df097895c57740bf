/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a few small problems on each device profile of lie_profiles.c. Either results match the
 * reference, or the device or plan is refused with a sentence that says why; no enqueue fails, and
 * no result is wrong. test_planted shows that the rig finds such failures.
 *
 * Usage: test_lie LAYER [PROFILE]; LAYER is lie_layer.c. Environment as for test_cases, without an
 * engine. */
#include "check.h"
#include "device.h"
#include "lie.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIPPED = 77, MOST_DEVICES = 32, MESSAGE = 2048 };

/* All kernels: forward with splits of the keys, gradients; and every kind of mask. */
static const char *const common[] = {
    "b2 h4/2 n33 m70 d40/24 causal kvlen splits=2",
    "b1 h2 n9 m21 d8 mask=random:1,2,9,21",
};

static const struct lie_control *control;
static const char *only; /* a profile's name, or NULL */

struct rig {
    cl_device_id id;
    cl_context cl;
    cl_command_queue queue;
    size_t devices; /* number of devices without a profile */
};

static int bad(char *message, const char *what, const char *why)
{
    snprintf(message, MESSAGE, "%.200s: %.1500s", what, why);
    return 0;
}

static clattn_status open_context(const struct rig *rig, clattn_engine engine, clattn_context **context)
{
    clattn_options options = CLATTN_OPTIONS_INIT;

    options.engine = engine;
    options.cache_dir = "";
    options.build_options = getenv("CLATTN_TEST_BUILD_OPTIONS");
    return clattn_context_create(rig->cl, rig->id, &options, context);
}

/* ---- a device that is used ---- */

/* Checks that launches on a 32-bit device have no more work-items than its size_t can count. */
static int launches_fit(clattn_context *context, char *message)
{
    struct test_case c = case_make(1 << 28, 4, 2, 33, 70, 40, 24);
    unsigned long long most;
    const char *text;
    size_t items;
    clattn_plan *plan;
    int good;

    if (clattn_plan_create(context, &c.problem, CLATTN_FORWARD, &plan) != CLATTN_SUCCESS) {
        return bad(message, "a plan of many work-groups", clattn_last_error());
    }
    text = strstr(clattn_plan_describe(plan), " work-groups of ");
    good = text != NULL && sscanf(text, " work-groups of %zu, at most %llu", &items, &most) == 2 &&
           most * items <= UINT32_MAX;
    if (!good) {
        bad(message, "a launch of more than 2^32 work-items", clattn_plan_describe(plan));
    }
    clattn_plan_destroy(plan);
    return good;
}

/* Checks that the plan is made, or refused as the profile says. */
static int plan_is_made(clattn_context *context, const struct lie_profile *profile, const struct test_case *c,
                        int is_last, char *message)
{
    clattn_plan *plan;
    const unsigned passes = CLATTN_FORWARD | c->passes;
    const clattn_status status = clattn_plan_create(context, &c->problem, passes, &plan);
    const char *text = status == CLATTN_SUCCESS ? clattn_plan_describe(plan) : clattn_last_error();
    const int expected = profile->outcome == LIE_LIMIT ? CLATTN_DEVICE_LIMIT : CLATTN_SUCCESS;
    const int told = profile->says == NULL || strstr(text, profile->says) != NULL;
    const int good = (int)status == expected && (told || (status == CLATTN_SUCCESS && !is_last));

    if (!good) {
        bad(message, clattn_status_name(status), text);
    }
    clattn_plan_destroy(status == CLATTN_SUCCESS ? plan : NULL);
    return good;
}

static int run_case(const struct rig *rig, clattn_context *context, const struct lie_profile *profile, const char *line,
                    int is_last, char *message)
{
    struct check_result result;
    struct test_case c;
    char error[CASE_LINE_SIZE];

    if (case_parse(line, &c, error) != 0) {
        return bad(message, line, error);
    }
    if (!plan_is_made(context, profile, &c, is_last, message)) {
        return 0;
    }
    if (profile->outcome == LIE_RIGHT &&
        !check_case(context, rig->cl, rig->queue, &c, CLATTN_FORWARD | CLATTN_BACKWARD, &result)) {
        return bad(message, line, result.message);
    }
    return 1;
}

static int run_cases(const struct rig *rig, clattn_context *context, const struct lie_profile *profile, char *message)
{
    const size_t count = sizeof common / sizeof *common;
    int good = 1;

    for (size_t n = 0; good && n < count; n++) {
        good = run_case(rig, context, profile, common[n], n + 1 == count && profile->more == NULL, message);
    }
    if (good && profile->more != NULL) {
        good = run_case(rig, context, profile, profile->more, 1, message);
    }
    return good && (profile->bits != 32 || launches_fit(context, message));
}

/* ---- a device that is not ---- */

static int is_listed(const struct rig *rig, size_t *count)
{
    cl_device_id devices[MOST_DEVICES];

    if (clattn_list_devices(devices, MOST_DEVICES, count) != CLATTN_SUCCESS) {
        return -1;
    }
    for (size_t n = 0; n < *count && n < MOST_DEVICES; n++) {
        if (devices[n] == rig->id) {
            return 1;
        }
    }
    return 0;
}

/* Checks that a context refuses the device, that it is not listed, and that the real device still
 * is. */
static int is_refused(const struct rig *rig, const struct lie_profile *profile, char *message)
{
    clattn_context *context;
    cl_device_id found;
    size_t count;

    if (open_context(rig, profile->engine, &context) != CLATTN_DEVICE_LIMIT || context != NULL ||
        strstr(clattn_last_error(), profile->says) == NULL) {
        return bad(message, "a context", clattn_last_error());
    }
    if (is_listed(rig, &count) != 0) {
        return bad(message, "the list", "has the device");
    }
    if (count == 0 &&
        (clattn_find_device(NULL, &found) != CLATTN_NO_DEVICE || strstr(clattn_last_error(), profile->says) == NULL)) {
        return bad(message, "the best device", clattn_last_error());
    }
    control->beside(1);
    if (is_listed(rig, &count) != 1 || count != rig->devices) {
        return bad(message, "the list", "lacks the device beside it");
    }
    return clattn_find_device("0", &found) == CLATTN_SUCCESS || bad(message, "the first device", clattn_last_error());
}

/* ---- the table ---- */

/* Runs a profile. Returns 1, or 0 with a sentence in `message`. */
static int run_profile(const struct rig *rig, const struct lie_profile *profile, enum lie_plant plant, char *message)
{
    clattn_context *context = NULL;
    size_t count;
    int good;

    control->play(profile);
    control->plant(plant);
    if (profile->outcome == LIE_REFUSED) {
        good = is_refused(rig, profile, message);
    } else if (open_context(rig, profile->engine, &context) != CLATTN_SUCCESS) {
        good = bad(message, "a context", clattn_last_error());
    } else if (is_listed(rig, &count) != 1) {
        good = bad(message, "the list", "lacks the device");
    } else {
        good = run_cases(rig, context, profile, message);
    }
    clattn_context_destroy(context);
    control->beside(0);
    control->plant(LIE_HONEST);
    control->play(NULL);
    return good;
}

static void test_profiles(void **state)
{
    char message[MESSAGE];
    int failures = 0;

    for (size_t n = 0; n < lie_profile_count; n++) {
        const struct lie_profile *profile = &lie_profiles[n];

        if ((only == NULL || strcmp(only, profile->name) == 0) && !run_profile(*state, profile, LIE_HONEST, message)) {
            print_error("%s: %s\n", profile->name, message);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static const struct lie_profile *profile_named(const char *name)
{
    size_t n = 0;

    while (n < lie_profile_count && strcmp(lie_profiles[n].name, name) != 0) {
        n++;
    }
    assert_true(n < lie_profile_count);
    return &lie_profiles[n];
}

/* Whether the runtime reports a kernel's local memory, which the layer needs to play a device with
 * less: PoCL 6 reports 0 for every kernel. */
static int tells_local_memory(const struct rig *rig)
{
    const char *text = "__kernel void k(__global int *x) { __local int y[64]; y[get_local_id(0)] = x[0];"
                       " barrier(CLK_LOCAL_MEM_FENCE); x[1] = y[x[0]]; }";
    cl_program program = clCreateProgramWithSource(rig->cl, 1, &text, NULL, NULL);
    cl_kernel kernel = NULL;
    cl_ulong bytes = 0;

    if (program != NULL && clBuildProgram(program, 1, &rig->id, "", NULL, NULL) == CL_SUCCESS) {
        kernel = clCreateKernel(program, "k", NULL);
    }
    assert_non_null(kernel);
    assert_int_equal(clGetKernelWorkGroupInfo(kernel, rig->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL),
                     CL_SUCCESS);
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    return bytes != 0;
}

/* The rig finds planted bugs: a device that refuses a valid plan's launch, and one with wrong
 * results. */
static void test_planted(void **state)
{
    static const struct {
        enum lie_plant plant;
        const char *profile, *message;
    } plants[] = {
        {LIE_LESS_LOCAL, "small GPU", "CL_OUT_OF_RESOURCES"},
        {LIE_LESS_GROUP, "small GPU", "CL_INVALID_WORK_GROUP_SIZE"},
        {LIE_LESS_PARAMETERS, "arguments that just fit", "CL_OUT_OF_RESOURCES"},
        {LIE_LOST_GROUP, "small GPU", "out["},
    };
    char message[MESSAGE];

    for (size_t n = 0; n < sizeof plants / sizeof *plants; n++) {
        if (plants[n].plant == LIE_LESS_LOCAL && !tells_local_memory(*state)) {
            continue;
        }
        message[0] = '\0';
        assert_false(run_profile(*state, profile_named(plants[n].profile), plants[n].plant, message));
        if (strstr(message, plants[n].message) == NULL) {
            fail_msg("plant %d is found as: %s", (int)plants[n].plant, message);
        }
    }
    struct lie_profile wrong = *profile_named("no compiler"); /* and a refusal without the reason, or none */
    wrong.says = "another reason";
    assert_false(run_profile(*state, &wrong, LIE_HONEST, message));
    wrong = *profile_named("itself");
    wrong.outcome = LIE_LIMIT;
    assert_false(run_profile(*state, &wrong, LIE_HONEST, message));
}

/* A platform that fails, before or after the others, hides none of their devices. Its error is
 * reported only if there are no devices. */
static void test_broken_platform(void **state)
{
    static const cl_int errors[] = {CL_OUT_OF_HOST_MEMORY, CL_OUT_OF_RESOURCES, CL_INVALID_VALUE, -1001, -9999};
    const struct rig *rig = *state;
    cl_device_id found;
    size_t count;

    for (size_t n = 0; n < sizeof errors / sizeof *errors; n++) {
        for (int behind = 0; behind < 2; behind++) {
            control->broken(errors[n], behind, 0);
            assert_int_equal(is_listed(rig, &count), 1);
            assert_int_equal(count, rig->devices);
            assert_success(clattn_find_device(NULL, &found));
            assert_success(clattn_find_device("0", &found));
        }
        control->broken(errors[n], 0, 1);
        assert_int_not_equal(clattn_list_devices(NULL, 0, &count), CLATTN_SUCCESS);
        assert_int_equal(clattn_last_opencl_error(), errors[n]);
        assert_int_equal(count, 0);
        assert_int_not_equal(clattn_find_device(NULL, &found), CLATTN_SUCCESS);
        assert_int_equal(clattn_last_opencl_error(), errors[n]);
        assert_null(found);
    }
    control->broken(CL_DEVICE_NOT_FOUND, 0, 1); /* having no devices is no error */
    assert_success(clattn_list_devices(NULL, 0, &count));
    assert_int_equal(count, 0);
    assert_status(clattn_find_device(NULL, &found), CLATTN_NO_DEVICE, "is a driver installed?");
    control->broken(CL_SUCCESS, 0, 0);
}

/* Names are truncated, and have no control characters. */
static void test_names(void **state)
{
    static const struct {
        const char *profile, *part;
    } names[] = {{"a name of 3000 bytes", "device: AAAAAAAA"},
                 {"a name that moves the cursor", "device: evil?]0;title??engine=simt ("}};

    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        clattn_context *context;

        control->play(profile_named(names[n].profile));
        assert_success(open_context(*state, CLATTN_ENGINE_AUTO, &context));
        assert_non_null(strstr(clattn_context_describe(context), names[n].part));
        clattn_context_destroy(context);
        control->play(NULL);
    }
}

static int setup(void **state)
{
    static struct rig rig;
    cl_int error;

    assert_success(clattn_list_devices(NULL, 0, &rig.devices));
    assert_success(clattn_find_device(getenv("CLATTN_TEST_DEVICE"), &rig.id));
    rig.cl = clCreateContext(NULL, 1, &rig.id, NULL, NULL, &error);
    assert_cl(error);
    rig.queue = clCreateCommandQueue(rig.cl, rig.id, 0, &error);
    assert_cl(error);
    *state = &rig;
    return 0;
}

static int teardown(void **state)
{
    const struct rig *rig = *state;

    assert_cl(clReleaseCommandQueue(rig->queue));
    assert_cl(clReleaseContext(rig->cl));
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broken_platform),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_profiles),
        cmocka_unit_test(test_planted),
    };
    void *layer;
    size_t count;

    if (argc < 2 || argc > 3 || setenv("OPENCL_LAYERS", argv[1], 1) != 0) { /* before the loader reads it */
        fprintf(stderr, "use: test_lie LAYER [PROFILE]\n");
        return EXIT_FAILURE;
    }
    only = argv[2];
    clattn_list_devices(NULL, 0, &count);
    layer = dlopen(argv[1], RTLD_NOW);
    control = layer != NULL ? dlsym(layer, "lie_control") : NULL;
    if (control == NULL) {
        fprintf(stderr, "test_lie: %s\n", dlerror());
        return EXIT_FAILURE;
    }
    if (!control->is_loaded()) {
        fprintf(stderr, "SKIPPED: this OpenCL loader takes no layers (ocl-icd does from 2.3 on)\n");
        return SKIPPED;
    }
    return cmocka_run_group_tests_name("lying devices", tests, setup, teardown);
}
