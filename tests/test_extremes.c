/* SPDX-License-Identifier: Apache-2.0 */
/* Known answers at the limits of float32 (extremes.h), in the type of CLATTN_TEST_DTYPE, with the
 * compiler's options of CLATTN_TEST_BUILD_OPTIONS. An argument selects those whose names begin with
 * it. */
#include "device.h"

#include "extremes.h"

#include <stdlib.h>
#include <string.h>

static const char *only = "";

static clattn_dtype dtype_of_environment(void)
{
    const char *name = getenv("CLATTN_TEST_DTYPE");

    return name == NULL || strcmp(name, "f32") == 0 ? CLATTN_FLOAT32
           : strcmp(name, "f16") == 0               ? CLATTN_FLOAT16
                                                    : CLATTN_BFLOAT16;
}

static void test_known_answers(void **state)
{
    clattn_options options = device_options();
    clattn_runner *runner;
    size_t ran = 0, failed = 0;
    char text[256];

    (void)state;
    options.build_options = getenv("CLATTN_TEST_BUILD_OPTIONS");
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    for (size_t i = 0; i < extremes_count(); i++) {
        if (strncmp(extremes_name(i), only, strlen(only)) != 0) {
            continue;
        }
        const enum extremes_outcome outcome = extremes_run(i, runner, dtype_of_environment(), text, sizeof text);

        ran += outcome != EXTREMES_NOT_FOR_TYPE;
        failed += outcome == EXTREMES_FAILED;
        if (outcome == EXTREMES_FAILED) {
            print_message("%s: %s\n", extremes_name(i), text);
        }
    }
    clattn_runner_destroy(runner);
    print_message("%zu known answers\n", ran);
    assert_true(ran > 0);
    assert_int_equal(failed, 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_answers)};

    only = argc > 1 ? argv[1] : "";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
