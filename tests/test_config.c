/* SPDX-License-Identifier: Apache-2.0 */
/* host/select/choose.c by itself, with devices that do not exist: whatever a device is like, every problem gets
 * configurations that keep the rules of the engines' kernels and fit the device, and as many work-groups as the
 * kernels expect. That kernels take the local memory that is counted, test_kernel_args.c asks the kernels. */
#include "select/choose.h"
#include "select/split.h"

#include <setjmp.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static const struct clattn__device devices[] = {
    {.local_bytes = 16 << 10, .max_group = 64, .float_width = 16, .compute_units = 1},
    {.local_bytes = 16 << 10, .max_group = 128, .float_width = 1, .compute_units = 8},
    {.local_bytes = 32 << 10, .max_group = 64, .float_width = 4, .compute_units = 2},
    {.local_bytes = 32 << 10, .max_group = 128, .float_width = 8, .compute_units = 2},
    {.local_bytes = 48 << 10, .max_group = 1024, .float_width = 1, .compute_units = 132},
    {.local_bytes = 64 << 10, .max_group = 256, .float_width = 4, .compute_units = 512},
    {.local_bytes = 512 << 10, .max_group = 4096, .float_width = 16, .compute_units = 2},
};

static const clattn_engine engines[] = {CLATTN_ENGINE_SIMT, CLATTN_ENGINE_CPU};

static clattn_problem make_problem(int64_t n, int64_t m, int d, int dv)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 3;
    p.q_heads = 4;
    p.kv_heads = 2;
    p.q_len = n;
    p.kv_len = m;
    p.qk_dim = d;
    p.v_dim = dv;
    return p;
}

/* What is wrong, with all that is needed to see it again. */
static void broken(const char *rule, const struct clattn__device *device, const clattn_problem *p,
                   const struct clattn__config *c)
{
    char options[CLATTN__OPTIONS_MAX];

    clattn__config_options(c, options);
    fail_msg("not so: %s\n    device: %zu bytes, groups of %zu, width %d; kernel %s, N %d, M %d, D %d, Dv %d, tile %d "
             "x %d\n    %s",
             rule, device->local_bytes, device->max_group, device->float_width, clattn__kernel_names[c->kernel],
             (int)p->q_len, (int)p->kv_len, (int)p->qk_dim, (int)p->v_dim, (int)p->q_tile, (int)p->k_tile, options);
}

#define HOLDS(rule) ((rule) ? (void)0 : broken(#rule, device, p, c))

/* ---- the rules ---- */

