/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of engine nvidia_wgmma, for devices that do not exist: they keep the rules of
 * kernels/engines/nvidia_wgmma/engine.cl, declare no more local memory than there is, and are offered only for problems that
 * the kernels can do. */
#include "attention/args.h"
#include "cases.h"
#include "plan/arguments.h"
#include "select/choose.h"
#include "select/engine.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static const struct clattn__device hopper = {.type = CL_DEVICE_TYPE_GPU,
                                             .local_bytes = (227 << 10) - 4,
                                             .max_group = 1024,
                                             .float_width = 1,
                                             .compute_units = 132};

static clattn_problem make_problem(int64_t n, int d, int dv)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 3;
    p.q_heads = p.kv_heads = 4;
    p.q_len = p.kv_len = n;
    p.qk_dim = d;
    p.v_dim = dv;
    p.dtype = CLATTN_FLOAT16;
    return p;
}

static bool choose_for(enum clattn__kernel kernel, const struct clattn__device *device, const clattn_problem *p,
                       int attempt, struct clattn__config *c)
{
    *c = (struct clattn__config){.kernel = kernel, .want_dk = true, .want_dv = true};
    return clattn__config_choose(device, CLATTN_ENGINE_NVIDIA_WGMMA, p, attempt, c);
}

static bool choose(const struct clattn__device *device, const clattn_problem *p, int attempt, struct clattn__config *c)
{
    return choose_for(KERNEL_FORWARD, device, p, attempt, c);
}

/* Q, and a ring of K and of V in panels of 64 elements of depth; six barriers, four a stage, and with PERSISTENT two pieces of
 * work. */
static size_t forward_bytes(const struct clattn__config *c)
{
    const size_t d = (size_t)(c->d_pad + 63) / 64 * 128, dv = (size_t)(c->dv_pad + 63) / 64 * 128;
    const size_t stages = (size_t)c->stages;

    return (size_t)c->tile_rows * d + stages * (size_t)c->tile_cols * (d + dv) + 8 * (6 + 4 * stages) +
           (c->persistent ? 2 * 40 : 0);
}

static void check_rules(const clattn_problem *p, const struct clattn__config *c)
{
    assert_true(c->tile_rows == 64 || c->tile_rows == 128 || c->tile_rows == 192);
    assert_true(c->tile_cols % 16 == 0 && c->tile_cols >= 16 && c->tile_cols <= 256);
    assert_true(c->d_pad % 16 == 0 && c->d_pad >= p->qk_dim && c->d_pad < p->qk_dim + 16);
    assert_true(c->dv_pad % 16 == 0 && c->dv_pad >= p->v_dim && c->dv_pad < p->v_dim + 16);
    assert_true(c->out_block == c->dv_pad && c->depth_step == 16 && c->stages > 0 && c->splits == 1);
    assert_true(!c->pingpong || c->tile_rows == 128);
    assert_true(c->group_size == (size_t)(2 * c->tile_rows + 128));
    assert_true(c->local_bytes == forward_bytes(c) && c->local_bytes <= hopper.local_bytes);
    assert_true(!p->q_tile || c->tile_rows <= p->q_tile);
    assert_true(!p->k_tile || c->tile_cols <= p->k_tile);
    assert_true(clattn__config_groups(c, p) == (uint64_t)(3 * 4 * ((p->q_len + c->tile_rows - 1) / c->tile_rows)));
}

/* Once each: a number that is told twice would be another's. */
static void check_options(const struct clattn__config *c)
{
    static const char *const names[] = {
        " -DTILE_ROWS=", " -DTILE_COLS=", " -DSTAGES=", " -DPINGPONG=", " -DPERSISTENT=", " -DOUT_BLOCK="};
    char options[CLATTN__OPTIONS_MAX];

    clattn__config_options(c, options);
    for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
        const char *at = strstr(options, names[n]);

        assert_non_null(at);
        assert_null(strstr(at + 1, names[n]));
    }
}

