/* SPDX-License-Identifier: Apache-2.0 */
/* Listing and finding devices; the objects of a runner. */
#include "device.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_DEVICES = 16, NAME_BYTES = 256 };

enum { HAS_DRIVERS = 77 };

/* Runs in a process whose loader has no drivers: 0 if the results are right, HAS_DRIVERS if it
 * finds some. */
static int find_nothing(const char *folder)
{
    cl_device_id device;
    size_t count = 77;

    if (setenv("OCL_ICD_VENDORS", folder, 1) != 0 || unsetenv("OCL_ICD_FILENAMES") != 0) {
        return 1;
    }
    if (clattn_list_devices(NULL, 0, &count) != CLATTN_SUCCESS) {
        return 2;
    }
    if (count != 0) {
        return HAS_DRIVERS;
    }
    if (clattn_find_device(NULL, &device) != CLATTN_NO_DEVICE || device != NULL || *clattn_last_error() == '\0') {
        return 3;
    }
    return clattn_find_device("0", &device) != CLATTN_NO_DEVICE || device != NULL ? 4 : 0;
}

/* Without any platform the list is empty, which is no error. Must be the first test: a loader looks
 * for drivers once. */
static void test_no_platform(void **state)
{
    char folder[] = "/tmp/clattn_devices_XXXXXX";
    pid_t child;
    int status = 0;

    (void)state;
    assert_non_null(mkdtemp(folder));
    child = fork();
    if (child == 0) {
        _exit(find_nothing(folder));
    }
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_int_equal(rmdir(folder), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == HAS_DRIVERS) {
        print_message("skipped: the loader finds drivers whatever OCL_ICD_VENDORS says\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_list_devices(void **state)
{
    cl_device_id all[MOST_DEVICES], some[MOST_DEVICES];
    size_t count, again;

    (void)state;
    assert_success(clattn_list_devices(NULL, 0, &count));
    assert_in_range(count, 1, MOST_DEVICES);
    assert_success(clattn_list_devices(all, MOST_DEVICES, &again));
    assert_int_equal(again, count);
    for (size_t capacity = 0; capacity < count; capacity++) { /* does not write past `capacity` */
        memset(some, 0x5a, sizeof some);
        assert_success(clattn_list_devices(some, capacity, &again));
        assert_int_equal(again, count);
        assert_memory_equal(some, all, capacity * sizeof *some);
        assert_int_equal(((unsigned char *)(some + capacity))[0], 0x5a);
    }
    for (size_t n = 0; n < count; n++) {
        char index[24];
        cl_device_id found;

        snprintf(index, sizeof index, "%zu", n);
        assert_success(clattn_find_device(index, &found));
        assert_ptr_equal(found, all[n]);
    }
}

/* The best device is a GPU if there is one. */
static void test_best_device(void **state)
{
    cl_device_id all[MOST_DEVICES], best, same;
    cl_device_type type, best_type;
    size_t count;

    (void)state;
    assert_success(clattn_list_devices(all, MOST_DEVICES, &count));
    assert_success(clattn_find_device(NULL, &best));
    assert_success(clattn_find_device("", &same));
    assert_ptr_equal(best, same);
    assert_cl(clGetDeviceInfo(best, CL_DEVICE_TYPE, sizeof best_type, &best_type, NULL));
    for (size_t n = 0; n < count && n < MOST_DEVICES; n++) {
        assert_cl(clGetDeviceInfo(all[n], CL_DEVICE_TYPE, sizeof type, &type, NULL));
        assert_true((best_type & CL_DEVICE_TYPE_GPU) || !(type & CL_DEVICE_TYPE_GPU));
    }
}

static int contains_part(const char *text, const char *part)
{
    while (*text != '\0' && strncasecmp(text, part, strlen(part)) != 0) {
        text++;
    }
    return *text != '\0';
}

/* Whether the device's or its platform's name contains `part`. */
static int contains(cl_device_id device, const char *part)
{
    cl_platform_id platform;
    char name[NAME_BYTES];

    assert_cl(clGetDeviceInfo(device, CL_DEVICE_NAME, sizeof name, name, NULL));
    if (contains_part(name, part)) {
        return 1;
    }
    assert_cl(clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    assert_cl(clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof name, name, NULL));
    return contains_part(name, part);
}

/* Finds a device by part of its name or its platform's, in upper or lower case. */
static void test_device_by_name(void **state)
{
    cl_device_id device;
    cl_platform_id platform;
    char names[2][NAME_BYTES];

    (void)state;
    assert_success(clattn_find_device(getenv("CLATTN_TEST_DEVICE"), &device));
    assert_cl(clGetDeviceInfo(device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL));
    assert_cl(clGetDeviceInfo(device, CL_DEVICE_NAME, NAME_BYTES, names[0], NULL));
    assert_cl(clGetPlatformInfo(platform, CL_PLATFORM_NAME, NAME_BYTES, names[1], NULL));
    for (int n = 0; n < 2; n++) {
        for (int variant = 0; variant < 3; variant++) {
            cl_device_id found;

            for (char *c = names[n]; *c != '\0'; c++) {
                *c = (char)(variant == 1 ? toupper((unsigned char)*c) : variant == 2 ? tolower((unsigned char)*c) : *c);
            }
            assert_success(clattn_find_device(names[n] + variant, &found)); /* without its first letters */
            assert_int_equal(contains(found, names[n] + variant), 1);
        }
    }
}

static void test_objects_of_runner(void **state)
{
    const clattn_options options = device_options();
    clattn_runner *runner;
    cl_device_id device;

    (void)state;
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &runner));
    assert_success(clattn_find_device(getenv("CLATTN_TEST_DEVICE"), &device));
    assert_ptr_equal(clattn_runner_device(runner), device);
    assert_non_null(clattn_runner_context(runner));
    assert_non_null(strstr(clattn_context_describe(clattn_runner_context(runner)), "engine"));
    clattn_runner_destroy(runner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_platform),       cmocka_unit_test(test_list_devices),
        cmocka_unit_test(test_best_device),       cmocka_unit_test(test_device_by_name),
        cmocka_unit_test(test_objects_of_runner),
    };

    return cmocka_run_group_tests_name("devices", tests, NULL, NULL);
}