static int keys_are_owners(const struct clattn__config *c)
{
    return c->kernel == KERNEL_DKDV || c->kernel == KERNEL_BACKWARD_FUSED;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Requested tiles are upper bounds, down to the least that the engine can do. */
static void check_tiles(const struct clattn__device *device, const clattn_problem *p, const struct clattn__config *c)
{
    const int keys_stationary = keys_are_owners(c);
    const int64_t q_most = p->q_tile > 0 ? p->q_tile : INT64_MAX;
    const int64_t k_most = p->k_tile > 0 ? p->k_tile : INT64_MAX;
    const int simt = c->engine == CLATTN_ENGINE_SIMT;

    HOLDS(c->tile_rows > 0 && c->tile_cols > 0);
    HOLDS(c->tile_rows <= larger(keys_stationary ? k_most : q_most, c->decode ? 1 : simt ? c->ty : c->lanes));
    HOLDS(c->tile_cols <= larger(keys_stationary ? q_most : k_most, c->decode ? 2 * c->ty
                                                                    : simt    ? larger(c->tx, 4)
                                                                              : c->block_rows));
}

static void check_rules(const struct clattn__device *device, const clattn_problem *p, const struct clattn__config *c)
{
    check_tiles(device, p, c);
    HOLDS(c->depth_step > 0 && c->out_block > 0);
    HOLDS(c->d_pad % c->depth_step == 0 && c->d_pad >= p->qk_dim && c->d_pad < p->qk_dim + c->depth_step);
    HOLDS(c->dv_pad % c->depth_step == 0 && c->dv_pad >= p->v_dim && c->dv_pad < p->v_dim + c->depth_step);
    HOLDS(c->group_size <= device->max_group);
    HOLDS(c->local_bytes <= device->local_bytes);
    if (c->decode) {
        const int keys = c->tile_cols / c->ty;

        HOLDS(c->engine == CLATTN_ENGINE_SIMT && c->kernel == KERNEL_FORWARD && c->stationary_resident);
        HOLDS(c->tile_rows <= 16 && (c->tile_rows & (c->tile_rows - 1)) == 0);
        HOLDS(c->tile_cols % c->ty == 0 && keys >= 2 && keys % c->strip == 0 && (keys <= c->tx || keys % c->tx == 0));
        HOLDS(c->out_block % (4 * c->tx) == 0 && c->out_block >= p->v_dim && c->out_block <= CLATTN_MAX_HEAD_DIM);
        HOLDS(c->depth_step % 8 == 0 && c->unroll > 0);
        HOLDS(c->group_size == (size_t)(c->tx * c->ty) && c->group_size >= 64 && c->group_size <= 256);
    } else if (c->engine == CLATTN_ENGINE_SIMT) {
        HOLDS(c->tx % 4 == 0 && c->tile_rows % c->ty == 0 && c->tile_cols % c->tx == 0 && c->tile_rows % 4 == 0 &&
              c->tile_cols % 4 == 0);
        HOLDS(c->out_block % (4 * c->tx) == 0 && c->depth_step % 4 == 0);
        HOLDS(c->tile_cols % c->strip == 0 && c->unroll > 0);
        HOLDS(c->group_size == (size_t)(c->tx * c->ty) && c->group_size >= 64 && c->group_size <= 256);
    } else {
        HOLDS(c->lanes == 4 || c->lanes == 8 || c->lanes == 16);
        HOLDS(c->tile_rows % (c->lanes * c->block_cols) == 0 && c->tile_cols % c->block_rows == 0);
        HOLDS(c->depth_step % c->lanes == 0 && c->out_block % c->depth_step == 0);
        HOLDS(c->group_size == 1);
    }
}

/* As kernels/attention/job.cl numbers work-groups: the last one is the last slice, part, tile, head and batch. */
static void check_groups(const struct clattn__device *device, const clattn_problem *p, const struct clattn__config *c)
{
    const int keys_stationary = c->kernel == KERNEL_DKDV;
    const int pack = clattn__config_pack(p);
    const int depth = c->kernel == KERNEL_FORWARD ? c->dv_pad
                      : c->kernel == KERNEL_DQ    ? c->d_pad
                                                  : (int)larger(c->d_pad, c->dv_pad);
    const uint64_t out_blocks = (uint64_t)((depth + c->out_block - 1) / c->out_block);
    const uint64_t rows = (uint64_t)(keys_stationary ? p->kv_len : p->q_len * pack);
    const uint64_t tiles = (rows - 1) / (uint64_t)c->tile_rows + 1;
    const uint64_t blocks = (uint64_t)(keys_stationary ? p->kv_heads : p->q_heads / pack);
    const uint64_t splits = (uint64_t)c->splits;
    const uint64_t last = clattn__config_groups(c, p) - 1;

    HOLDS(last % out_blocks == out_blocks - 1);
    HOLDS(last / out_blocks % splits == splits - 1);
    HOLDS(last / out_blocks / splits % tiles == tiles - 1);
    HOLDS(last / out_blocks / splits / tiles % blocks == blocks - 1);
    HOLDS(last / out_blocks / splits / tiles / blocks == (uint64_t)p->batch - 1);
}

/* Parts that the schedule for few query rows makes even on a busy device: where a group of work-items would otherwise add
 * up more keys than float32 does well. */
static int64_t for_short_sums(const clattn_problem *p, const struct clattn__config *c)
{
    return c->decode && c->dtype == CLATTN_FLOAT32 ? p->kv_len / (CLATTN__DECODE_GROUP_KEYS * c->ty) : 1;
}

/* No part without a tile of keys; where the number of parts is not asked for, a part is long, and the device or the
 * sums need them. What the parts take is counted without overflow. */
static void check_splits(const struct clattn__device *device, const clattn_problem *p, const struct clattn__config *c)
{
    struct clattn__config whole = *c;
    const size_t bytes = clattn__partials_bytes(p, c->splits);
    const size_t rows = (size_t)(p->batch * p->q_heads * p->q_len);

    whole.splits = 1;
    HOLDS(c->splits >= 1 && c->splits <= CLATTN_MAX_KV_SPLITS);
    HOLDS(c->kernel == KERNEL_FORWARD || c->splits == 1);
    HOLDS(c->splits == 1 || c->splits <= (p->kv_len - 1) / c->tile_cols + 1);
    if (p->kv_splits == 0 && c->splits > 1) {
        HOLDS(p->kv_len / c->splits >= (c->engine == CLATTN_ENGINE_CPU ? 512 : 256));
        HOLDS(clattn__config_groups(&whole, p) < (uint64_t)device->compute_units * (c->decode ? 16 : 1) ||
              c->splits <= for_short_sums(p, c));
    } else {
        HOLDS(c->splits <= larger(p->kv_splits, 1));
    }
    HOLDS(bytes == (c->splits == 1 ? 0 : 4 * rows * (size_t)c->splits * (size_t)((p->v_dim + 3) / 4 * 4 + 2)));
    HOLDS(bytes / 4 / rows <= (size_t)CLATTN_MAX_KV_SPLITS * 1024);
}

/* The first `attempts` configurations of a kernel, of which there is one at least. */
static void check_kernel(const struct clattn__device *device, const clattn_problem *p, clattn_engine engine,
                         struct clattn__config config, int attempts)
{
    const struct clattn__config *c = &config;
    int attempt = 0;

    for (; attempt < attempts && clattn__config_choose(device, engine, p, attempt, &config); attempt++) {
        check_rules(device, p, c);
        check_groups(device, p, c);
        check_splits(device, p, c);
    }
    HOLDS(attempt > 0 && attempt < 100);
}

/* All gradients in one visit: by engine cpu, a work-group a key head, nothing left out of its tiles. */
static void check_one_walk(const struct clattn__device *device, const clattn_problem *p, clattn_engine engine)
{
    struct clattn__config config = {.kernel = KERNEL_BACKWARD_FUSED, .want_dk = true, .want_dv = true};
    const struct clattn__config *c = &config;

    if (!clattn__config_backward_fused(device, engine, p)) {
        return;
    }
    assert_true(clattn__config_choose(device, engine, p, 0, &config));
    check_rules(device, p, c);
    HOLDS(c->engine == CLATTN_ENGINE_CPU);
    HOLDS(c->stationary_resident && c->out_block >= c->d_pad && c->out_block >= c->dv_pad);
    HOLDS(clattn__config_groups(c, p) == (uint64_t)(p->batch * p->kv_heads));
}

static void check_problem(const struct clattn__device *device, const clattn_problem *p, int attempts)
{
    static const struct clattn__config firsts[] = {
        {.kernel = KERNEL_FORWARD},
        {.kernel = KERNEL_DQ},
        {.kernel = KERNEL_DKDV, .want_dk = true, .want_dv = true},
        {.kernel = KERNEL_DKDV, .want_dv = true},
    };

    for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
        for (size_t k = 0; k < ARRAY_SIZE(firsts); k++) {
            check_kernel(device, p, engines[e], firsts[k], attempts);
        }
        check_one_walk(device, p, engines[e]);
    }
}

