/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that the window hides from everything may hold anything, and tiles outside all windows of a
 * tile are never visited. Results must be bit-identical to those of the same problem with finite
 * numbers. CLATTN_TEST_DTYPE: the type of the tensors. */
#include "device.h"

#include "host_view.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 16, TILE = 16, HEADS = 2 };

/* q, dout, k, v are inputs. */
enum { Q, DOUT, K, V, OUT, LSE, DQ, DK, DV, SLOTS };

struct fixture {
    clattn_runner *runner;
    clattn_dtype dtype;
};

/* A problem of one batch. The window of query i is at key position i + offset. */
struct scene {
    int64_t n, m, offset, left, right;
    int causal;
    int64_t kv_heads;
    int64_t dead, unseen; /* queries that see no key, keys that no query sees */
};

struct tensors {
    clattn_problem problem;
    clattn_arrays arrays;
    void *slot[SLOTS];
    size_t row[SLOTS]; /* bytes */
    size_t rows[SLOTS];
};

/* ---- making and running ---- */

static int setup(void **state)
{
    static struct fixture f;
    clattn_options options = device_options();
    const char *dtype = getenv("CLATTN_TEST_DTYPE");

    options.build_options = getenv("CLATTN_TEST_BUILD_OPTIONS");
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &f.runner));
    f.dtype = dtype == NULL ? CLATTN_FLOAT32 : strcmp(dtype, "f16") == 0 ? CLATTN_FLOAT16 : CLATTN_BFLOAT16;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    clattn_runner_destroy(f->runner);
    return 0;
}

static clattn_problem make_problem(const struct scene *s, clattn_dtype dtype)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 1;
    p.q_heads = HEADS;
    p.kv_heads = s->kv_heads;
    p.q_len = s->n;
    p.kv_len = s->m;
    p.qk_dim = p.v_dim = D;
    p.dtype = dtype;
    p.q_tile = p.k_tile = TILE;
    p.score.causal = s->causal;
    p.score.align = CLATTN_ALIGN_OFFSET;
    p.score.offset = s->offset;
    p.score.window = 1;
    p.score.window_left = s->left;
    p.score.window_right = s->right;
    return p;
}

static void put_row(const struct tensors *t, int slot, size_t row, const float *values)
{
    unsigned char *to = (unsigned char *)t->slot[slot] + row * t->row[slot];

    if (t->problem.dtype == CLATTN_FLOAT32) {
        memcpy(to, values, D * sizeof *values);
    } else if (t->problem.dtype == CLATTN_FLOAT16) {
        clattn_float_to_float16(values, (uint16_t *)(void *)to, D);
    } else {
        clattn_float_to_bfloat16(values, (uint16_t *)(void *)to, D);
    }
}

static struct tensors make_tensors(const struct scene *s, clattn_dtype dtype)
{
    struct tensors t = {.problem = make_problem(s, dtype), .arrays = CLATTN_ARRAYS_INIT};
    const size_t queries = (size_t)(HEADS * s->n), keys = (size_t)(s->kv_heads * s->m);

    for (int slot = 0; slot < SLOTS; slot++) {
        t.rows[slot] = slot == K || slot == V || slot == DK || slot == DV ? keys : queries;
        t.row[slot] = slot == LSE ? sizeof(float) : D * (dtype == CLATTN_FLOAT32 ? sizeof(float) : sizeof(uint16_t));
        t.slot[slot] = malloc(t.rows[slot] * t.row[slot]);
        assert_non_null(t.slot[slot]);
        memset(t.slot[slot], 0xff, t.rows[slot] * t.row[slot]);
        for (size_t row = 0; slot <= V && row < t.rows[slot]; row++) {
            float values[D];

            check_fill_normal(values, D, 1 + 10000 * (uint64_t)slot + row);
            put_row(&t, slot, row, values);
        }
    }
    t.arrays.q.data = t.slot[Q];
    t.arrays.k.data = t.slot[K];
    t.arrays.v.data = t.slot[V];
    t.arrays.dout.data = t.slot[DOUT];
    t.arrays.out.data = t.slot[OUT];
    t.arrays.lse.data = t.slot[LSE];
    t.arrays.dq.data = t.slot[DQ];
    t.arrays.dk.data = t.slot[DK];
    t.arrays.dv.data = t.slot[DV];
    return t;
}

static void free_tensors(struct tensors *t)
{
    for (int slot = 0; slot < SLOTS; slot++) {
        free(t->slot[slot]);
    }
}

/* Runs with all gradients, or with only dq and dk, for which engines may have other kernels. */
static void run(clattn_runner *runner, struct tensors *t, int all)
{
    t->arrays.dv.data = all ? t->slot[DV] : NULL;
    assert_success(clattn_run_forward(runner, &t->problem, &t->arrays, NULL));
    assert_success(clattn_run_backward(runner, &t->problem, &t->arrays, NULL));
}

/* ---- what is seen ---- */

/* The first key of a query's window, and one past its last. */
static int64_t window_begin(const struct scene *s, int64_t i)
{
    return s->left < 0 || i + s->offset < s->left ? 0 : i + s->offset - s->left;
}

static int64_t window_end(const struct scene *s, int64_t i)
{
    const int64_t right = s->causal ? 0 : s->right, end = i + s->offset + right + 1;

    return right < 0 || end > s->m ? s->m : end;
}

static int is_dead(const struct scene *s, int64_t i)
{
    return window_begin(s, i) >= window_end(s, i);
}

