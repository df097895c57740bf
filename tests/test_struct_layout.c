/* SPDX-License-Identifier: Apache-2.0 */
/* Structs that grow: later versions only append to the layout of 0.2.0. Also how a library with
 * larger structs reads and writes those of an older program. Needs no device. */
#include "device.h"
#include "page.h"

#include "base/sizes.h"

#include <string.h>

/* Additional bytes in a later header. */
enum { LATER = 24 };

/* ---- the layout ---- */

struct place {
    const char *what;
    size_t found, expected;
};

/* clang-format off */
#define SIZE(type, bytes) {"sizeof " #type, sizeof(type), bytes}
#define AT(type, member, byte) {#type "." #member, offsetof(type, member), byte}

/* The layout of 0.2.0 with 64-bit pointers. Append new members; change nothing. */
static const struct place layout[] = {
    SIZE(clattn_allocator, 24), AT(clattn_allocator, allocate, 0), AT(clattn_allocator, release, 8),
    AT(clattn_allocator, user, 16),

    AT(clattn_options, struct_size, 0), AT(clattn_options, allocator, 8), AT(clattn_options, cache_dir, 32),
    AT(clattn_options, engine, 40), AT(clattn_options, keep_clblast_parameters, 44),
    AT(clattn_options, max_launch_flops, 48), AT(clattn_options, build_options, 56),

    AT(clattn_score, scale, 0), AT(clattn_score, causal, 4), AT(clattn_score, align, 8), AT(clattn_score, offset, 16),
    AT(clattn_score, mask_dim, 24), AT(clattn_score, window, 56), AT(clattn_score, window_left, 64),
    AT(clattn_score, window_right, 72), AT(clattn_score, alibi_dim, 80), AT(clattn_score, bias_dim, 96),
    AT(clattn_score, bias_float32, 128), AT(clattn_score, softcap, 132), AT(clattn_score, sinks, 136),
    AT(clattn_score, dlse, 140), AT(clattn_score, max_logit, 144),

    AT(clattn_problem, struct_size, 0), AT(clattn_problem, batch, 8), AT(clattn_problem, q_heads, 16),
    AT(clattn_problem, kv_heads, 24), AT(clattn_problem, q_len, 32), AT(clattn_problem, kv_len, 40),
    AT(clattn_problem, qk_dim, 48), AT(clattn_problem, v_dim, 56), AT(clattn_problem, dtype, 64),
    AT(clattn_problem, kv_lengths, 68), AT(clattn_problem, q_tile, 72), AT(clattn_problem, k_tile, 80),
    AT(clattn_problem, kv_splits, 88), AT(clattn_problem, score, 96),

    AT(clattn_layer, struct_size, 0), AT(clattn_layer, batch, 8), AT(clattn_layer, len, 16),
    AT(clattn_layer, context_len, 24), AT(clattn_layer, dim, 32), AT(clattn_layer, context_dim, 40),
    AT(clattn_layer, heads, 48), AT(clattn_layer, kv_heads, 56), AT(clattn_layer, dim_head, 64),
    AT(clattn_layer, kv_lengths, 72), AT(clattn_layer, q_tile, 80), AT(clattn_layer, k_tile, 88),
    AT(clattn_layer, score, 96),

    SIZE(clattn_tensor, 56), AT(clattn_tensor, mem, 0), AT(clattn_tensor, offset, 8), AT(clattn_tensor, stride, 16),
    AT(clattn_tensor, svm, 48),

    AT(clattn_tensors, struct_size, 0), AT(clattn_tensors, q, 8), AT(clattn_tensors, k, 64), AT(clattn_tensors, v, 120),
    AT(clattn_tensors, mask, 176), AT(clattn_tensors, kv_lengths, 232), AT(clattn_tensors, out, 288),
    AT(clattn_tensors, lse, 344), AT(clattn_tensors, dout, 400), AT(clattn_tensors, dq, 456),
    AT(clattn_tensors, dk, 512), AT(clattn_tensors, dv, 568), AT(clattn_tensors, alibi, 624),
    AT(clattn_tensors, bias, 680), AT(clattn_tensors, dbias, 736), AT(clattn_tensors, sink, 792),
    AT(clattn_tensors, dsink, 848), AT(clattn_tensors, dlse, 904), AT(clattn_tensors, max_logit, 960),

    SIZE(clattn_block, 16), AT(clattn_block, mem, 0), AT(clattn_block, offset, 8),

    AT(clattn_layer_tensors, struct_size, 0), AT(clattn_layer_tensors, accumulate, 8), AT(clattn_layer_tensors, x, 16),
    AT(clattn_layer_tensors, context, 32), AT(clattn_layer_tensors, mask, 48),
    AT(clattn_layer_tensors, kv_lengths, 104), AT(clattn_layer_tensors, wq, 160), AT(clattn_layer_tensors, wkv, 176),
    AT(clattn_layer_tensors, wo, 192), AT(clattn_layer_tensors, bq, 208), AT(clattn_layer_tensors, bkv, 224),
    AT(clattn_layer_tensors, bo, 240), AT(clattn_layer_tensors, out, 256), AT(clattn_layer_tensors, saved, 272),
    AT(clattn_layer_tensors, dout, 288), AT(clattn_layer_tensors, dx, 304), AT(clattn_layer_tensors, dcontext, 320),
    AT(clattn_layer_tensors, dwq, 336), AT(clattn_layer_tensors, dwkv, 352), AT(clattn_layer_tensors, dwo, 368),
    AT(clattn_layer_tensors, dbq, 384), AT(clattn_layer_tensors, dbkv, 400), AT(clattn_layer_tensors, dbo, 416),
    AT(clattn_layer_tensors, alibi, 432), AT(clattn_layer_tensors, bias, 488), AT(clattn_layer_tensors, dbias, 544),
    AT(clattn_layer_tensors, sink, 600), AT(clattn_layer_tensors, dsink, 656), AT(clattn_layer_tensors, max_logit, 712),

    SIZE(clattn_array, 40), AT(clattn_array, data, 0), AT(clattn_array, stride, 8),
    SIZE(clattn_const_array, 40), AT(clattn_const_array, data, 0), AT(clattn_const_array, stride, 8),

    AT(clattn_arrays, struct_size, 0), AT(clattn_arrays, q, 8), AT(clattn_arrays, k, 48), AT(clattn_arrays, v, 88),
    AT(clattn_arrays, mask, 128), AT(clattn_arrays, kv_lengths, 168), AT(clattn_arrays, out, 208),
    AT(clattn_arrays, lse, 248), AT(clattn_arrays, dout, 288), AT(clattn_arrays, dq, 328), AT(clattn_arrays, dk, 368),
    AT(clattn_arrays, dv, 408), AT(clattn_arrays, alibi, 448), AT(clattn_arrays, bias, 488),
    AT(clattn_arrays, dbias, 528), AT(clattn_arrays, sink, 568), AT(clattn_arrays, dsink, 608),
    AT(clattn_arrays, dlse, 648), AT(clattn_arrays, max_logit, 688),

    AT(clattn_layer_arrays, struct_size, 0), AT(clattn_layer_arrays, accumulate, 8), AT(clattn_layer_arrays, x, 16),
    AT(clattn_layer_arrays, context, 24), AT(clattn_layer_arrays, mask, 32), AT(clattn_layer_arrays, kv_lengths, 72),
    AT(clattn_layer_arrays, wq, 112), AT(clattn_layer_arrays, wkv, 120), AT(clattn_layer_arrays, wo, 128),
    AT(clattn_layer_arrays, bq, 136), AT(clattn_layer_arrays, bkv, 144), AT(clattn_layer_arrays, bo, 152),
    AT(clattn_layer_arrays, out, 160), AT(clattn_layer_arrays, dout, 168), AT(clattn_layer_arrays, dx, 176),
    AT(clattn_layer_arrays, dcontext, 184), AT(clattn_layer_arrays, dwq, 192), AT(clattn_layer_arrays, dwkv, 200),
    AT(clattn_layer_arrays, dwo, 208), AT(clattn_layer_arrays, dbq, 216), AT(clattn_layer_arrays, dbkv, 224),
    AT(clattn_layer_arrays, dbo, 232), AT(clattn_layer_arrays, alibi, 240), AT(clattn_layer_arrays, bias, 280),
    AT(clattn_layer_arrays, dbias, 320), AT(clattn_layer_arrays, sink, 360), AT(clattn_layer_arrays, dsink, 400),
    AT(clattn_layer_arrays, max_logit, 440),

    AT(clattn_run_info, struct_size, 0), AT(clattn_run_info, plan, 8), AT(clattn_run_info, plan_seconds, 16),
    AT(clattn_run_info, upload_seconds, 24), AT(clattn_run_info, kernel_seconds, 32),
    AT(clattn_run_info, download_seconds, 40), AT(clattn_run_info, device_bytes, 48),
    AT(clattn_run_info, workspace_bytes, 56),

    AT(clattn_tune_progress, struct_size, 0), AT(clattn_tune_progress, kernel, 8), AT(clattn_tune_progress, done, 16),
    AT(clattn_tune_progress, known, 24), AT(clattn_tune_progress, seconds, 32), AT(clattn_tune_progress, budget, 40),
    AT(clattn_tune_progress, builtin_seconds, 48), AT(clattn_tune_progress, best_seconds, 56),

    AT(clattn_tune_options, struct_size, 0), AT(clattn_tune_options, seconds, 8),
    AT(clattn_tune_options, progress, 16), AT(clattn_tune_options, user, 24),

    AT(clattn_tuned_kernel, kernel, 0), AT(clattn_tuned_kernel, builtin_seconds, 8),
    AT(clattn_tuned_kernel, best_seconds, 16), AT(clattn_tuned_kernel, is_builtin, 24),
    AT(clattn_tuned_kernel, tried, 32), AT(clattn_tuned_kernel, refused, 40),
    AT(clattn_tuned_kernel, configuration, 48), AT(clattn_tuned_kernel, engine, 304),

    AT(clattn_tune_result, struct_size, 0), AT(clattn_tune_result, stopped, 8), AT(clattn_tune_result, kernels, 16),
    AT(clattn_tune_result, capacity, 24), AT(clattn_tune_result, kernel_size, 32), AT(clattn_tune_result, count, 40),
};
/* clang-format on */

