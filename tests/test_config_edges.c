/* host/config.c where there is no tile to choose: too small a device, all gradients in one walk, a kernel without
 * tiles. */
#include "internal.h"

#include <setjmp.h>
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
        p.batch = 1;
        p.q_heads = p.kv_heads = heads;
        const int rounds = (heads + 11) / 12;
        assert_int_equal(clattn__config_one_walk(&device, CLATTN_ENGINE_CPU, &p), 5 * 12 * rounds <= 7 * heads);
        assert_false(clattn__config_one_walk(&device, CLATTN_ENGINE_SIMT, &p));
    }
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
            assert_true(c.group_size == (size_t)(c.tx * c.ty) && c.own % c.ty == 0);
            assert_true(c.local_bytes <= device.local_bytes);
            for (int64_t row = 0; row < length; row += c.own) {
                tiles += 3 * 4;
            }
            assert_true(clattn__config_groups(&c, &p) == tiles);
            assert_false(clattn__config_choose(&device, engine, &p, 1, &c));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_configuration),
        cmocka_unit_test(test_one_walk),
        cmocka_unit_test(test_delta),
    };

    return cmocka_run_group_tests_name("config_edges", tests, NULL, NULL);
}