/* Panels of 64 elements of depth; what the kernels declare beside tiles is less than a KiB. */
static void check_gradient(const clattn_problem *p, const struct clattn__config *c)
{
    const size_t row = (size_t)(c->d_pad + 63) / 64 * 128 + (size_t)(c->dv_pad + 63) / 64 * 128;
    const size_t tiles = ((size_t)c->tile_rows + (size_t)c->stages * (size_t)c->tile_cols) * row;
    const size_t stats = (size_t)c->stages * 8 * (size_t)c->tile_cols;
    const int keys_stationary = c->kernel == KERNEL_DKDV, larger = c->d_pad > c->dv_pad ? c->d_pad : c->dv_pad;
    const uint64_t parts = keys_stationary && c->d_pad + c->dv_pad > 256 ? 2 : 1;

    assert_true(c->tile_rows == 64 || c->tile_rows == 128);
    assert_true(c->tile_cols % (keys_stationary ? 32 : 16) == 0 && c->tile_cols <= 256 && c->stages > 0 &&
                c->splits == 1);
    assert_true(c->out_block == (keys_stationary ? larger : c->d_pad) && (!c->pingpong || c->tile_rows == 128));
    assert_true(keys_stationary || !c->persistent);
    check_options(c);
    assert_true(c->local_bytes >= tiles + (keys_stationary ? stats : 0) && c->local_bytes <= hopper.local_bytes);
    assert_true(c->group_size == (size_t)(2 * c->tile_rows + 128));
    assert_true(clattn__config_groups(c, p) ==
                parts * (uint64_t)(3 * 4 * ((p->q_len + c->tile_rows - 1) / c->tile_rows)));
}

static void test_gradients(void **state)
{
    static const int64_t lengths[] = {1, 65, 200, 8192};

    (void)state;
    for (int d = 1; d <= 256; d += 3)
        for (int dv = 1; dv <= 256; dv += 5)
            for (size_t n = 0; n < 2 * ARRAY_SIZE(lengths); n++) {
                const clattn_problem p = make_problem(lengths[n / 2], d, dv);
                const enum clattn__kernel kernel = n % 2 ? KERNEL_DQ : KERNEL_DKDV;
                struct clattn__config c;
                int attempt = 0;

                assert_true(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_WGMMA, &hopper, &p, kernel));
                for (; choose_for(kernel, &hopper, &p, attempt, &c); attempt++)
                    check_gradient(&p, &c);
                assert_true(attempt > 0 && attempt < 20);
            }
}

static void test_every_head_dim(void **state)
{
    static const int64_t lengths[] = {17, 65, 200, 8192, ((int64_t)1 << 29) - 1}, others[] = {1, 16, (int64_t)1 << 29};

    (void)state;
    for (int d = 1; d <= 256; d++)
        for (int dv = 1; dv <= 256; dv += 5)
            for (size_t n = 0; n < ARRAY_SIZE(lengths); n++) {
                const clattn_problem p = make_problem(lengths[n], d, dv);
                struct clattn__config c;
                int attempt = 0;

                for (; choose(&hopper, &p, attempt, &c); attempt++)
                    check_rules(&p, &c);
                assert_true(attempt > 0 && attempt < 20);
            }
    for (size_t n = 0; n < ARRAY_SIZE(others); n++) {
        const clattn_problem p = make_problem(others[n], 64, 64);
        struct clattn__config c;

        assert_false(choose(&hopper, &p, 0, &c)); /* what it does not support it does not do */
    }
}

static void test_tiles_asked_for(void **state)
{
    static const int64_t q_tiles[] = {0, 64, 100, 128, 191, 5000}, k_tiles[] = {0, 16, 31, 64, 100, 5000};

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(q_tiles) * ARRAY_SIZE(k_tiles); n++) {
        clattn_problem p = make_problem(8192, 128, 64);
        struct clattn__config c;

        p.q_tile = q_tiles[n % ARRAY_SIZE(q_tiles)];
        p.k_tile = k_tiles[n / ARRAY_SIZE(q_tiles)];
        assert_true(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_WGMMA, &hopper, &p, KERNEL_FORWARD));
        assert_true(choose(&hopper, &p, 0, &c));
        check_rules(&p, &c);
    }
}

