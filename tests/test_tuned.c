/* SPDX-License-Identifier: Apache-2.0 */
/* The file of tuned configurations and the tuner's candidates, without a device: which rows of a
 * text are accepted, which row is found, and that no candidate is illegal. */
#include "select/choose.h"
#include "select/tunables.h"
#include "select/tuned.h"
#include "tune/candidates.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static const clattn_allocator heap = {NULL, NULL, NULL};

static const struct clattn__device device = {
    .name = "made up", .local_bytes = 48 << 10, .max_group = 1024, .float_width = 16, .compute_units = 8};

static const clattn_engine engines[] = {CLATTN_ENGINE_SIMT, CLATTN_ENGINE_CPU};

static clattn_problem make_problem(int64_t n, int64_t m, int d)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 2;
    p.q_heads = p.kv_heads = 4;
    p.q_len = n;
    p.kv_len = m;
    p.qk_dim = p.v_dim = d;
    return p;
}

static struct clattn__config builtin(const clattn_problem *p, clattn_engine engine, enum clattn__kernel kernel)
{
    struct clattn__config config = {.kernel = kernel, .want_dk = true, .want_dv = true};

    assert_true(clattn__config_choose(&device, engine, p, 0, &config));
    return config;
}

static struct clattn__tuned make_row(const clattn_problem *p, clattn_engine engine, enum clattn__kernel kernel)
{
    struct clattn__tuned row = {.config = builtin(p, engine, kernel)};

    clattn__tuned_key(engine, kernel, p, row.part);
    return row;
}

static struct clattn__tuned_table parse(const char *text)
{
    struct clattn__tuned_table table = {NULL, 0, 0};
    char *copy = clattn__copy_string(&heap, text);

    assert_non_null(copy);
    assert_true(clattn__tuned_parse(&heap, copy, &table));
    clattn__release(&heap, copy);
    return table;
}

static size_t count_rows(const char *text)
{
    struct clattn__tuned_table table = parse(text);

    clattn__release(&heap, table.rows);
    return table.count;
}

/* The number of rows accepted of a file with row `line`, in which the first `from` is replaced by
 * `to`. */
static size_t count_with(const char *line, const char *from, const char *to)
{
    char text[1024] = "clattn-tuned 2\n";
    const char *at = strstr(line, from);

    assert_non_null(at);
    snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s%s%s", (int)(at - line), line, to,
             at + strlen(from));
    return count_rows(text);
}

/* ---- the text ---- */

/* Every engine, kernel, type and mask survives writing and reading. */
static void test_round_trip(void **state)
{
    struct clattn__text text = {.allocator = &heap};
    struct clattn__tuned rows[36];
    struct clattn__tuned_table table;
    size_t count = 0;

    (void)state;
    clattn__tuned_begin(&device, &text);
    for (int n = 0; n < 36; n++) {
        const enum clattn__kernel kernels[] = {KERNEL_FORWARD, KERNEL_DQ, KERNEL_DKDV};
        clattn_problem p = make_problem(100 << n % 5, 1000, 64);

        p.dtype = (clattn_dtype)(n / 6 % 3);
        p.score.causal = n / 3 % 2;
        p.score.mask_dim[0] = p.score.mask_dim[1] = n / 18;
        p.score.mask_dim[2] = p.score.mask_dim[3] = n / 18 ? p.score.mask_dim[0] : 0;
        p.score.mask_dim[3] = n / 18 ? p.kv_len : 0;
        rows[count] = make_row(&p, engines[n % 2], kernels[n % 3]);
        clattn__tuned_print(&rows[count++], &text);
    }
    assert_false(text.failed);
    table = parse(text.chars);
    assert_int_equal(table.count, count);
    for (size_t n = 0; n < count; n++) {
        assert_memory_equal(table.rows[n].part, rows[n].part, sizeof rows[n].part);
        assert_true(clattn__tunables_equal(&table.rows[n].config, &rows[n].config));
        assert_int_equal(table.rows[n].config.kernel, rows[n].config.kernel);
    }
    clattn__release(&heap, table.rows);
    clattn__text_free(&text);
}

