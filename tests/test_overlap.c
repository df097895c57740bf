/* SPDX-License-Identifier: Apache-2.0 */
/* host/tensor/tensor.c: whether views share bytes, compared with counting every byte, and their
 * extent. Needs no device. */
#include "tensor/slots.h"

#include "random.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

enum { MOST_BYTES = 4096, MOST_VIEWS = 4 };

/* ---- the truth ---- */

struct use {
    unsigned char by[MOST_VIEWS][MOST_BYTES]; /* number of times that a view contains the byte */
};

static void count_bytes(const struct clattn__view *view, unsigned char *bytes)
{
    for (int64_t b = 0; b < view->count[0]; b++) {
        for (int64_t h = 0; h < view->count[1]; h++) {
            for (int64_t r = 0; r < view->count[2]; r++) {
                const int64_t at = view->base + b * view->stride[0] + h * view->stride[1] + r * view->stride[2];

                assert_true(at >= 0 && at + view->run <= MOST_BYTES);
                for (int64_t x = 0; x < view->run; x++) {
                    bytes[at + x] = bytes[at + x] ? 2 : 1;
                }
            }
        }
    }
}

static int shares_with_itself(const unsigned char *bytes)
{
    return memchr(bytes, 2, MOST_BYTES) != NULL;
}

static int share(const unsigned char *a, const unsigned char *b)
{
    for (size_t n = 0; n < MOST_BYTES; n++) {
        if (a[n] && b[n]) {
            return 1;
        }
    }
    return 0;
}

/* Whether an output among the views shares a byte with itself or with another view. */
static int true_overlap(const struct clattn__view *views, size_t count)
{
    static struct use use;
    int found = 0;

    memset(&use, 0, sizeof use);
    for (size_t n = 0; n < count; n++) {
        count_bytes(&views[n], use.by[n]);
    }
    for (size_t n = 0; n < count; n++) {
        for (size_t m = 0; m < count && views[n].use == TENSOR_OUTPUT; m++) {
            const int same_memory = views[n].memory == views[m].memory;

            found = found || (n == m ? shares_with_itself(use.by[n]) : same_memory && share(use.by[n], use.by[m]));
        }
    }
    return found;
}

/* ---- random views ---- */

static int64_t pick(struct check_random *random, const int64_t *from, size_t count)
{
    return from[check_random_below(random, (int64_t)count)];
}

/* A random view within MOST_BYTES. As in real tensors, strides are often multiples of each other
 * and of the row. */
static struct clattn__view random_view(struct check_random *random, enum clattn__tensor_use use)
{
    static const int64_t runs[] = {1, 2, 3, 4, 8, 12, 16};
    static const int memories[2];
    struct clattn__view view = {.name = use == TENSOR_OUTPUT ? "some output" : "some input", .use = use};
    int64_t unit = pick(random, runs, ARRAY_SIZE(runs));

    view.memory = &memories[check_random_below(random, 8) == 0];
    view.run = unit;
    for (int n = 0; n < 3; n++) {
        const int i = (n + (int)check_random_below(random, 3)) % 3;

        if (view.count[i] > 0) {
            continue;
        }
        view.count[i] = 1 + check_random_below(random, 4);
        switch (check_random_below(random, 4)) {
        case 0:
            view.stride[i] = check_random_below(random, 40); /* 0 too */
            break;
        case 1:
            view.stride[i] = unit * check_random_below(random, 6);
            break;
        default:
            view.stride[i] = unit;
            unit *= view.count[i] + (check_random_below(random, 4) == 0);
        }
    }
    for (int i = 0; i < 3; i++) {
        view.count[i] += view.count[i] == 0;
    }
    view.base = check_random_below(random, check_random_below(random, 2) ? 64 : MOST_BYTES / 2);
    return view;
}

static int fits(const struct clattn__view *view)
{
    return view->base + clattn__view_extent(view) <= MOST_BYTES;
}