/* What the kernels cannot do, or others do better, is not theirs. */
static void test_supports(void **state)
{
    const clattn_problem good = make_problem(8192, 128, 128);
    clattn_problem p[14];

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(p); n++)
        p[n] = good;
    p[0].dtype = CLATTN_FLOAT32;
    p[1].qk_dim = 257;
    p[2].v_dim = 512;
    p[3].score.scale = -1.0f;
    p[4].score.mask_dim[0] = p[4].score.mask_dim[1] = p[4].score.mask_dim[2] = 1;
    p[4].score.mask_dim[3] = p[4].kv_len;
    p[5].kv_heads = 1; /* packed */
    p[5].q_len = 1;
    p[6].kv_splits = 2;
    p[7].q_len = 17; /* a device that would idle */
    p[8].q_tile = 63;
    p[9].k_tile = 15;
    p[10].kv_len = (int64_t)1 << 31;
    p[11].q_len = (int64_t)1 << 31;
    p[12].score.mask_dim[0] = p[12].score.mask_dim[1] = p[12].score.mask_dim[3] = 1;
    p[12].score.mask_dim[2] = p[12].q_len;
    p[13].q_len = 16; /* few rows */
    p[13].kv_splits = 1;
    assert_true(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_WGMMA, &hopper, &good, KERNEL_FORWARD));
    assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_WGMMA, &hopper, &good, KERNEL_BACKWARD_FUSED));
    for (size_t n = 0; n < ARRAY_SIZE(p); n++)
        assert_false(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_WGMMA, &hopper, &p[n], KERNEL_FORWARD));
    p[7].kv_splits = 1; /* asked to */
    assert_true(clattn__engine_supports(CLATTN_ENGINE_NVIDIA_WGMMA, &hopper, &p[7], KERNEL_FORWARD));
}

/* Less local memory takes smaller tiles, or none. */
static void test_small_device(void **state)
{
    const clattn_problem p = make_problem(8192, 256, 256);
    struct clattn__device small = hopper;
    struct clattn__config c;

    (void)state;
    assert_true(choose(&hopper, &p, 0, &c));
    small.local_bytes = c.local_bytes - 1;
    assert_true(choose(&small, &p, 0, &c));
    assert_true(c.local_bytes <= small.local_bytes);
    small.local_bytes = 48 << 10;
    assert_false(choose(&small, &p, 0, &c));
    small = hopper;
    small.max_group = 128;
    assert_false(choose(&small, &p, 0, &c));
}

/* A tile that was tuned at another length, and that this one would leave mostly empty, is refused. */
static void test_complete(void **state)
{
    const clattn_problem longer = make_problem(8192, 64, 64), shorter = make_problem(20, 64, 64);
    struct clattn__config c;

    (void)state;
    assert_true(choose_for(KERNEL_DQ, &hopper, &longer, 0, &c) && c.tile_rows == 128);
    assert_true(clattn__config_complete(&hopper, CLATTN_ENGINE_NVIDIA_WGMMA, &longer, &c));
    assert_false(clattn__config_complete(&hopper, CLATTN_ENGINE_NVIDIA_WGMMA, &shorter, &c));
}

static bool accepts_layout(const clattn_problem *problem, enum clattn__kernel kernel, const struct call *call)
{
    return clattn__solver_first(CLATTN_ENGINE_NVIDIA_WGMMA, kernel)->accepts_layout(problem, kernel, call);
}