/* ---- tests ---- */

/* The smallest device, every D with every Dv. */
static void test_every_head_dim(void **state)
{
    (void)state;
    for (int d = 1; d <= CLATTN_MAX_HEAD_DIM; d++) {
        for (int dv = 1; dv <= CLATTN_MAX_HEAD_DIM; dv++) {
            const clattn_problem p = make_problem(1000, 1000, d, dv);

            check_problem(&devices[0], &p, 1);
        }
    }
}

static void test_every_device(void **state)
{
    static const int depths[] = {1,   8,   16,  17,  31,  32,  59,  64,  80,  96,  111,
                                 128, 129, 192, 256, 257, 300, 511, 512, 513, 544, 576};

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(devices); n++) {
        for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
            for (size_t j = 0; j < ARRAY_SIZE(depths); j++) {
                const clattn_problem p = make_problem(1000, 1000, depths[i], depths[j]);

                check_problem(&devices[n], &p, 1000);
            }
        }
    }
}

/* The decode schedule takes every depth. Latent attention: 16 query heads share a key of 576 and a value of 512. */
static void test_decode_depths(void **state)
{
    static const int depths[] = {1, 64, 200, 256, 257, 512, 513, 544, 576}, rows[] = {1, 2, 4, 5, 16};
    const size_t pairs = ARRAY_SIZE(depths) * ARRAY_SIZE(depths), problems = pairs * ARRAY_SIZE(rows);

    (void)state;
    for (size_t i = 0; i < 3 * problems; i++) {
        const struct clattn__device *device = &devices[5];
        struct clattn__config config = {.kernel = KERNEL_FORWARD};
        const struct clattn__config *c = &config;
        clattn_problem problem =
            make_problem(1, 5000, depths[i % ARRAY_SIZE(depths)], depths[i / ARRAY_SIZE(depths) % ARRAY_SIZE(depths)]);
        const clattn_problem *p = &problem;

        problem.q_heads = rows[i / pairs % ARRAY_SIZE(rows)];
        problem.kv_heads = 1;
        problem.dtype = (clattn_dtype)(i / problems);
        check_problem(device, p, 1000);
        assert_true(clattn__config_choose(device, CLATTN_ENGINE_SIMT, p, 0, &config));
        HOLDS(c->decode);
    }
}

