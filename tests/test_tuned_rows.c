/* SPDX-License-Identifier: Apache-2.0 */
/* A row of tuned configurations with any numbers within their bounds is refused, or is legal for
 * building kernels and counting work-groups. A division by zero ends this process, which has no
 * driver that would ignore it. */
#include "select/choose.h"
#include "select/tunables.h"
#include "select/tuned.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static const clattn_allocator heap = {NULL, NULL, NULL};

static const struct clattn__device devices[] = {
    {.name = "large", .local_bytes = 227 << 10, .max_group = 1024, .float_width = 1, .compute_units = 132},
    {.name = "small", .local_bytes = 16 << 10, .max_group = 64, .float_width = 4, .compute_units = 1},
    {.name = "CPU",
     .type = CL_DEVICE_TYPE_CPU,
     .local_bytes = 8 << 20,
     .max_group = 4096,
     .float_width = 16,
     .compute_units = 2},
};

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Draws a value of a field, mostly bounds and powers of two. */
static int draw(const struct clattn__tunable *tunable, uint32_t *state)
{
    const uint32_t kind = next(state) % 8;
    int value = tunable->least + (int)(next(state) % (uint32_t)(tunable->most - tunable->least + 1));

    if (kind == 0) {
        value = tunable->least;
    } else if (kind == 1) {
        value = tunable->most;
    } else if (kind > 2) {
        value = 1 << next(state) % 10;
    }
    return value < tunable->least ? tunable->least : value > tunable->most ? tunable->most : value;
}

static clattn_problem draw_problem(uint32_t *state)
{
    static const int64_t lengths[] = {1, 3, 16, 40, 100, 5000, (int64_t)1 << 40};
    static const int64_t depths[] = {1, 8, 40, 64, 128, 512, 576};
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 1 + next(state) % 3;
    p.kv_heads = 2;
    p.q_heads = next(state) % 2 ? 2 : 6;
    p.q_len = lengths[next(state) % ARRAY_SIZE(lengths)];
    p.kv_len = lengths[next(state) % ARRAY_SIZE(lengths)];
    p.qk_dim = depths[next(state) % ARRAY_SIZE(depths)];
    p.v_dim = next(state) % 4 ? p.qk_dim : 24;
    p.dtype = (clattn_dtype)(next(state) % 3);
    p.q_tile = next(state) % 8 ? 0 : 9;
    p.kv_splits = next(state) % 4;
    return p;
}

/* Checks a row; returns whether it is accepted. */
static bool check(const struct clattn__device *device, const clattn_problem *p, struct clattn__config config)
{
    char options[CLATTN__OPTIONS_MAX];
    const bool accepted = clattn__config_complete(device, config.engine, p, &config);

    if (accepted) {
        assert_in_range(config.group_size, 1, device->max_group);
        assert_in_range(config.local_bytes, 0, device->local_bytes);
        assert_true(clattn__tunables_in_range(&config) || config.strip == 1);
        assert_true(clattn__config_groups(&config, p) > 0);
        assert_in_range(config.splits, 1, CLATTN_MAX_KV_SPLITS);
        clattn__config_options(&config, options);
        assert_true(strlen(options) < CLATTN__OPTIONS_MAX - 1);
    }
    return accepted;
}

/* Draws every field or, to get more legal rows, only a few fields of the built-in row. */
static void draw_fields(const struct clattn__device *device, const clattn_problem *p, uint32_t *state,
                        struct clattn__config *config)
{
    const clattn_engine engine = config->engine;
    const bool all = next(state) % 2 || !clattn__config_choose(device, engine, p, 0, config);

    config->engine = engine;
    for (size_t i = 0; i < clattn__tunable_count; i++) {
        if (clattn__tunable_used(&clattn__tunables[i], engine) && (all || next(state) % 8 == 0)) {
            *clattn__tunable_value(&clattn__tunables[i], config) = draw(&clattn__tunables[i], state);
        }
    }
}

static void test_drawn(void **state)
{
    const enum clattn__kernel kernels[] = {KERNEL_FORWARD, KERNEL_DQ, KERNEL_DKDV};
    int accepted[CLATTN__ENGINE_COUNT] = {0};
    uint32_t seed = 1;

    (void)state;
    for (int n = 0; n < 400000; n++) {
        const struct clattn__device *device = &devices[next(&seed) % ARRAY_SIZE(devices)];
        const clattn_problem p = draw_problem(&seed);
        struct clattn__config config = {.kernel = kernels[next(&seed) % ARRAY_SIZE(kernels)]};

        config.engine = (clattn_engine)(CLATTN_ENGINE_SIMT + next(&seed) % (CLATTN__ENGINE_COUNT - 1));
        config.want_dk = next(&seed) % 2;
        config.want_dv = !config.want_dk || next(&seed) % 2;
        draw_fields(device, &p, &seed, &config);
        accepted[config.engine] += check(device, &p, config);
    }
    for (int engine = CLATTN_ENGINE_SIMT; engine < CLATTN__ENGINE_COUNT; engine++) {
        assert_in_range(accepted[engine], 1000, 100000); /* else too few rows test the rest */
    }
}

/* Decode with fewer keys than groups of work-items: the row does not fit and is refused. */
static void test_no_key_for_a_group(void **state)
{
    static const char text[] =
        "clattn-tuned 2\n"
        "engine=simt kernel=forward features=FLOAT32 D=64 Dv=64 log_rows=0 "
        "log_cols=9 log_heads=3 TILE_ROWS=1 TILE_COLS=4 DEPTH_STEP=32 OUT_BLOCK=64 STATIONARY_RESIDENT=1 TX=16 TY=8 "
        "STRIP=4 UNROLL=2 DECODE=1\n";
    struct clattn__tuned_table table = {NULL, 0, 0};
    struct clattn__config config = {.kernel = KERNEL_FORWARD};
    clattn_problem p = CLATTN_PROBLEM_INIT;
    char *copy = clattn__copy_string(&heap, text);

    (void)state;
    p.batch = 2;
    p.q_heads = p.kv_heads = 4;
    p.q_len = 1;
    p.kv_len = 1000;
    p.qk_dim = p.v_dim = 64;
    assert_non_null(copy);
    assert_true(clattn__tuned_parse(&heap, copy, &table));
    assert_int_equal(table.count, 1);
    assert_false(clattn__tuned_nearest(&table, &devices[0], CLATTN_ENGINE_SIMT, &p, &config));
    table.rows[0].config.tile_cols = 128; /* everything else is legal */
    assert_true(clattn__tuned_nearest(&table, &devices[0], CLATTN_ENGINE_SIMT, &p, &config));
    clattn__release(&heap, table.rows);
    clattn__release(&heap, copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_key_for_a_group),
        cmocka_unit_test(test_drawn),
    };

    return cmocka_run_group_tests_name("tuned_rows", tests, NULL, NULL);
}