/* Strides are known at a call: the copy engine wants multiples of 16 bytes, of dout where a kernel reads it. */
static void test_takes(void **state)
{
    static const struct view good = {8, 4096, 2048, 64};
    static const struct view bad[] = {{4, 4096, 2048, 64}, {8, 4095, 2048, 64}, {8, 4096, 2044, 64},
                                      {8, 4096, 2048, 62}, {8, 4096, 2048, 0},  {8, 4096, 0, 64}};
    const struct call forward = {.q = good, .k = good, .v = good};
    const clattn_problem p = make_problem(64, 64, 64);
    struct call backward = forward;

    (void)state;
    backward.dout = good;
    assert_true(accepts_layout(&p, KERNEL_FORWARD, &forward));
    assert_true(accepts_layout(&p, KERNEL_DQ, &backward) && accepts_layout(&p, KERNEL_DKDV, &backward));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct call q = backward, k = backward, v = backward, dout = backward;

        q.q = k.k = v.v = dout.dout = bad[i];
        assert_false(accepts_layout(&p, KERNEL_FORWARD, &q) || accepts_layout(&p, KERNEL_FORWARD, &k) ||
                     accepts_layout(&p, KERNEL_FORWARD, &v));
        assert_false(accepts_layout(&p, KERNEL_DQ, &dout) || accepts_layout(&p, KERNEL_DKDV, &dout));
    }
}

/* A tensor of one head, or of one row, has no stride there, and is no broadcast: multi-query attention, one key. */
static void test_takes_one(void **state)
{
    static const struct view many = {0, 4096, 2048, 64}, one_head = {0, 4096, 0, 64}, one_row = {0, 4096, 64, 0};
    const struct call multi_query = {.q = many, .k = one_head, .v = one_head, .dout = many};
    const struct call one_key = {.q = many, .k = one_row, .v = one_row, .dout = many};
    clattn_problem p = make_problem(64, 64, 64);

    (void)state;
    assert_true(p.q_heads > 1 && p.kv_heads > 1);
    assert_false(accepts_layout(&p, KERNEL_FORWARD, &multi_query) || accepts_layout(&p, KERNEL_DKDV, &one_key));
    p.kv_heads = 1;
    assert_true(accepts_layout(&p, KERNEL_FORWARD, &multi_query) && accepts_layout(&p, KERNEL_DKDV, &multi_query));
    assert_false(accepts_layout(&p, KERNEL_DQ, &one_key));
    p.kv_len = 1;
    assert_true(accepts_layout(&p, KERNEL_DQ, &one_key));
}

static const struct clattn__stage *add_stage(struct clattn_plan *plan, clattn_engine engine, enum clattn__kernel kernel)
{
    struct clattn__stage stage = {.solver = clattn__solver_first(engine, kernel)};

    stage.config.engine = engine;
    stage.config.kernel = kernel;
    stage.config.want_dk = true;
    return clattn__stage_add(plan, &stage);
}

/* The stages of a call, as their kernels' names. */
static void expect_stages(const struct clattn_plan *plan, unsigned pass, const struct call *call, const char *expected)
{
    const struct clattn__stage *stages[KERNEL_COUNT];
    const size_t count = clattn__stages_for(plan, pass, call, stages);
    char names[256] = "";

    for (size_t i = 0; i < count; i++) {
        strcat(names, clattn__engine_names[stages[i]->config.engine]);
        strcat(strcat(strcat(names, " "), clattn__kernel_names[stages[i]->config.kernel]), "; ");
    }
    assert_string_equal(names, expected);
}

/* A call has of each kernel the first stage that takes its tensors, and what others need only where these do: maps for
 * the copy engine, delta where no stage of dQ makes it. */