static void test_garbage(void **state)
{
    const clattn_problem p = make_problem(1000, 1000, 64);
    const struct clattn__tuned row = make_row(&p, CLATTN_ENGINE_SIMT, KERNEL_FORWARD);
    struct clattn__text line = {.allocator = &heap};

    (void)state;
    clattn__tuned_print(&row, &line);
    assert_int_equal(count_with(line.chars, "engine", "engine"), 1);
    assert_int_equal(count_with(line.chars, "\n", ""), 1);
    assert_int_equal(count_with(line.chars, "\n", "\r\n"), 0);
    assert_int_equal(count_with(line.chars, "\n", " \n"), 1);
    assert_int_equal(count_with(line.chars, "engine=simt ", ""), 0);
    assert_int_equal(count_with(line.chars, "simt", "cpu"), 0); /* cpu has no TX */
    assert_int_equal(count_with(line.chars, "simt", "gpu"), 0);
    assert_int_equal(count_with(line.chars, "=forward", "=sideways"), 0);
    assert_int_equal(count_with(line.chars, "=forward", "=delta"), 0);
    assert_int_equal(count_with(line.chars, "D=64", "D=0"), 0);
    assert_int_equal(count_with(line.chars, "D=64", "D=577"), 0);
    assert_int_equal(count_with(line.chars, "D=64", "D=6x"), 0);
    assert_int_equal(count_with(line.chars, "D=64", "D=-4"), 0);
    assert_int_equal(count_with(line.chars, "D=64", "D="), 0);
    assert_int_equal(count_with(line.chars, "D=64", "D"), 0);
    assert_int_equal(count_with(line.chars, "D=64", "D=64 D=64"), 0);
    assert_int_equal(count_with(line.chars, "FLOAT32", "FLOAT32,CAUSAL,MASK_FULL"), 1);
    assert_int_equal(count_with(line.chars, "FLOAT32", ""), 0);
    assert_int_equal(count_with(line.chars, "FLOAT32", "FLOAT3"), 0);
    assert_int_equal(count_with(line.chars, "FLOAT32", "FLOAT32,"), 0);
    assert_int_equal(count_with(line.chars, "FLOAT32", "FLOAT32,FLOAT32"), 0);
    assert_int_equal(count_with(line.chars, "FLOAT32", "CAUSAL,FLOAT32"),
                     0); /* not the order that the library writes */
    assert_int_equal(count_with(line.chars, "FLOAT32", "FLOAT32,TOP_LEFT"), 0); /* not part of a key */
    assert_int_equal(count_with(line.chars, "log_rows=9", "log_rows=64"), 0);
    assert_int_equal(count_with(line.chars, "TX=", "TX=99999999999999999999"), 0);
    assert_int_equal(count_with(line.chars, "TX=", "TX=0"), 1); /* "TX=08" is 8 */
    assert_int_equal(count_with(line.chars, " TX=8", ""), 0);
    assert_int_equal(count_with(line.chars, " TX=8", " TX=8 COLOUR=1"), 0);
    assert_int_equal(count_with(line.chars, " TILE_ROWS=", " TILE_ROWS=9999"), 0);
    clattn__text_free(&line);
}

static void test_versions(void **state)
{
    const clattn_problem p = make_problem(1000, 1000, 64);
    const struct clattn__tuned row = make_row(&p, CLATTN_ENGINE_CPU, KERNEL_DQ);
    static const char *const heads[] = {"clattn-tuned 2", "clattn-tuned 1", "clattn-tuned 20", "", "# clattn-tuned 2"};
    struct clattn__text line = {.allocator = &heap};

    (void)state;
    clattn__tuned_print(&row, &line);
    for (size_t n = 0; n < ARRAY_SIZE(heads); n++) {
        char text[1024];

        snprintf(text, sizeof text, "%s\n# device: x\n\nnonsense\n%s%s=\n =\n%s", heads[n], line.chars, line.chars,
                 line.chars);
        assert_int_equal(count_rows(text), n == 0); /* twice the same key is one row */
    }
    assert_int_equal(count_rows(""), 0);
    assert_int_equal(count_rows(line.chars), 0);
    clattn__text_free(&line);
}

