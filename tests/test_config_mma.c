/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in table of engine nvidia_mma: whatever the problem, its configurations are legal, fit the device and the
 * tiles that were asked for, and leave a work-item registers. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "attention/args.h"
#include "select/choose.h"
#include "select/engine.h"

#include <string.h>

static const struct clattn__device large = {
    .type = CL_DEVICE_TYPE_GPU, .local_bytes = 224 << 10, .max_group = 1024, .float_width = 1, .compute_units = 132};
static const struct clattn__device small = {
    .type = CL_DEVICE_TYPE_GPU, .local_bytes = 49 << 10, .max_group = 256, .float_width = 1, .compute_units = 4};
static const enum clattn__kernel kernels[] = {KERNEL_FORWARD, KERNEL_DQ, KERNEL_DKDV};
static const int64_t depths[] = {1, 40, 64, 96, 111, 128, 192, 256};
static const int64_t lengths[] = {1, 17, 63, 512, 8192};
static const int64_t tiles[] = {0, 16, 40, 100};

static clattn_problem make_problem(int64_t queries, int64_t keys, int64_t depth, int64_t v_depth)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 2;
    p.q_heads = p.kv_heads = 4;
    p.q_len = queries;
    p.kv_len = keys;
    p.qk_dim = depth;
    p.v_dim = v_depth;
    p.dtype = CLATTN_FLOAT16;
    return p;
}

/* What kernels/engines/nvidia_mma/engine_decode.cl asks for with #error, and declares; a lane has registers for 1/32 of 2048
 * elements of K. */
static void check_few(const struct clattn__device *device, const clattn_problem *p, const struct clattn__config *c)
{
    assert_true(c->kernel == KERNEL_FORWARD && p->qk_dim % 8 == 0 && p->v_dim % 8 == 0 &&
                clattn__solver_of(c)->accepts_layout);
    assert_true(c->tile_rows >= 1 && c->tile_rows <= 16 && (c->tile_rows & (c->tile_rows - 1)) == 0 &&
                c->stationary_resident == 1);
    assert_true(c->tile_rows < 2 * p->q_len * clattn__config_pack(p) && (p->q_tile == 0 || c->tile_rows <= p->q_tile));
    assert_true(c->tile_cols % (16 * c->warps) == 0 && (p->k_tile == 0 || c->tile_cols <= p->k_tile));
    assert_true(c->tile_cols / c->warps * (c->d_pad > c->dv_pad ? c->d_pad : c->dv_pad) <= 16 * 128);
    assert_true(c->d_pad % 32 == 0 && c->d_pad >= p->qk_dim && c->d_pad < p->qk_dim + 32 && c->d_pad <= 128);
    assert_true(c->dv_pad % 64 == 0 && c->dv_pad >= p->v_dim && c->dv_pad < p->v_dim + 64 && c->dv_pad <= 128);
    assert_true(c->out_block == c->dv_pad && c->d_pad % c->depth_step == 0 && c->dv_pad % c->depth_step == 0);
    assert_int_equal(c->group_size, 32 * c->warps);
    assert_true(c->group_size <= device->max_group && c->local_bytes <= device->local_bytes);
    assert_int_equal(c->local_bytes, 4 * c->warps * c->tile_rows * (c->dv_pad + 6));
}

/* What kernels/engines/nvidia_mma/engine.cl and fragments.cl ask for with #error, and declare. */
static void check_config(const struct clattn__device *device, const clattn_problem *p, const struct clattn__config *c)
{
    const int keys_stationary = c->kernel == KERNEL_DKDV, two = c->kernel != KERNEL_FORWARD;
    const int64_t own_most = keys_stationary ? p->k_tile : p->q_tile,
                  walk_most = keys_stationary ? p->q_tile : p->k_tile;
    const int deepest = c->d_pad > c->dv_pad ? c->d_pad : c->dv_pad;
    const int scores = c->tile_rows * c->tile_cols / (32 * c->warps),
              outputs = c->tile_rows * c->out_block / (32 * c->warps);

    assert_null(clattn__solver_of(c)->accepts_layout);
    assert_true(c->warps >= 1 && c->tile_rows % (16 * c->warps) == 0 && c->tile_cols % 16 == 0 &&
                c->out_block % 16 == 0);
    assert_true(c->tile_rows > 0 && c->tile_cols > 0 && c->out_block > 0 && c->out_block <= deepest &&
                c->stationary_resident == 1);
    assert_true(c->d_pad % 16 == 0 && c->d_pad >= p->qk_dim && c->d_pad < p->qk_dim + 16);
    assert_true(c->dv_pad % 16 == 0 && c->dv_pad >= p->v_dim && c->dv_pad < p->v_dim + 16);
    assert_true((own_most == 0 || c->tile_rows <= own_most) && (walk_most == 0 || c->tile_cols <= walk_most));
    assert_int_equal(c->group_size, 32 * c->warps);
    assert_true(c->group_size <= device->max_group && c->local_bytes <= device->local_bytes);
    assert_int_equal(c->local_bytes, 2 * c->tile_rows * (c->d_pad + (two ? c->dv_pad : 0)) +
                                         8 * c->tile_cols * deepest + (keys_stationary ? 16 * c->tile_cols : 0));
    assert_true(scores * (two ? 2 : 1) + outputs * (keys_stationary ? 2 : 1) <= 208);
}