static void test_stages_of_calls(void **state)
{
    static const struct view good = {8, 4096, 2048, 64}, bad = {4, 4096, 2048, 64};
    struct clattn_plan plan = {.context = NULL};
    struct call call = {.q = good, .k = good, .v = good, .dout = good};

    (void)state;
    add_stage(&plan, CLATTN_ENGINE_NVIDIA_WGMMA, KERNEL_FORWARD);
    add_stage(&plan, CLATTN_ENGINE_SIMT, KERNEL_FORWARD);
    add_stage(&plan, CLATTN_ENGINE_NVIDIA_WGMMA, KERNEL_DQ);
    assert_false(clattn__plan_missing_buffers(&plan) & CLATTN__BIT(BUFFER_delta));
    add_stage(&plan, CLATTN_ENGINE_SIMT, KERNEL_DQ);
    add_stage(&plan, CLATTN_ENGINE_NVIDIA_WGMMA, KERNEL_DKDV);
    add_stage(&plan, CLATTN_ENGINE_SIMT, KERNEL_DKDV);
    assert_int_equal(clattn__plan_missing_buffers(&plan), CLATTN__BIT(BUFFER_delta) | CLATTN__BIT(BUFFER_tensor_maps));
    add_stage(&plan, CLATTN_ENGINE_SIMT, KERNEL_DELTA);
    add_stage(&plan, CLATTN_ENGINE_NVIDIA_WGMMA, KERNEL_TENSOR_MAPS);
    assert_int_equal(clattn__plan_missing_buffers(&plan), 0);
    expect_stages(&plan, CLATTN_FORWARD, &call, "nvidia_wgmma tensor_map; nvidia_wgmma forward; ");
    expect_stages(&plan, CLATTN_BACKWARD, &call,
                  "nvidia_wgmma tensor_map; nvidia_wgmma backward_dq; nvidia_wgmma backward_dkdv; ");
    call.k = bad;
    expect_stages(&plan, CLATTN_FORWARD, &call, "simt forward; ");
    expect_stages(&plan, CLATTN_BACKWARD, &call, "simt delta; simt backward_dq; simt backward_dkdv; ");
}

/* The kinds of tiles with several consumers. */
enum { TALL_STAYS = 1, TALL = 2, TURNS_STAYS = 4, PINGPONG = 8, EVERY_KIND = 15 };

static unsigned kind_of(const struct clattn__config *c)
{
    assert_true(c->tile_rows > 64);
    return c->tile_rows == 192 ? (c->persistent ? TALL_STAYS : TALL) : (c->persistent ? TURNS_STAYS : PINGPONG);
}

/* The case table has what makes a large device take each kind, and more pieces of work than work-groups that stay. */
static void test_busy_cases(void **state)
{
    const size_t count = case_table(TIER_FULL, NULL, 0);
    struct test_case *cases = calloc(count, sizeof *cases);
    unsigned forward = 0, gradients = 0;

    (void)state;
    assert_non_null(cases);
    case_table(TIER_FULL, cases, count);
    for (size_t n = 0; n < count; n++) {
        clattn_problem *p = &cases[n].problem;
        struct clattn__config c;

        if (strcmp(cases[n].group, "busy") != 0) {
            continue;
        }
        p->dtype = CLATTN_FLOAT16;
        for (int kernel = KERNEL_FORWARD; kernel <= KERNEL_DKDV; kernel++) {
            if (!clattn__config_has_tiles((enum clattn__kernel)kernel) ||
                !clattn__engine_supports(CLATTN_ENGINE_NVIDIA_WGMMA, &hopper, p, (enum clattn__kernel)kernel) ||
                (kernel == KERNEL_DKDV && !(cases[n].passes & CLATTN_BACKWARD_DK))) {
                continue;
            }
            assert_true(choose_for((enum clattn__kernel)kernel, &hopper, p, 0, &c));
            if (kernel == KERNEL_FORWARD) {
                forward |= kind_of(&c);
            } else {
                gradients |= kind_of(&c);
            }
            assert_true(!c.persistent || clattn__config_groups(&c, p) > (uint64_t)hopper.compute_units);
        }
    }
    assert_int_equal(forward, EVERY_KIND);
    assert_int_equal(gradients, TURNS_STAYS | PINGPONG);
    free(cases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_head_dim),  cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_tiles_asked_for), cmocka_unit_test(test_supports),
        cmocka_unit_test(test_small_device),    cmocka_unit_test(test_takes),
        cmocka_unit_test(test_complete),        cmocka_unit_test(test_takes_one),
        cmocka_unit_test(test_stages_of_calls), cmocka_unit_test(test_busy_cases),
    };

    return cmocka_run_group_tests_name("config_wgmma", tests, NULL, NULL);
}