static void test_add(void **state)
{
    struct clattn__tuned_table table = {NULL, 0, 0};

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int n = 0; n < 40; n++) {
            const clattn_problem p = make_problem((int64_t)1 << n, 1000, 64);
            struct clattn__tuned row = make_row(&p, CLATTN_ENGINE_SIMT, KERNEL_FORWARD);

            row.config.unroll = 1 + round;
            assert_true(clattn__tuned_add(&heap, &table, &row));
        }
    }
    assert_int_equal(table.count, 40);
    for (size_t n = 0; n < table.count; n++) {
        assert_int_equal(table.rows[n].config.unroll, 2);
        assert_int_equal(table.rows[n].part[TUNED_LOG_ROWS], n);
    }
    clattn__release(&heap, table.rows);
}

/* ---- lookup ---- */

static bool find(const struct clattn__tuned_table *table, const clattn_problem *p, int *unroll)
{
    struct clattn__config config = {.kernel = KERNEL_FORWARD};
    const bool found = clattn__tuned_nearest(table, &device, CLATTN_ENGINE_SIMT, p, &config);

    *unroll = config.unroll;
    return found;
}

/* The key depends on type, causality, masks and packed heads, not on the diagonal's offset, key
 * lengths or splits. */
static void test_key(void **state)
{
    const clattn_problem plain = make_problem(1000, 1000, 64);
    int64_t key[TUNED_PARTS], other[TUNED_PARTS];
    clattn_problem p[9];

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(p); n++)
        p[n] = plain;
    p[0].kv_lengths = 1;
    p[1].kv_splits = 3;
    p[2].score.scale = -1.0f;
    p[3].score.align = CLATTN_ALIGN_TOP_LEFT;
    p[4].dtype = CLATTN_FLOAT16;
    p[5].score.causal = 1;
    p[6].score.mask_dim[0] = p[6].score.mask_dim[1] = p[6].score.mask_dim[2] = 1;
    p[6].score.mask_dim[3] = p[6].kv_len;
    p[7] = p[6];
    p[7].score.mask_dim[2] = p[7].q_len;
    p[8].qk_dim = 63;
    clattn__tuned_key(CLATTN_ENGINE_SIMT, KERNEL_DQ, &plain, key);
    for (size_t n = 0; n < ARRAY_SIZE(p); n++) {
        clattn__tuned_key(CLATTN_ENGINE_SIMT, KERNEL_DQ, &p[n], other);
        assert_int_equal(memcmp(key, other, sizeof key) == 0, n < 4);
    }
    clattn__tuned_key(CLATTN_ENGINE_SIMT, KERNEL_DQ, &p[5], key); /* causal, with any diagonal */
    p[3].score.causal = 1;
    clattn__tuned_key(CLATTN_ENGINE_SIMT, KERNEL_DQ, &p[3], other);
    assert_memory_equal(key, other, sizeof key);
}

/* Rows for lengths 2^6, 2^10 and 2^12, which differ in their unrolling. */
static void test_nearest(void **state)
{
    static const struct {
        int64_t n, m;
        int unroll;
    } asked[] = {{64, 64, 1},   {100, 127, 1}, {128, 128, 1},   {256, 256, 1}, /* as far from 2^6 as from 2^10 */
                 {512, 512, 2}, {256, 512, 2}, {2048, 2048, 2}, {4096, 2048, 3}, {(int64_t)1 << 40, 4096, 3},
                 {1, 1, 1}};
    static const int logs[] = {6, 10, 12};
    struct clattn__tuned_table table = {NULL, 0, 0};
    clattn_problem p;
    int unroll;

    (void)state;
    for (int n = 0; n < 3; n++) {
        struct clattn__tuned row;

        p = make_problem((int64_t)1 << logs[n], (int64_t)1 << logs[n], 64);
        row = make_row(&p, CLATTN_ENGINE_SIMT, KERNEL_FORWARD);
        row.config.unroll = n + 1;
        assert_true(clattn__tuned_add(&heap, &table, &row));
    }
    for (size_t n = 0; n < ARRAY_SIZE(asked); n++) {
        p = make_problem(asked[n].n, asked[n].m, 64);
        assert_true(find(&table, &p, &unroll));
        assert_int_equal(unroll, asked[n].unroll);
    }
    for (int n = 0; n < 5; n++) {
        p = make_problem(64, 64, n == 0 ? 63 : 64);
        p.v_dim = n == 1 ? 32 : p.v_dim;
        p.score.causal = n == 2;
        p.dtype = n == 3 ? CLATTN_FLOAT16 : CLATTN_FLOAT32;
        p.score.mask_dim[0] = p.score.mask_dim[1] = p.score.mask_dim[2] = p.score.mask_dim[3] = n == 4;
        assert_false(find(&table, &p, &unroll));
        assert_int_equal(unroll, 0); /* unchanged */
    }
    p = make_problem(64, 64, 64);
    p.batch = 1000; /* still the nearest */
    assert_true(find(&table, &p, &unroll));
    assert_int_equal(unroll, 1);
    clattn__release(&heap, table.rows);
}

