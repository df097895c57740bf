/* SPDX-License-Identifier: Apache-2.0 */
/* Properties at lengths that are too large for the reference, and of equivalent problems. */
#include "device.h"

#include "host_view.h"
#include "random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { D = 64, Q_TILE = 48, K_TILE = 16 };

struct fixture {
    clattn_runner *runner;
    int64_t length; /* N = M of the long tests */
};

/* A problem's arrays, contiguous; outputs start as NaN. */
struct tensors {
    clattn_problem problem;
    clattn_arrays arrays;
    size_t q_count, k_count, lse_count; /* elements of Q-shaped and K-shaped arrays (D = Dv) and of lse */
};

/* ---- making and running ---- */

static int setup(void **state)
{
    static struct fixture f;
    const clattn_options options = device_options();
    cl_device_type type;

    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &f.runner));
    assert_cl(clGetDeviceInfo(clattn_runner_device(f.runner), CL_DEVICE_TYPE, sizeof type, &type, NULL));
    /* on a CPU, engine simt has 1/100 of the speed of engine cpu */
    f.length = type & CL_DEVICE_TYPE_CPU && options.engine == CLATTN_ENGINE_SIMT ? 700 : 4096;
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    clattn_runner_destroy(f->runner);
    return 0;
}

static clattn_problem make_problem(int64_t batch, int64_t heads, int64_t kv_heads, int64_t n, int64_t m)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = batch;
    p.q_heads = heads;
    p.kv_heads = kv_heads;
    p.q_len = n;
    p.kv_len = m;
    p.qk_dim = p.v_dim = D;
    return p;
}

/* A problem with given tiles, so that all run the same kernels. */
static clattn_problem short_problem(int64_t batch, int64_t heads, int64_t kv_heads, int64_t n, int64_t m)
{
    clattn_problem p = make_problem(batch, heads, kv_heads, n, m);

    p.q_tile = Q_TILE;
    p.k_tile = K_TILE;
    return p;
}

static float *make_floats(size_t count, uint64_t seed)
{
    float *values = malloc(count * sizeof *values);

    assert_non_null(values);
    if (seed > 0) {
        check_fill_normal(values, count, seed);
    } else {
        memset(values, 0xff, count * sizeof *values);
    }
    return values;
}

static struct tensors make_tensors(const clattn_problem *p, uint64_t seed)
{
    struct tensors t = {.problem = *p, .arrays = CLATTN_ARRAYS_INIT};

    t.lse_count = (size_t)(p->batch * p->q_heads * p->q_len);
    t.q_count = t.lse_count * D;
    t.k_count = (size_t)(p->batch * p->kv_heads * p->kv_len) * D;
    t.arrays.q.data = make_floats(t.q_count, seed);
    t.arrays.k.data = make_floats(t.k_count, seed + 1);
    t.arrays.v.data = make_floats(t.k_count, seed + 2);
    t.arrays.dout.data = make_floats(t.q_count, seed + 3);
    t.arrays.out.data = make_floats(t.q_count, 0);
    t.arrays.lse.data = make_floats(t.lse_count, 0);
    t.arrays.dq.data = make_floats(t.q_count, 0);
    t.arrays.dk.data = make_floats(t.k_count, 0);
    t.arrays.dv.data = make_floats(t.k_count, 0);
    return t;
}

static void free_tensors(struct tensors *t)
{
    void *const all[] = {host_writable(&t->arrays.q),
                         host_writable(&t->arrays.k),
                         host_writable(&t->arrays.v),
                         host_writable(&t->arrays.dout),
                         t->arrays.out.data,
                         t->arrays.lse.data,
                         t->arrays.dq.data,
                         t->arrays.dk.data,
                         t->arrays.dv.data};

    for (size_t n = 0; n < COUNT_OF(all); n++) {
        free(all[n]);
    }
}

static void run(clattn_runner *runner, struct tensors *t)
{
    assert_success(clattn_run_forward(runner, &t->problem, &t->arrays, NULL));
    assert_success(clattn_run_backward(runner, &t->problem, &t->arrays, NULL));
}

/* ---- comparing ---- */