static void test_lengths_and_tiles(void **state)
{
    static const int64_t lengths[] = {1, 2, 7, 31, 63, 64, 200, 1000, (int64_t)1 << 40};
    static const int64_t tiles[] = {0, 1, 3, 8, 17, 64, 100, 512, 1024, INT64_MAX};

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(devices); n++) {
        for (size_t i = 0; i < ARRAY_SIZE(lengths) * ARRAY_SIZE(lengths); i++) {
            for (size_t j = 0; j < ARRAY_SIZE(tiles) * ARRAY_SIZE(tiles); j++) {
                clattn_problem p = make_problem(lengths[i % ARRAY_SIZE(lengths)], lengths[i / ARRAY_SIZE(lengths)],
                                                i % 2 ? 64 : 160, j % 2 ? 64 : 40);

                p.q_tile = tiles[j % ARRAY_SIZE(tiles)];
                p.k_tile = tiles[j / ARRAY_SIZE(tiles)];
                check_problem(&devices[n], &p, 1000);
            }
        }
    }
}

/* Few queries and many keys make a busy device; asking decides otherwise. Numbers that nobody's memory holds do not
 * overflow. */
static void test_splits(void **state)
{
    static const int64_t asked[] = {0, 1, 2, 7, CLATTN_MAX_KV_SPLITS};
    static const int64_t queries[] = {1, 40, (int64_t)1 << 20, (int64_t)1 << 40};
    static const int64_t keys[] = {1, 300, 5000, 131072, (int64_t)1 << 40};

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(devices); n++) {
        for (size_t i = 0; i < ARRAY_SIZE(asked) * ARRAY_SIZE(queries) * ARRAY_SIZE(keys); i++) {
            clattn_problem p = make_problem(queries[i / ARRAY_SIZE(asked) % ARRAY_SIZE(queries)],
                                            keys[i / ARRAY_SIZE(asked) / ARRAY_SIZE(queries)], 128, i % 2 ? 128 : 300);

            p.kv_splits = asked[i % ARRAY_SIZE(asked)];
            check_problem(&devices[n], &p, 1);
        }
    }
    for (size_t e = 0; e < ARRAY_SIZE(engines); e++) {
        const struct clattn__device wide = {
            .local_bytes = 48 << 10, .max_group = 1024, .float_width = 8, .compute_units = 132};
        clattn_problem p = make_problem(1, 131072, 128, 128);
        struct clattn__config c = {.kernel = KERNEL_FORWARD};

        p.batch = 1;
        p.q_heads = 32;
        p.kv_heads = 8;
        assert_true(clattn__config_choose(&wide, engines[e], &p, 0, &c));
        assert_true(clattn__config_groups(&c, &p) >= 2 * 132);
        p.kv_splits = 1;
        assert_true(clattn__config_choose(&wide, engines[e], &p, 0, &c));
        assert_int_equal(c.splits, 1);
        p.kv_splits = 7;
        p.kv_len = 1000;
        assert_true(clattn__config_choose(&wide, engines[e], &p, 0, &c));
        assert_int_equal(c.splits, 7);
        p.kv_splits = 0;
        p.q_len = 100000;
        assert_true(clattn__config_choose(&wide, engines[e], &p, 0, &c));
        assert_int_equal(c.splits, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_head_dim), cmocka_unit_test(test_every_device),
        cmocka_unit_test(test_decode_depths),  cmocka_unit_test(test_lengths_and_tiles),
        cmocka_unit_test(test_splits),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