/* The attempts for one kernel, each complete as it is. Returns how many. */
static int check_attempts(const struct clattn__device *device, const clattn_problem *p, enum clattn__kernel kernel)
{
    struct clattn__config config = {.kernel = kernel, .want_dk = true, .want_dv = true};
    int attempt = 0;

    for (; clattn__config_choose(device, CLATTN_ENGINE_NVIDIA_MMA, p, attempt, &config); attempt++) {
        struct clattn__config again = config;

        if (config.decode)
            check_few(device, p, &config);
        else
            check_config(device, p, &config);
        assert_true(clattn__config_complete(device, CLATTN_ENGINE_NVIDIA_MMA, p, &again));
        assert_memory_equal(&again, &config, sizeof config);
    }
    return attempt;
}

static void test_table(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_SIZE(kernels); k++)
        for (size_t d = 0; d < ARRAY_SIZE(depths); d++)
            for (size_t n = 0; n < ARRAY_SIZE(lengths); n++)
                for (size_t t = 0; t < ARRAY_SIZE(tiles); t++) {
                    clattn_problem p = make_problem(lengths[n], lengths[ARRAY_SIZE(lengths) - 1 - n], depths[d],
                                                    depths[ARRAY_SIZE(depths) - 1 - d]);

                    p.q_tile = tiles[t];
                    p.k_tile = tiles[ARRAY_SIZE(tiles) - 1 - t];
                    const bool supports = clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, kernels[k]);
                    assert_int_equal(check_attempts(&large, &p, kernels[k]) > 0, supports);
                    assert_int_equal(check_attempts(&small, &p, kernels[k]) > 0, supports);
                }
}

/* Tiles smaller than a block, and devices with less local memory than the last row takes, are another engine's. */
static void test_nothing_fits(void **state)
{
    struct clattn__device tiny = small;
    clattn_problem p = make_problem(64, 64, 256, 256);

    (void)state;
    tiny.local_bytes = 32 << 10;
    assert_int_equal(check_attempts(&tiny, &p, KERNEL_DQ), 0);
    p.k_tile = 15;
    assert_int_equal(check_attempts(&large, &p, KERNEL_FORWARD), 0);
}

/* Long problems get the tiles that were measured, few heads tiles enough for all compute units. */
static void test_choice(void **state)
{
    clattn_problem p = make_problem(8192, 8192, 128, 128);
    struct clattn__config config = {.kernel = KERNEL_FORWARD};

    (void)state;
    assert_true(clattn__config_choose(&large, CLATTN_ENGINE_NVIDIA_MMA, &p, 0, &config));
    assert_true(config.tile_rows == 128 && config.tile_cols == 64 && config.warps == 4);
    p.batch = p.q_heads = p.kv_heads = 1;
    assert_true(clattn__config_choose(&large, CLATTN_ENGINE_NVIDIA_MMA, &p, 0, &config));
    assert_int_equal(config.tile_rows, 64);
}

/* One query against long keys: eight warps a compute unit, in one work-group where all run at once, and no more parts
 * of the keys than keep all of them busy. */
static void test_few(void **state)
{
    clattn_problem p = make_problem(1, 8192, 128, 128);
    struct clattn__config config = {.kernel = KERNEL_FORWARD};

    (void)state;
    p.batch = 16;
    p.q_heads = 32;
    p.kv_heads = 8;
    assert_true(clattn__config_choose(&large, CLATTN_ENGINE_NVIDIA_MMA, &p, 0, &config));
    assert_true(config.decode && config.tile_rows == 4 && config.warps == 8 && config.splits == 1);
    p.batch = 1;
    assert_true(clattn__config_choose(&large, CLATTN_ENGINE_NVIDIA_MMA, &p, 0, &config));
    assert_true(config.decode && config.warps == 8 && config.splits == 16);
    p.batch = 64;
    assert_true(clattn__config_choose(&large, CLATTN_ENGINE_NVIDIA_MMA, &p, 0, &config));
    assert_true(config.decode && config.warps == 4 && config.splits == 1);
    p.q_len = 5; /* four heads of five rows */
    assert_true(clattn__config_choose(&large, CLATTN_ENGINE_NVIDIA_MMA, &p, 0, &config));
    assert_false(config.decode || clattn__solver_of(&config)->accepts_layout);
}

/* Its calls: rows of K and V are whole pieces of 16 bytes, or another engine's. */
static void test_few_takes(void **state)
{
    const struct clattn__solver *solver = clattn__solver_first(CLATTN_ENGINE_NVIDIA_MMA, KERNEL_FORWARD);
    struct call call = {.k = {8, 64, 24, 8}, .v = {0, 0, 0, 16}, .q = {1, 1, 1, 1}};

    (void)state;
    assert_true(solver->accepts_layout(NULL, KERNEL_FORWARD, &call));
    call.k.offset = 4;
    assert_false(solver->accepts_layout(NULL, KERNEL_FORWARD, &call));
    call.k.offset = 8;
    call.v.row = 12;
    assert_false(solver->accepts_layout(NULL, KERNEL_FORWARD, &call));
}

static void test_supports(void **state)
{
    clattn_problem p = make_problem(8192, 8192, 256, 1);

    (void)state;
    assert_true(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_FORWARD));
    assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_BACKWARD_FUSED));
    p.score.scale = -0.5f;
    assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_DQ));
    p.score.scale = 0.5f;
    p.q_len = 4;
    assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_FORWARD));
    assert_true(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_DKDV));
    p.qk_dim = p.v_dim = 128;
    assert_true(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_FORWARD));
    p.v_dim = 100;
    assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_FORWARD));
    p.qk_dim = 257;
    assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_DKDV));
    p.qk_dim = 8;
    p.dtype = CLATTN_FLOAT32;
    assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_MMA, &large, &p, KERNEL_DKDV));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table),     cmocka_unit_test(test_nothing_fits),
                                       cmocka_unit_test(test_choice),    cmocka_unit_test(test_few),
                                       cmocka_unit_test(test_few_takes), cmocka_unit_test(test_supports)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