/* A row that is legal in a file may be illegal for a problem: then the next nearest row is used, or
 * none. */
static void test_illegal_rows(void **state)
{
    const clattn_problem p = make_problem(4096, 4096, 64);
    clattn_problem q = p;
    struct clattn__tuned rows[2] = {make_row(&p, CLATTN_ENGINE_SIMT, KERNEL_FORWARD),
                                    make_row(&p, CLATTN_ENGINE_SIMT, KERNEL_FORWARD)};
    const struct clattn__tuned_table table = {rows, 2, 2};
    const int tile_rows = rows[0].config.tile_rows;
    int unroll;

    (void)state;
    rows[0].config.unroll = 1;
    rows[1].config.unroll = 2;
    rows[1].part[TUNED_LOG_ROWS] = 3; /* far */
    assert_true(find(&table, &p, &unroll));
    assert_int_equal(unroll, 1);
    rows[0].config.tx = 6; /* not a multiple of 4 */
    assert_true(find(&table, &p, &unroll));
    assert_int_equal(unroll, 2);
    rows[0].config.tx = rows[1].config.tx;
    rows[0].config.tile_rows = 4096; /* local memory */
    assert_true(find(&table, &p, &unroll));
    assert_int_equal(unroll, 2);
    rows[0].config.tile_rows = tile_rows;
    rows[0].config.ty = 0; /* would divide by 0 */
    assert_true(find(&table, &p, &unroll));
    assert_int_equal(unroll, 2);
    rows[0].config.ty = rows[1].config.ty;
    q.q_tile = tile_rows;
    assert_true(find(&table, &q, &unroll));
    assert_int_equal(unroll, 1);
    q.q_tile = tile_rows - 1;
    assert_false(find(&table, &q, &unroll));
    q.q_tile = 0;
    q.k_tile = rows[0].config.tile_cols - 1;
    assert_false(find(&table, &q, &unroll));
}

/* ---- configurations from elsewhere ---- */

/* Configurations of the built-in table are legal, and completing them changes nothing. */
static void test_complete(void **state)
{
    static const int64_t lengths[] = {1, 7, 40, 64, 100, 1000};

    (void)state;
    for (int d = 1; d <= CLATTN_MAX_HEAD_DIM; d += d < 130 ? 3 : 41) {
        for (size_t n = 0; n < ARRAY_SIZE(lengths) * 6; n++) {
            const clattn_problem p = make_problem(lengths[n / 6], lengths[n / 6], d);
            const enum clattn__kernel kernels[] = {KERNEL_FORWARD, KERNEL_DQ, KERNEL_DKDV};
            const struct clattn__config chosen = builtin(&p, engines[n % 2], kernels[n % 3]);
            struct clattn__config config = chosen;

            assert_true(clattn__config_complete(&device, engines[n % 2], &p, &config));
            assert_true(clattn__tunables_equal(&config, &chosen));
            assert_int_equal(config.d_pad, chosen.d_pad);
            assert_int_equal(config.dv_pad, chosen.dv_pad);
            assert_int_equal(config.local_bytes, chosen.local_bytes);
            assert_int_equal(config.group_size, chosen.group_size);
        }
    }
}

