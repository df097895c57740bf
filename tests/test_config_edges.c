/* SPDX-License-Identifier: Apache-2.0 */
/* host/select/choose.c where there is no tile to choose: too small a device, all gradients in one visit, long sums, a kernel
 * without tiles. */
#include "select/choose.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static clattn_problem make_problem(int64_t length, int dim)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 3;
    p.q_heads = 4;
    p.kv_heads = 2;
    p.q_len = p.kv_len = length;
    p.qk_dim = p.v_dim = dim;
    return p;
}

/* A device that has too little for anything gets nothing. */
static void test_no_configuration(void **state)
{
    const struct clattn__device none = {.local_bytes = 512, .max_group = 1024, .float_width = 8, .compute_units = 1};
    const struct clattn__device narrow = {.local_bytes = 65536, .max_group = 63, .float_width = 8, .compute_units = 1};
    const clattn_problem p = make_problem(100, 64);
    struct clattn__config c = {.kernel = KERNEL_FORWARD};

    (void)state;
    assert_false(clattn__config_choose(&none, CLATTN_ENGINE_SIMT, &p, 0, &c));
    assert_false(clattn__config_choose(&none, CLATTN_ENGINE_CPU, &p, 0, &c));
    assert_false(clattn__config_choose(&narrow, CLATTN_ENGINE_SIMT, &p, 0, &c));
    assert_true(clattn__config_choose(&narrow, CLATTN_ENGINE_CPU, &p, 0, &c));
}

/* Only where heads keep most compute units busy, to the last; and engine simt has no such kernel. */
static void test_one_walk(void **state)
{
    const struct clattn__device device = {
        .local_bytes = 1 << 20, .max_group = 1, .float_width = 16, .compute_units = 12};
    clattn_problem p = make_problem(100, 64);

    (void)state;
    for (int heads = 1; heads <= 48; heads++) {
        /* five products in whole rounds of twelve heads, or seven spread over all units: the last round is too empty */
        const bool idle = heads <= 8 || (heads >= 13 && heads <= 17) || heads == 25;
        p.batch = 1;
        p.q_heads = p.kv_heads = heads;
        assert_int_equal(clattn__config_backward_fused(&device, CLATTN_ENGINE_CPU, &p), !idle);
        assert_false(clattn__config_backward_fused(&device, CLATTN_ENGINE_SIMT, &p));
    }
}

static int long_sums(clattn_engine engine, clattn_dtype dtype, enum clattn__kernel kernel, int64_t length)
{
    const struct clattn__device device = {
        .local_bytes = 224 << 10, .max_group = 1024, .float_width = 16, .compute_units = 8};
    clattn_problem p = make_problem(length, 64);
    struct clattn__config c = {.kernel = kernel, .want_dk = true, .want_dv = true};

    p.dtype = dtype;
    p.kv_splits = 1;
    assert_true(clattn__config_choose(&device, engine, &p, 0, &c));
    return c.long_sums;
}

/* By the rows that are streamed: keys, or the queries of a group of two heads. */
static void test_long_sums(void **state)
{
    (void)state;
    assert_int_equal(long_sums(CLATTN_ENGINE_CPU, CLATTN_FLOAT16, KERNEL_FORWARD, 1024), 0);
    assert_int_equal(long_sums(CLATTN_ENGINE_CPU, CLATTN_FLOAT16, KERNEL_FORWARD, 1025), 1024);
    assert_int_equal(long_sums(CLATTN_ENGINE_SIMT, CLATTN_FLOAT32, KERNEL_FORWARD, 8192), 0);
    assert_int_equal(long_sums(CLATTN_ENGINE_SIMT, CLATTN_FLOAT32, KERNEL_FORWARD, 8193), 1);
    assert_int_equal(long_sums(CLATTN_ENGINE_SIMT, CLATTN_FLOAT32, KERNEL_DQ, 131072), 1);
    assert_int_equal(long_sums(CLATTN_ENGINE_SIMT, CLATTN_FLOAT32, KERNEL_DQ, 131073), 131072);
    assert_int_equal(long_sums(CLATTN_ENGINE_SIMT, CLATTN_FLOAT32, KERNEL_DKDV, 4096), 0);
    assert_int_equal(long_sums(CLATTN_ENGINE_SIMT, CLATTN_FLOAT32, KERNEL_DKDV, 4097), 1);
    assert_int_equal(long_sums(CLATTN_ENGINE_SIMT, CLATTN_FLOAT16, KERNEL_DKDV, 300000), 1);
    assert_int_equal(long_sums(CLATTN_ENGINE_NVIDIA_MMA, CLATTN_FLOAT16, KERNEL_FORWARD, 300000), 0);
}