/* The size in 0.2.0 of each struct that grows, which is the smallest accepted. */
static const struct {
    const char *name;
    size_t size, least, expected;
} grown[] = {
/* clang-format off */
#define GROWN(type, bytes) {#type, sizeof(type), type##__least, bytes}
    /* clang-format on */
    GROWN(clattn_options, 64),     GROWN(clattn_problem, 152),      GROWN(clattn_layer, 152),
    GROWN(clattn_run_info, 64),    GROWN(clattn_tune_options, 32),  GROWN(clattn_tuned_kernel, 320),
    GROWN(clattn_tune_result, 48), GROWN(clattn_tensors, 624),      GROWN(clattn_layer_tensors, 432),
    GROWN(clattn_arrays, 448),     GROWN(clattn_layer_arrays, 240),
};

static void test_layout(void **state)
{
    (void)state;
    if (sizeof(void *) != 8) {
        skip();
    }
    for (size_t n = 0; n < COUNT_OF(layout); n++) {
        if (layout[n].found != layout[n].expected) {
            fail_msg("%s is %zu; it was %zu in 0.2.0", layout[n].what, layout[n].found, layout[n].expected);
        }
    }
    for (size_t n = 0; n < COUNT_OF(grown); n++) {
        if (grown[n].least != grown[n].expected) {
            fail_msg("%s: the least size is %zu; it was %zu in 0.2.0", grown[n].name, grown[n].least,
                     grown[n].expected);
        }
        assert_in_range(grown[n].size, grown[n].expected, SIZE_MAX);
    }
    /* Structs must not end with padding: a later member could lie there, and an older program's
     * padding would be read as it. */
#define LAST_MEMBER(type, last) assert_int_equal(type##__least % sizeof(size_t), 0);
    CLATTN__STRUCT_LIST(LAST_MEMBER)
}