static void test_random_views(void **state)
{
    enum { ROUNDS = 60000 };
    struct check_random random = {42};
    int overlaps = 0;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct clattn__view views[MOST_VIEWS];
        const size_t count = 1 + (size_t)check_random_below(&random, round % 2 ? 2 : MOST_VIEWS);
        int good = 1;
        int expected;
        clattn_status found;

        for (size_t n = 0; n < count; n++) {
            views[n] = random_view(&random, check_random_below(&random, 3) ? TENSOR_OUTPUT : TENSOR_INPUT);
            good = good && fits(&views[n]);
        }
        if (!good) {
            continue;
        }
        expected = true_overlap(views, count);
        found = clattn__views_check_overlap(views, count);
        if (found != (expected ? CLATTN_OVERLAP : CLATTN_SUCCESS)) {
            fail_msg("round %d: found %s, but bytes are %sshared", round, clattn_status_name(found),
                     expected ? "" : "not ");
        }
        overlaps += expected;
    }
    assert_in_range(overlaps, ROUNDS / 10, ROUNDS * 9 / 10); /* both answers occur */
}

/* ---- real sizes ---- */

/* Views of realistic tensors, too large to count, with known answers. */
static void test_large_views(void **state)
{
    enum { B = 64, H = 128, N = 1 << 20, D = 128 };
    const int64_t row = 4 * 3 * H * D; /* packed Q K V */
    const int64_t head = 4 * D;
    struct clattn__view views[] = {
        {"q", TENSOR_OUTPUT, NULL, 0, head, {B, H, N}, {row * N, head, row}},
        {"k", TENSOR_OUTPUT, NULL, head * H, head, {B, H, N}, {row * N, head, row}},
        {"v", TENSOR_OUTPUT, NULL, 2 * head * H, head, {B, H, N}, {row * N, head, row}},
        {"batch in heads", TENSOR_OUTPUT, NULL, B * row * N, head, {B, H, N}, {head, head * B, head * B * H}},
        {"odd gaps", TENSOR_OUTPUT, NULL, 2 * B * row * N, head, {B, H, N}, {(row + 4) * N + 4, head, row + 4}},
    };
    const int64_t moves[ARRAY_SIZE(views)] = {4, 4, -4, -4, 4 - (2 * B - 2) * row * N}; /* onto a neighbour */

    (void)state;
    assert_int_equal(clattn__views_check_overlap(views, ARRAY_SIZE(views)), CLATTN_SUCCESS);
    for (size_t n = 0; n < ARRAY_SIZE(views); n++) {
        const struct clattn__view saved = views[n];

        views[n].base += moves[n];
        assert_int_equal(clattn__views_check_overlap(views, ARRAY_SIZE(views)), CLATTN_OVERLAP);
        views[n] = saved;
        views[n].stride[1] -= 4;
        assert_int_equal(clattn__views_check_overlap(&views[n], 1), CLATTN_OVERLAP);
        assert_non_null(strstr(clattn_last_error(), views[n].name));
        views[n] = saved;
    }
}

/* ---- extent ---- */

static void test_extent(void **state)
{
    const int64_t most = (int64_t)1 << 62;
    const struct {
        int64_t expected, run, count[3], stride[3];
    } rows[] = {
        {4, 4, {1, 1, 1}, {0, 0, 0}},
        {4, 4, {1, 1, 1}, {most, most, most}},
        {4, 4, {5, 6, 7}, {0, 0, 0}},
        {4 * 5 * 6 * 7, 4, {5, 6, 7}, {4 * 42, 28, 4}},
        {most, 4, {1, 2, 1}, {0, most - 4, 0}},
        {-1, 4, {1, 2, 1}, {0, most - 3, 0}},
        {-1, 4, {2, 2, 1}, {most / 2, most / 2, 0}},
        {-1, 1, {1, 1, INT64_MAX}, {0, 0, 2}},
        {-1, 1, {(int64_t)1 << 31, 1, 1}, {(int64_t)1 << 33, 0, 0}}, /* 2^64 */
        {-1, 1, {3, 3, 3}, {most, most, most}},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        struct clattn__view view = {.run = rows[n].run};

        memcpy(view.count, rows[n].count, sizeof view.count);
        memcpy(view.stride, rows[n].stride, sizeof view.stride);
        assert_true(clattn__view_extent(&view) == rows[n].expected);
    }
}