static void check_simt(const struct clattn__config *c)
{
    assert_true(c->tile_rows % c->ty == 0 && c->tile_cols % c->tx == 0 && c->tile_cols % c->strip == 0);
    assert_true(c->tile_rows % 4 == 0 && c->tile_cols % 4 == 0);
    assert_true(c->out_block % (4 * c->tx) == 0 && c->depth_step % 4 == 0 && c->tx % 4 == 0);
    assert_true(c->tx * c->ty >= 64 && c->tx * c->ty <= 256);
}

static void check_cpu(const struct clattn__config *c)
{
    assert_true(c->tile_rows % (c->lanes * c->block_cols) == 0 && c->tile_cols % c->block_rows == 0);
    assert_true(c->depth_step % c->lanes == 0 && c->out_block % c->depth_step == 0);
}

/* Every candidate of a long search obeys the rules of kernels/engines/, and none repeats. */
static void test_candidates(void **state)
{
    static struct clattn__candidate list[MOST_CANDIDATES];
    const clattn_context context = {.device = device};

    (void)state;
    for (int n = 0; n < 6; n++) {
        const clattn_problem p = make_problem(1000, 1000, n % 2 ? 64 : 40);
        const clattn_engine engine = engines[n / 3];
        const enum clattn__kernel kernels[] = {KERNEL_FORWARD, KERNEL_DQ, KERNEL_DKDV};
        const struct clattn__config first = builtin(&p, engine, kernels[n % 3]);
        struct clattn__candidates candidates = {.context = &context, .engine = engine, .problem = &p, .list = list};
        const struct clattn__config *c;
        int tried = 0;

        clattn__candidates_begin(&candidates, &first, 1.0, NULL);
        while ((c = clattn__candidates_next(&candidates)) != NULL && ++tried < 300) {
            (engine == CLATTN_ENGINE_SIMT ? check_simt : check_cpu)(c);
            assert_true(c->local_bytes <= device.local_bytes && c->group_size <= device.max_group);
            assert_int_equal(c->d_pad % c->depth_step, 0);
            assert_true(c->d_pad >= p.qk_dim);
            assert_false(clattn__tunables_equal(c, &first));
            clattn__candidates_add(&candidates, c, 1.0 + tried);
        }
        assert_in_range(tried, 20, 300);
        for (size_t i = 0; i < candidates.count; i++) {
            for (size_t j = 0; j < i; j++) {
                assert_false(clattn__tunables_equal(&list[i].config, &list[j].config));
            }
        }
    }
}

/* The candidate with the fastest parent comes first. */
static void test_order(void **state)
{
    static struct clattn__candidate list[MOST_CANDIDATES];
    const clattn_context context = {.device = device};
    const clattn_problem p = make_problem(1000, 1000, 64);
    const struct clattn__config first = builtin(&p, CLATTN_ENGINE_SIMT, KERNEL_FORWARD);
    struct clattn__candidates candidates = {
        .context = &context, .engine = CLATTN_ENGINE_SIMT, .problem = &p, .list = list};
    struct clattn__config second = first;

    (void)state;
    second.unroll = 8;
    clattn__candidates_begin(&candidates, &first, 1.0, &second);
    assert_int_equal(clattn__candidates_next(&candidates)->unroll, 8);
    while (clattn__candidates_next(&candidates) != NULL) {
    }
    assert_int_equal(candidates.tried, candidates.count);
    second.unroll = 4;
    clattn__candidates_add(&candidates, &second, 3.0);
    second.unroll = 16;
    clattn__candidates_add(&candidates, &second, 2.0);
    assert_int_equal(clattn__candidates_next(&candidates)->unroll, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_garbage),  cmocka_unit_test(test_versions),
        cmocka_unit_test(test_add),          cmocka_unit_test(test_key),      cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_illegal_rows), cmocka_unit_test(test_complete), cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests_name("tuned", tests, NULL, NULL);
}