static int is_unseen(const struct scene *s, int64_t j)
{
    int64_t i = 0;

    while (i < s->n && (j < window_begin(s, i) || j >= window_end(s, i))) {
        i++;
    }
    return i == s->n;
}

/* ---- the tests ---- */

/* Fills row `row` of every head with NaN and infinity; returns 1. */
static int poison(const struct tensors *t, int slot, int64_t row, int64_t length)
{
    static const float poisons[3] = {NAN, INFINITY, -INFINITY};
    float values[D];

    for (size_t at = (size_t)row; at < t->rows[slot]; at += (size_t)length) {
        for (size_t d = 0; d < D; d++) {
            values[d] = poisons[(at + d) % 3];
        }
        put_row(t, slot, at, values);
    }
    return 1;
}

static void assert_same_rows(const struct tensors *found, const struct tensors *expected, int slot, size_t first,
                             size_t end)
{
    for (size_t row = first; row < end; row++) {
        const size_t at = row * found->row[slot];

        if (memcmp((char *)found->slot[slot] + at, (char *)expected->slot[slot] + at, found->row[slot]) != 0) {
            fail_msg("row %zu of tensor %d is another", row, slot);
        }
    }
}

static void check_scene(const struct fixture *f, const struct scene *s)
{
    struct tensors finite = make_tensors(s, f->dtype), poisoned = make_tensors(s, f->dtype);
    int64_t dead = 0, unseen = 0;

    for (int64_t i = 0; i < s->n; i++) {
        dead += is_dead(s, i) && poison(&poisoned, Q, i, s->n) && poison(&poisoned, DOUT, i, s->n);
    }
    for (int64_t j = 0; j < s->m; j++) {
        unseen += is_unseen(s, j) && poison(&poisoned, K, j, s->m) && poison(&poisoned, V, j, s->m);
    }
    assert_int_equal(dead, s->dead);
    assert_int_equal(unseen, s->unseen);
    for (int all = 1; all >= 0; all--) {
        run(f->runner, &finite, all);
        run(f->runner, &poisoned, all);
        for (int slot = OUT; slot < SLOTS; slot++) {
            assert_same_rows(&poisoned, &finite, slot, 0, finite.rows[slot]);
        }
    }
    for (size_t n = 0; n < finite.rows[LSE]; n++) {
        const float lse = ((const float *)finite.slot[LSE])[n];

        assert_true(is_dead(s, (int64_t)n % s->n) ? lse == -INFINITY : isfinite(lse));
    }
    free_tensors(&finite);
    free_tensors(&poisoned);
}

static void test_rows_that_nothing_sees(void **state)
{
    static const struct scene scenes[] = {
        /* n, m, offset, left, right, causal, kv_heads, dead, unseen */
        {70, 40, 7, 5, 3, 0, 1, 32, 2},    /* dead queries at the end, keys at the beginning */
        {70, 40, -21, 5, 3, 0, 2, 22, 0},  /* dead queries at the beginning */
        {70, 40, -21, 5, 3, 1, 2, 25, 0},  /* and causal */
        {20, 90, 30, 7, 9, 0, 2, 0, 54},   /* keys at both ends */
        {20, 90, 30, 7, -1, 0, 2, 0, 23},  /* keys at the beginning */
        {20, 90, 30, -1, 9, 0, 2, 0, 31},  /* keys at the end */
        {60, 24, 9, 2, 0, 0, 1, 43, 7},    /* no window contains a whole tile */
        {50, 40, 45, 5, 3, 0, 1, 50, 40},  /* windows behind all keys */
        {50, 40, -60, 5, 3, 0, 1, 50, 40}, /* windows before all keys */
        {3, 90, 40, 10, 2, 0, 1, 0, 75},   /* few queries: heads may be packed */
        {3, 40, 39, 1, 0, 0, 1, 1, 38},
    };
    const struct fixture *f = *state;

    for (size_t n = 0; n < COUNT_OF(scenes); n++) {
        print_message("             scene %zu\n", n);
        check_scene(f, &scenes[n]);
    }
}

/* Poisons rows before BEGIN and from END on. Rows between that are further away than a window and
 * two tiles must not change: visiting a poisoned tile would give NaN, even with P = 0. */
static void test_tiles_outside(void **state)
{
    enum { LENGTH = 240, BEGIN = 60, END = 180, MARGIN = 50 };
    static const struct scene scene = {LENGTH, LENGTH, 0, 8, 5, 0, 2, 0, 0};
    const struct fixture *f = *state;
    struct tensors finite = make_tensors(&scene, f->dtype), poisoned = make_tensors(&scene, f->dtype);

    for (int64_t row = 0; row < LENGTH; row++) {
        for (int slot = Q; slot <= V && (row < BEGIN || row >= END); slot++) {
            poison(&poisoned, slot, row, LENGTH);
        }
    }
    for (int all = 1; all >= 0; all--) {
        run(f->runner, &finite, all);
        run(f->runner, &poisoned, all);
        for (int slot = OUT; slot < SLOTS; slot++) {
            for (size_t h = 0; h < HEADS; h++) {
                assert_same_rows(&poisoned, &finite, slot, h * LENGTH + BEGIN + MARGIN, h * LENGTH + END - MARGIN);
            }
        }
        assert_true(isnan(((const float *)poisoned.slot[LSE])[0]));
    }
    free_tensors(&finite);
    free_tensors(&poisoned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_that_nothing_sees),
        cmocka_unit_test(test_tiles_outside),
    };

    return cmocka_run_group_tests_name("window", tests, setup, teardown);
}