/* ---- strides ---- */

static void test_role_strides(void **state)
{
    const struct clattn__tensor_slot slot = {.count = {2, 1, 5}, .depth = 7, .element_bytes = 2};
    static const struct {
        size_t given[4];
        int64_t expected[3]; /* of elements */
    } rows[] = {
        {{0, 0, 0, 0}, {35, 0, 7}}, {{35, 35, 7, 0}, {35, 0, 7}}, {{35, 35, 7, 1}, {35, 0, 7}},
        {{0, 0, 9, 0}, {0, 0, 9}},  {{1, 2, 3, 0}, {1, 0, 3}},    {{0, 0, 0, 1}, {0, 0, 0}},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        struct clattn__view view;

        assert_true(clattn__slot_view(&slot, rows[n].given, &view));
        assert_int_equal(view.run, 14);
        assert_memory_equal(view.count, slot.count, sizeof view.count);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(view.stride[i], 2 * rows[n].expected[i]);
    }
}

/* Strides above 2^58 elements are refused, except for a dimension of size 1. */
static void test_long_strides(void **state)
{
    const struct clattn__tensor_slot slot = {.count = {2, 1, 5}, .depth = 7, .element_bytes = 2};
    const size_t most = (size_t)CLATTN__MOST_STRIDE;
    const size_t given[][4] = {{most, most + 1, 7}, {most + 1, 7, 7}, {7, 7, SIZE_MAX}};
    struct clattn__view view;

    (void)state;
    if (SIZE_MAX == UINT32_MAX) {
        return; /* such a stride cannot be expressed */
    }
    assert_true(clattn__slot_view(&slot, given[0], &view));
    assert_false(clattn__slot_view(&slot, given[1], &view) || clattn__slot_view(&slot, given[2], &view));
}

/* Elements of 16-bit types have 2 bytes; a bias has them too unless it is float32; lse,
 * mask, key lengths, slopes and the like do not change. */
static void test_element_bytes(void **state)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;
    struct clattn__tensor_slot slots[TENSOR_SLOT_COUNT];

    (void)state;
    p.batch = p.q_heads = p.kv_heads = p.q_len = p.kv_len = p.qk_dim = p.v_dim = 1;
    p.score.mask_dim[0] = p.score.mask_dim[1] = p.score.mask_dim[2] = p.score.mask_dim[3] = 1;
    p.score.alibi_dim[0] = p.score.alibi_dim[1] = 1;
    p.score.bias_dim[0] = p.score.bias_dim[1] = p.score.bias_dim[2] = p.score.bias_dim[3] = 1;
    p.score.sinks = p.score.dlse = p.score.max_logit = 1;
    p.kv_lengths = 1;
    for (int turn = 0; turn < 6; turn++) {
        p.dtype = (clattn_dtype)(turn / 2);
        p.score.bias_float32 = turn % 2;
        const size_t count = clattn__slots(&p, CLATTN_FORWARD | CLATTN__GRADIENTS, slots);

        assert_int_equal(count, TENSOR_SLOT_COUNT);
        for (size_t n = 0; n < count; n++) {
            const size_t size = p.dtype == CLATTN_FLOAT32 ? 4 : 2;
            const size_t index = slots[n].index;

            const bool stored = index <= TENSOR_SLOT_V || index == TENSOR_SLOT_OUT ||
                                (index >= TENSOR_SLOT_DOUT && index <= TENSOR_SLOT_DV);
            const bool of_bias = index == TENSOR_SLOT_BIAS || index == TENSOR_SLOT_DBIAS;
            const bool four = !stored && !(of_bias && !p.score.bias_float32);

            assert_int_equal(slots[n].element_bytes, index == TENSOR_SLOT_MASK ? 1 : four ? 4 : size);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_views), cmocka_unit_test(test_large_views),  cmocka_unit_test(test_extent),
        cmocka_unit_test(test_role_strides), cmocka_unit_test(test_long_strides), cmocka_unit_test(test_element_bytes),
    };

    return cmocka_run_group_tests_name("overlap", tests, NULL, NULL);
}