static void assert_same(const float *found, const float *expected, size_t count)
{
    assert_memory_equal(found, expected, count * sizeof(float));
}

/* Equal up to rounding: the same sums in different orders. */
static void assert_close(const float *found, const float *expected, size_t count)
{
    double largest = 0.0;

    for (size_t n = 0; n < count; n++) {
        largest = fmax(largest, fabs((double)expected[n]));
    }
    for (size_t n = 0; n < count; n++) {
        const double allowed = 2e-6 * largest + 2e-5 * fabs((double)expected[n]);

        if (found[n] != expected[n] && !(fabs((double)found[n] - (double)expected[n]) <= allowed)) {
            fail_msg("element %zu is %.9g, expected %.9g", n, (double)found[n], (double)expected[n]);
        }
    }
}

/* Compares all outputs with assert_same or assert_close. */
static void assert_results(const struct tensors *found, const struct tensors *expected,
                           void (*compare)(const float *, const float *, size_t))
{
    compare(found->arrays.out.data, expected->arrays.out.data, expected->q_count);
    compare(found->arrays.lse.data, expected->arrays.lse.data, expected->lse_count);
    compare(found->arrays.dq.data, expected->arrays.dq.data, expected->q_count);
    compare(found->arrays.dk.data, expected->arrays.dk.data, expected->k_count);
    compare(found->arrays.dv.data, expected->arrays.dv.data, expected->k_count);
}

/* ---- long sequences ---- */

/* Each row of P sums to 1: V of ones gives O of ones. */
static void test_rows_sum_to_one(void **state)
{
    const struct fixture *f = *state;

    for (int causal = 0; causal < 2; causal++) {
        clattn_problem p = make_problem(1, 1, 1, f->length, f->length);
        struct tensors t;

        p.score.causal = causal;
        t = make_tensors(&p, 10);
        for (size_t n = 0; n < t.k_count; n++) {
            ((float *)t.arrays.v.data)[n] = 1.0f;
        }
        assert_success(clattn_run_forward(f->runner, &t.problem, &t.arrays, NULL));
        for (size_t n = 0; n < t.q_count; n++) {
            const double out = (double)((float *)t.arrays.out.data)[n];

            if (!(fabs(out - 1.0) <= 1.1e-5)) { /* the tolerance of every O */
                fail_msg("O[%zu] is %.9g, not 1", n, out);
            }
        }
        free_tensors(&t);
    }
}

/* sum_i dO_id = sum_j dV_jd over the rows that see a key: N > M and causality hide all keys from
 * the first N - M. */
static void test_sums_of_dv(void **state)
{
    enum { DEAD = 100 };
    const struct fixture *f = *state;
    clattn_problem p = make_problem(1, 1, 1, f->length, f->length - DEAD);
    struct tensors t;

    p.score.causal = 1;
    t = make_tensors(&p, 20);
    run(f->runner, &t);
    for (size_t d = 0; d < D; d++) {
        double dout = 0.0;
        double dv = 0.0;
        double size = 0.0;

        for (size_t i = DEAD; i < (size_t)p.q_len; i++) {
            dout += (double)((float *)t.arrays.dout.data)[i * D + d];
            size += fabs((double)((float *)t.arrays.dout.data)[i * D + d]);
        }
        for (size_t j = 0; j < (size_t)p.kv_len; j++) {
            dv += (double)((float *)t.arrays.dv.data)[j * D + d];
        }
        if (!(fabs(dv - dout) <= 1e-6 * size)) {
            fail_msg("sum of dV[.., %zu] is %.9g, of dO %.9g", d, dv, dout);
        }
    }
    for (size_t n = 0; n < DEAD * (size_t)D; n++) {
        assert_true(((float *)t.arrays.out.data)[n] == 0.0f && ((float *)t.arrays.dq.data)[n] == 0.0f);
    }
    for (size_t i = 0; i < DEAD; i++) {
        assert_true(((float *)t.arrays.lse.data)[i] == -INFINITY);
    }
    free_tensors(&t);
}