/* ---- the mechanism, with a library whose structs have grown ---- */

struct later_problem { /* a problem grows with its score */
    clattn_problem now;
    int64_t window[2];
};

static void test_older(void **state)
{
    static const struct clattn__struct type = {"clattn_problem", sizeof(struct later_problem), clattn_problem__least};
    struct page page;
    clattn_problem older = CLATTN_PROBLEM_INIT;

    (void)state;
    page_open(&page);
    older.batch = 3;
    older.score.mask_dim[3] = 5;
    for (size_t size = sizeof older; size <= sizeof(struct later_problem) + LATER; size += 8) {
        struct later_problem taken;
        const void *at = page_put(&page, &older, sizeof older, size, 0);

        memset(&taken, 0xff, sizeof taken);
        assert_success(clattn__struct_read(&type, "problem", at, &taken));
        assert_int_equal(taken.now.struct_size, sizeof taken);
        assert_int_equal(taken.now.batch, 3);
        assert_int_equal(taken.now.score.mask_dim[3], 5);
        assert_true(taken.window[0] == 0 && taken.window[1] == 0);
    }
    page_close(&page);
}

static void test_written_to_older(void **state)
{
    const struct later_problem from = {{.struct_size = sizeof from, .batch = 3}, {7, 8}};
    struct page page;

    (void)state;
    page_open(&page);
    for (size_t size = sizeof from.now; size <= sizeof from + LATER; size += 8) {
        const clattn_problem blank = {.struct_size = size};
        unsigned char *at = page_put(&page, &blank, sizeof blank, size, 0xff);
        size_t given;

        clattn__struct_write(&from, sizeof from, at);
        memcpy(&given, at, sizeof given);
        assert_int_equal(given, size);
        assert_memory_equal(at + 8, (const char *)&from + 8, (size < sizeof from ? size : sizeof from) - 8);
        for (size_t n = sizeof from; n < size; n++) {
            assert_int_equal(at[n], 0);
        }
        assert_int_equal(at[-1], 0xa5);
    }
    page_close(&page);
}

