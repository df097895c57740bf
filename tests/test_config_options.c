/* SPDX-License-Identifier: Apache-2.0 */
/* The option string of a configuration (host/select/tunables.c): every number is in it, once, under its name. */
#include "select/choose.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static const struct clattn__device device = {
    .local_bytes = 224 << 10, .max_group = 1024, .float_width = 16, .compute_units = 8};

/* Fails unless the options say NAME=value, and NAME once. */
static void check_option(const char *options, const char *name, int value)
{
    char padded[CLATTN__OPTIONS_MAX + 1], word[64], part[80];
    const char *at;

    snprintf(padded, sizeof padded, "%s ", options);
    snprintf(word, sizeof word, " -D%s=", name);
    snprintf(part, sizeof part, "%s%d ", word, value);
    at = strstr(padded, part);
    if (at == NULL || strstr(at + 1, word) != NULL) {
        fail_msg("not once \"%s\": %s", part, options);
    }
}

static void check_absent(const char *options, const char *name)
{
    if (strstr(options, name) != NULL) {
        fail_msg("\"%s\" is of another engine: %s", name, options);
    }
}

/* What all engines have. */
static void check_common(const char *options, const struct clattn__config *c)
{
    check_option(options, "STORAGE", (int)c->dtype);
    check_option(options, "ENGINE", (int)c->engine);
    check_option(options, "D_PAD", c->d_pad);
    check_option(options, "DV_PAD", c->dv_pad);
    check_option(options, "TILE_ROWS", c->tile_rows);
    check_option(options, "TILE_COLS", c->tile_cols);
    check_option(options, "DEPTH_STEP", c->depth_step);
    check_option(options, "OUT_BLOCK", c->out_block);
    check_option(options, "STATIONARY_RESIDENT", c->stationary_resident);
    check_option(options, "PACKED", 0);
    check_option(options, "MASK", 0);
}

static void make_options(clattn_engine engine, clattn_dtype dtype, struct clattn__config *c,
                         char options[CLATTN__OPTIONS_MAX])
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 3;
    p.q_heads = 4;
    p.kv_heads = 2;
    p.q_len = p.kv_len = 1000;
    p.qk_dim = 200;
    p.v_dim = 40;
    p.dtype = dtype;
    assert_true(clattn__config_choose(&device, engine, &p, 0, c));
    clattn__config_options(c, options);
    check_common(options, c);
}

static void test_simt_and_cpu(void **state)
{
    char options[CLATTN__OPTIONS_MAX];

    (void)state;
    for (int n = 0; n < 6; n++) {
        const int cpu = n % 2;
        struct clattn__config c = {.kernel = KERNEL_DKDV, .want_dk = true};

        make_options(cpu ? CLATTN_ENGINE_CPU : CLATTN_ENGINE_SIMT, (clattn_dtype)(n / 2), &c, options);
        check_option(options, "WANT_DK", 1);
        check_option(options, "WANT_DV", 0);
        check_option(options, cpu ? "LANES" : "TX", cpu ? c.lanes : c.tx);
        check_option(options, cpu ? "BLOCK_ROWS" : "TY", cpu ? c.block_rows : c.ty);
        check_option(options, cpu ? "BLOCK_COLS" : "STRIP", cpu ? c.block_cols : c.strip);
        check_absent(options, cpu ? "STRIP" : "LANES");
        check_absent(options, "WARPS");
        check_absent(options, "SPLIT");
    }
}

static void test_nvidia(void **state)
{
    struct clattn__config mma = {.kernel = KERNEL_FORWARD}, wgmma = {.kernel = KERNEL_FORWARD};
    char options[CLATTN__OPTIONS_MAX];

    (void)state;
    make_options(CLATTN_ENGINE_NVIDIA_MMA, CLATTN_FLOAT16, &mma, options);
    check_option(options, "WARPS", mma.warps);
    check_option(options, "SPLIT", mma.splits > 1);
    check_absent(options, "STAGES");
    check_absent(options, "TX");
    make_options(CLATTN_ENGINE_NVIDIA_WGMMA, CLATTN_BFLOAT16, &wgmma, options);
    check_option(options, "STAGES", wgmma.stages);
    check_option(options, "PINGPONG", wgmma.pingpong);
    check_option(options, "STATIONARY_REGISTERS", wgmma.stationary_registers);
    check_absent(options, "WARPS");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simt_and_cpu),
        cmocka_unit_test(test_nvidia),
    };

    return cmocka_run_group_tests_name("config_options", tests, NULL, NULL);
}