/* With causality, later keys change no bit of a row, even if they are infinite. */
static void test_causal_rows_ignore_later_keys(void **state)
{
    const struct fixture *f = *state;
    clattn_problem p = make_problem(1, 1, 1, f->length, f->length);
    const size_t prefix = (size_t)f->length / 2 + 5;
    struct tensors one, other;

    p.score.causal = 1;
    one = make_tensors(&p, 30);
    other = make_tensors(&p, 30);
    for (size_t n = prefix * D; n < other.k_count; n++) {
        ((float *)other.arrays.k.data)[n] *= -30.0f;
        ((float *)other.arrays.v.data)[n] = n % 3 ? 1e30f : -7.0f;
    }
    run(f->runner, &one);
    run(f->runner, &other);
    assert_same(other.arrays.out.data, one.arrays.out.data, prefix * D);
    assert_same(other.arrays.lse.data, one.arrays.lse.data, prefix);
    assert_same(other.arrays.dq.data, one.arrays.dq.data, prefix * D);
    assert_true(memcmp(other.arrays.out.data, one.arrays.out.data, one.q_count * sizeof(float)) != 0);
    free_tensors(&one);
    free_tensors(&other);
}

/* Permutes rows of D floats: row j of `to` is row (j * 7 + 3) mod count of `from`. 7 must not
 * divide count. */
static void permute(float *to, const float *from, size_t count)
{
    for (size_t j = 0; j < count; j++) {
        memcpy(to + j * D, from + (j * 7 + 3) % count * D, D * sizeof *to);
    }
}

static void test_order_of_keys(void **state)
{
    const struct fixture *f = *state;
    const clattn_problem p = make_problem(1, 1, 1, f->length, f->length % 7 ? f->length : f->length - 1);
    const size_t keys = (size_t)p.kv_len;
    struct tensors one = make_tensors(&p, 40);
    struct tensors other = make_tensors(&p, 40);

    permute(host_writable(&other.arrays.k), one.arrays.k.data, keys);
    permute(host_writable(&other.arrays.v), one.arrays.v.data, keys);
    run(f->runner, &one);
    run(f->runner, &other);
    assert_close(other.arrays.out.data, one.arrays.out.data, one.q_count);
    assert_close(other.arrays.lse.data, one.arrays.lse.data, one.lse_count);
    assert_close(other.arrays.dq.data, one.arrays.dq.data, one.q_count);
    permute(host_writable(&one.arrays.k), one.arrays.dk.data, keys);
    permute(host_writable(&one.arrays.v), one.arrays.dv.data, keys);
    assert_close(other.arrays.dk.data, one.arrays.k.data, one.k_count);
    assert_close(other.arrays.dv.data, one.arrays.v.data, one.k_count);
    free_tensors(&one);
    free_tensors(&other);
}

/* Two runs give the same bits, and so do many small launches; different tiles give the same up to
 * rounding. */
static void test_runs_tiles_and_launches(void **state)
{
    const struct fixture *f = *state;
    clattn_problem p = make_problem(1, 1, 1, f->length, f->length);
    clattn_options options = device_options();
    clattn_run_info info = {.struct_size = sizeof info};
    clattn_runner *split;
    struct tensors one, again;

    p.score.causal = 1;
    one = make_tensors(&p, 50);
    again = make_tensors(&p, 50);
    run(f->runner, &one);
    run(f->runner, &again);
    assert_results(&again, &one, assert_same);

    options.max_launch_flops = (uint64_t)f->length * (uint64_t)f->length * 10;
    assert_success(clattn_runner_create(getenv("CLATTN_TEST_DEVICE"), &options, &split));
    run(split, &again);
    assert_success(clattn_run_forward(split, &again.problem, &again.arrays, &info));
    assert_non_null(strstr(info.plan, "a launch"));
    assert_results(&again, &one, assert_same);
    clattn_runner_destroy(split);

    again.problem.q_tile = Q_TILE;
    again.problem.k_tile = K_TILE;
    run(f->runner, &again);
    assert_results(&again, &one, assert_close);
    assert_true(memcmp(again.arrays.out.data, one.arrays.out.data, one.q_count * sizeof(float)) != 0);
    free_tensors(&one);
    free_tensors(&again);
}