static void test_delta(void **state)
{
    (void)state;
    for (int n = 0; n < 4; n++) {
        const struct clattn__device device = {
            .local_bytes = 16 << 10, .max_group = (size_t)16 << n, .float_width = 1, .compute_units = 8};
        const clattn_engine engine = n % 2 ? CLATTN_ENGINE_CPU : CLATTN_ENGINE_SIMT;

        for (int64_t length = 1; length < 200; length += 9) {
            const clattn_problem p = make_problem(length, 8);
            struct clattn__config c = {.kernel = KERNEL_DELTA};
            uint64_t tiles = 0;

            assert_true(clattn__config_choose(&device, engine, &p, 0, &c));
            assert_true(c.group_size >= 1 && c.group_size <= device.max_group);
            assert_true(c.group_size == (size_t)(c.tx * c.ty) && c.tile_rows % c.ty == 0);
            assert_true(c.local_bytes <= device.local_bytes);
            for (int64_t row = 0; row < length; row += c.tile_rows) {
                tiles += 3 * 4;
            }
            assert_true(clattn__config_groups(&c, &p) == tiles);
        }
    }
}

/* Kernels without tiles: a compiled kernel may run with fewer work-items than the device has, and so each attempt has
 * half of what the last had, down to one; and all fit the local memory that there is. */
static void test_halves(void **state)
{
    static const size_t kib[] = {1, 2, 4, 5, 6, 8, 32};
    const clattn_problem p = make_problem(50, 8);

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(kib); n++) {
        for (int splits = 2; splits <= 64; splits *= 32) {
            const struct clattn__device device = {
                .local_bytes = kib[n] << 10, .max_group = 256, .float_width = 1, .compute_units = 8};
            struct clattn__config c = {.kernel = KERNEL_COMBINE, .splits = splits}, before;
            size_t expected = kib[n] == 1 ? 1 : splits == 64 && kib[n] >= 6 ? 256 : 64;

            for (int attempt = 0; expected > 0; attempt++) {
                char option[32], options[CLATTN__OPTIONS_MAX];

                assert_true(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, attempt, &c));
                assert_int_equal(c.group_size, expected);
                assert_true(c.local_bytes == 24 * expected && c.local_bytes <= device.local_bytes);
                clattn__config_options(&c, options);
                snprintf(option, sizeof option, " -DITEMS=%zu", expected);
                assert_non_null(strstr(options, option));
                expected /= 2;
                if (expected == 0) {
                    assert_false(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, attempt + 1, &c));
                }
            }
            c.kernel = KERNEL_DELTA;
            c.group_size = 512;
            for (int attempt = 0; c.group_size > 1; attempt++) {
                before = c;
                assert_true(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, attempt, &c));
                assert_true(c.group_size < before.group_size && c.tile_rows == 4 * c.ty);
                assert_true((size_t)(c.tx * c.ty) == c.group_size);
            }
            assert_false(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, 8, &c));
        }
    }
}

/* Keys are not shared out by themselves where the parts would be more than a buffer may hold. */
static void test_split_fits_a_buffer(void **state)
{
    struct clattn__device device = {.local_bytes = 48 << 10, .max_group = 256, .float_width = 1, .compute_units = 64};
    clattn_problem p = make_problem(1, 62);
    const size_t part = sizeof(float) * 3 * 4 * (64 + 2);
    struct clattn__config c = {.kernel = KERNEL_FORWARD};

    (void)state;
    p.kv_len = 100000;
    assert_true(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, 0, &c));
    assert_true(c.splits > 5);
    device.max_alloc_bytes = 5 * part + part / 2;
    assert_true(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, 0, &c));
    assert_int_equal(c.splits, 5);
    device.max_alloc_bytes = part;
    assert_true(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, 0, &c));
    assert_int_equal(c.splits, 1);
    p.kv_splits = 7; /* as asked */
    assert_true(clattn__config_choose(&device, CLATTN_ENGINE_SIMT, &p, 0, &c));
    assert_int_equal(c.splits, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_configuration), cmocka_unit_test(test_one_walk),
        cmocka_unit_test(test_long_sums),        cmocka_unit_test(test_delta),
        cmocka_unit_test(test_halves),           cmocka_unit_test(test_split_fits_a_buffer),
    };

    return cmocka_run_group_tests_name("config_edges", tests, NULL, NULL);
}