/* ---- what fills a struct ---- */

#define CHECK_INIT(type, macro)                                                                                        \
    for (size_t size = 8; size <= sizeof(type) + LATER; size += 8) {                                                   \
        static const type expected = macro;                                                                            \
        unsigned char *at = page_put(&page, "", 0, size, 0xff);                                                        \
        const size_t known = size < sizeof(type) ? size : sizeof(type);                                                \
        size_t given;                                                                                                  \
                                                                                                                       \
        type##_init((type *)(void *)at, size);                                                                         \
        memcpy(&given, at, sizeof given);                                                                              \
        assert_int_equal(given, size);                                                                                 \
        assert_memory_equal(at + 8, (const char *)&expected + 8, known - 8);                                           \
        for (size_t n = known; n < size; n++) {                                                                        \
            assert_int_equal(at[n], 0);                                                                                \
        }                                                                                                              \
        assert_int_equal(at[-1], 0xa5);                                                                                \
    }

static void test_init(void **state)
{
    struct page page;

    (void)state;
    page_open(&page);
    CHECK_INIT(clattn_options, CLATTN_OPTIONS_INIT)
    CHECK_INIT(clattn_problem, CLATTN_PROBLEM_INIT)
    CHECK_INIT(clattn_tensors, CLATTN_TENSORS_INIT)
    CHECK_INIT(clattn_layer, CLATTN_LAYER_INIT)
    CHECK_INIT(clattn_layer_tensors, CLATTN_LAYER_TENSORS_INIT)
    CHECK_INIT(clattn_arrays, CLATTN_ARRAYS_INIT)
    CHECK_INIT(clattn_run_info, CLATTN_RUN_INFO_INIT)
    CHECK_INIT(clattn_layer_arrays, CLATTN_LAYER_ARRAYS_INIT)
    CHECK_INIT(clattn_tune_options, CLATTN_TUNE_OPTIONS_INIT)
    CHECK_INIT(clattn_tune_result, CLATTN_TUNE_RESULT_INIT)
    clattn_problem_init((clattn_problem *)(void *)page.end, sizeof(size_t) - 1); /* too small even for struct_size */
    page_close(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_older),
        cmocka_unit_test(test_written_to_older),
        cmocka_unit_test(test_init),
    };

    return cmocka_run_group_tests_name("struct_layout", tests, NULL, NULL);
}
