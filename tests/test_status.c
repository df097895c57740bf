/* SPDX-License-Identifier: Apache-2.0 */
/* Names and sentences of statuses, versions, and the last error. */
#include "device.h"

#include <string.h>

/* Programs that were compiled before know statuses by their numbers: a name keeps its own, and new ones are added at the
 * end. */
static void test_statuses(void **state)
{
    static const char *const names[] = {"CLATTN_SUCCESS",          "CLATTN_INVALID_ARGUMENT", "CLATTN_INVALID_SIZE",
                                        "CLATTN_BUFFER_TOO_SMALL", "CLATTN_OVERLAP",          "CLATTN_WRONG_CONTEXT",
                                        "CLATTN_NOT_PLANNED",      "CLATTN_DEVICE_LIMIT",     "CLATTN_BUILD_FAILED",
                                        "CLATTN_OUT_OF_MEMORY",    "CLATTN_OPENCL_ERROR",     "CLATTN_NO_DEVICE",
                                        "CLATTN_NO_CLBLAST"};

    (void)state;
    for (int n = 0; n < (int)COUNT_OF(names); n++) {
        assert_string_equal(clattn_status_name((clattn_status)n), names[n]);
        assert_true(strlen(clattn_status_message((clattn_status)n)) > 5);
        for (int other = 0; other < n; other++) {
            assert_string_not_equal(clattn_status_message((clattn_status)n),
                                    clattn_status_message((clattn_status)other));
        }
    }
    assert_string_equal(clattn_status_name((clattn_status)COUNT_OF(names)), "CLATTN_UNKNOWN");
    assert_string_equal(clattn_status_name((clattn_status)99), "CLATTN_UNKNOWN");
    assert_string_equal(clattn_status_name((clattn_status)-1), "CLATTN_UNKNOWN");
    assert_non_null(clattn_status_message((clattn_status)99));
    assert_int_equal(clattn_version(), CLATTN_VERSION);
    assert_non_null(strchr(clattn_version_string(), '.'));
}

/* A success leaves the last error as it is. */
static void test_last_error(void **state)
{
    size_t count;

    (void)state;
    assert_status(clattn_find_device(NULL, NULL), CLATTN_INVALID_ARGUMENT, "device");
    assert_success(clattn_list_devices(NULL, 0, &count));
    assert_non_null(strstr(clattn_last_error(), "device"));
    assert_int_equal(clattn_last_opencl_error(), CL_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_last_error),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
