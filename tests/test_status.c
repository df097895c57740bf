/* SPDX-License-Identifier: Apache-2.0 */
/* Names and sentences of statuses, versions, and the last error. */
#include "device.h"

#include <string.h>

static void test_statuses(void **state)
{
#define ROW(name, value, sentence) {name, value, #name, sentence},
    static const struct {
        clattn_status status;
        int value;
        const char *name, *sentence;
    } rows[] = {CLATTN_STATUS_LIST(ROW)};
#undef ROW

    (void)state;
    for (size_t n = 0; n < COUNT_OF(rows); n++) {
        assert_int_equal(rows[n].status, rows[n].value);
        assert_string_equal(clattn_status_name(rows[n].status), rows[n].name);
        assert_string_equal(clattn_status_message(rows[n].status), rows[n].sentence);
    }
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