/* ---- the same problem, put differently ---- */

/* Copies each key head of `from` to the `group` query heads that read it, or sums over these. */
static void expand_heads(float *to, const float *from, size_t heads, size_t group, size_t head_count)
{
    for (size_t h = 0; h < heads * group; h++) {
        memcpy(to + h * head_count, from + h / group * head_count, head_count * sizeof *to);
    }
}

static void add_heads(float *to, const float *from, size_t heads, size_t group, size_t head_count)
{
    for (size_t n = 0; n < heads * head_count; n++) {
        double sum = 0.0;

        for (size_t g = 0; g < group; g++) {
            sum += (double)from[(n / head_count * group + g) * head_count + n % head_count];
        }
        to[n] = (float)sum;
    }
}

static void test_grouped_heads(void **state)
{
    enum { N = 130, M = 200 };
    const struct fixture *f = *state;
    const clattn_problem p = short_problem(2, 4, 2, N, M);
    const clattn_problem all = short_problem(2, 4, 4, N, M);
    struct tensors grouped = make_tensors(&p, 60);
    struct tensors expanded = make_tensors(&all, 60); /* q and dout have the same numbers */
    float *sum = make_floats(grouped.k_count, 0);

    expand_heads(host_writable(&expanded.arrays.k), grouped.arrays.k.data, 4, 2, M * D);
    expand_heads(host_writable(&expanded.arrays.v), grouped.arrays.v.data, 4, 2, M * D);
    run(f->runner, &grouped);
    run(f->runner, &expanded);
    assert_close(grouped.arrays.out.data, expanded.arrays.out.data, grouped.q_count);
    assert_close(grouped.arrays.lse.data, expanded.arrays.lse.data, grouped.lse_count);
    assert_close(grouped.arrays.dq.data, expanded.arrays.dq.data, grouped.q_count);
    add_heads(sum, expanded.arrays.dk.data, 4, 2, M * D);
    assert_close(grouped.arrays.dk.data, sum, grouped.k_count);
    add_heads(sum, expanded.arrays.dv.data, 4, 2, M * D);
    assert_close(grouped.arrays.dv.data, sum, grouped.k_count);
    free(sum);
    free_tensors(&grouped);
    free_tensors(&expanded);
}

/* A batch with a key length equals one with fewer keys; the diagonal ends at its own last key. */
static void test_key_lengths(void **state)
{
    enum { N = 130, M = 200, SHORT = 147 };
    const struct fixture *f = *state;
    int32_t lengths[1] = {SHORT};
    clattn_problem p = short_problem(1, 2, 1, N, M);
    struct tensors limited, cut;

    p.score.causal = 1;
    p.kv_lengths = 1;
    limited = make_tensors(&p, 70);
    limited.arrays.kv_lengths.data = lengths;
    p.kv_len = SHORT;
    p.kv_lengths = 0;
    cut = make_tensors(&p, 70); /* the same numbers: with one key head, its keys are the first ones of p */
    for (size_t n = cut.k_count; n < limited.k_count; n++) {
        ((float *)limited.arrays.k.data)[n] = NAN;
        ((float *)limited.arrays.v.data)[n] = INFINITY;
    }
    run(f->runner, &limited);
    run(f->runner, &cut);
    assert_results(&limited, &cut, assert_close);
    for (size_t n = cut.k_count; n < limited.k_count; n++) {
        assert_true(((float *)limited.arrays.dk.data)[n] == 0.0f && ((float *)limited.arrays.dv.data)[n] == 0.0f);
    }
    free_tensors(&limited);
    free_tensors(&cut);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_sum_to_one),
        cmocka_unit_test(test_sums_of_dv),
        cmocka_unit_test(test_causal_rows_ignore_later_keys),
        cmocka_unit_test(test_order_of_keys),
        cmocka_unit_test(test_runs_tiles_and_launches),
        cmocka_unit_test(test_grouped_heads),
        cmocka_unit_test(test_key_lengths),
    };

    return cmocka_run_group_tests_name("properties", tests, setup, teardown);
}
