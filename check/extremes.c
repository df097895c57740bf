/* SPDX-License-Identifier: Apache-2.0 */
#include "extremes.h"

#include "extremes_scene.h"
#include "half.h"
#include "random.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static double unit_of(clattn_dtype dtype) /* unit roundoff: half the distance from 1 to the next number */
{
    return dtype == CLATTN_FLOAT32 ? 0x1p-24 : dtype == CLATTN_FLOAT16 ? 0x1p-11 : 0x1p-8;
}

static void fill_random(struct known_scene *s, int tensor, uint64_t seed)
{
    check_fill_normal(s->values[tensor], s->rows[tensor] * s->depth[tensor], seed);
}

/* ---- the largest scores ---- */

/* All keys and values are equal, all scores 10^9 or more: P is 1 / M, out the value. */
static int huge_scores(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, int64_t n, int64_t m)
{
    const float x = dtype == CLATTN_FLOAT32 ? 1e15f : dtype == CLATTN_FLOAT16 ? 30000.0f : 133120.0f;

    if (known_make(s, dtype, 1, 1, n, m, 64) != 0) {
        return -1;
    }
    known_fill(s, SCENE_Q, 0, 64, x, x);
    known_fill(s, SCENE_K, 0, 64, x, x);
    known_fill(s, SCENE_V, 0, 64, x, x);
    known_fill(s, SCENE_DOUT, 0, 64, 1.0f, 1.0f);
    known_run(s, runner, 1);
    known_all_near(s, "out of equal keys with huge scores", SCENE_OUT, (double)s->values[SCENE_V][0],
                   2.0 * unit_of(dtype) * (double)x);
    known_all_near(s, "lse of huge scores", SCENE_LSE,
                   8.0 * (double)s->values[SCENE_Q][0] * (double)s->values[SCENE_K][0],
                   64 * 0x1p-24 * 8.0 * (double)x * (double)x);
    known_all_near(s, "dv of huge scores: no weight is more than 1", SCENE_DV, 0.5 * (double)n, 0.501 * (double)n);
    known_all_near(s, "dq of huge scores is finite", SCENE_DQ, 0.0, FLT_MAX);
    known_all_near(s, "dk of huge scores is finite", SCENE_DK, 0.0, FLT_MAX);
    return 0;
}

static int huge_scores_one(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return huge_scores(s, dtype, runner, 1, 1);
}

static int huge_scores_tile(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return huge_scores(s, dtype, runner, 40, 40);
}

/* Query i scores key i far above all others. */
static int winner(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, int64_t n, float x)
{
    const int f32 = dtype == CLATTN_FLOAT32;
    const double score = 0.3 * (double)x * (double)x, size = 4.0; /* size: of normal numbers */

    if (known_make(s, dtype, 1, 1, n, 40, 64) != 0) {
        return -1;
    }
    s->p.score.scale = 0.3f;
    fill_random(s, SCENE_V, 1);
    fill_random(s, SCENE_DOUT, 2);
    for (size_t r = 0; r < 40; r++) {
        known_row(s, SCENE_K, r)[r] = x;
    }
    for (size_t r = 0; r < s->rows[SCENE_Q]; r++) {
        known_row(s, SCENE_Q, r)[r] = x;
    }
    known_run(s, runner, 1);
    for (size_t r = 0; r < s->rows[SCENE_Q]; r++) {
        known_near(s, "lse where one key wins", (double)known_row(s, SCENE_LSE, r)[0], score, 2e-7 * score);
        for (size_t d = 0; d < 64; d++) {
            const double dv = (double)known_row(s, SCENE_DV, r)[d], dout = (double)known_row(s, SCENE_DOUT, r)[d];

            known_near(s, "out is the value of the key that wins", (double)known_row(s, SCENE_OUT, r)[d],
                       (double)known_row(s, SCENE_V, r)[d], 0.0);
            if (f32 || x < 200.0f) {
                known_near(s, "dv where one key wins", dv, dout, (f32 ? 1e-6 : 1e-3 + 2.0 * unit_of(dtype)) * size);
            } else {
                known_near(s, "dv where one key wins: its weight is 0 to 1", dv, dout / 2.0,
                           fabs(dout) * 0.5 * (1.0 + 4.0 * unit_of(dtype)));
            }
        }
    }
    known_all_near(s, "dq where one key wins", SCENE_DQ, 0.0, 1e-3 * (double)x);
    known_all_near(s, "dk where one key wins", SCENE_DK, 0.0, 1e-3 * (double)x);
    return 0;
}

static int winner_1e4(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return winner(s, dtype, runner, 40, 181.0f);
}

static int winner_1e6(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return winner(s, dtype, runner, 40, 1816.0f);
}

static int winner_1e8(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return winner(s, dtype, runner, 40, 29952.0f);
}

static int winner_few(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return winner(s, dtype, runner, 3, 1816.0f);
}

/* The first query sees one key, whose score is small: lse is that score, rounded once. */
static int small_scores(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, int64_t n, int64_t splits)
{
    enum { HEADS = 8 };

    if (known_make(s, dtype, HEADS, HEADS, n, 200, 64) != 0) {
        return -1;
    }
    s->p.score.scale = 0.3f;
    s->p.score.causal = 1;
    s->p.score.align = CLATTN_ALIGN_TOP_LEFT;
    s->p.kv_splits = splits;
    fill_random(s, SCENE_V, 1);
    for (size_t r = 0; r < s->rows[SCENE_K]; r++) {
        known_row(s, SCENE_K, r)[0] = 0.125f;
    }
    for (size_t r = 0; r < s->rows[SCENE_Q]; r++) {
        known_row(s, SCENE_Q, r)[0] = 0.1875f * (float)(1 + r / (size_t)n);
    }
    known_run(s, runner, 0);
    for (size_t h = 0; h < HEADS; h++) {
        const double score = (double)0.3f * 0.125 * (double)known_row(s, SCENE_Q, h * (size_t)n)[0];

        known_near(s, "lse of one small score", (double)known_row(s, SCENE_LSE, h * (size_t)n)[0], score, 2e-7 * score);
    }
    return 0;
}

static int small_scores_tile(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return small_scores(s, dtype, runner, 40, 1);
}

static int small_scores_few(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return small_scores(s, dtype, runner, 2, 1);
}

static int small_scores_split(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return small_scores(s, dtype, runner, 2, 3);
}

/* Scores near the largest float32, with a scale of either sign. */
static int last_scores(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, float scale)
{
    if (dtype != CLATTN_FLOAT32) {
        return 1;
    }
    if (known_make(s, dtype, 1, 1, 70, 2, 1) != 0) {
        return -1;
    }
    s->p.score.scale = scale;
    known_fill(s, SCENE_Q, 0, 1, 1e19f, 1e19f);
    known_fill(s, SCENE_K, 0, 1, scale * 3e19f, scale * 1e19f);
    known_fill(s, SCENE_V, 0, 1, 5.0f, 7.0f);
    known_run(s, runner, 0);
    known_all_near(s, "out of the largest scores", SCENE_OUT, 5.0, 0.0);
    known_all_near(s, "lse of the largest scores", SCENE_LSE, 3e38, 1e32);
    return 0;
}

static int last_scores_up(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return last_scores(s, dtype, runner, 1.0f);
}

static int last_scores_down(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return last_scores(s, dtype, runner, -1.0f);
}

/* ---- the largest values ---- */

static int large_values(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, int64_t n, int64_t m,
                        int64_t splits)
{
    if (dtype == CLATTN_FLOAT16) {
        return 1;
    }
    if (known_make(s, dtype, 1, 1, n, m, 64) != 0) {
        return -1;
    }
    s->p.kv_splits = splits;
    known_fill(s, SCENE_V, 0, 64, 1e38f, 1e38f);
    known_run(s, runner, 0);
    known_all_near(s, "out of many large values", SCENE_OUT, (double)s->values[SCENE_V][0],
                   1e38 * (1e-5 + 2.0 * unit_of(dtype)));
    return 0;
}

static int large_values_tile(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return large_values(s, dtype, runner, 40, 40, 1);
}

static int large_values_split(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return large_values(s, dtype, runner, 3, 600, 3);
}

/* ---- sums over very many rows, in float32 ---- */

/* Largest relative error of a sum of equal terms, independent of their number: that of plainly
 * adding about 4096 terms. Plainly adding all of them would lose 1e-3 or more. */
#define LOSS 6e-5

/* Equal scores: out is the mean of V, 0.1 or 0; all terms of dQ are equal. */
static int many_keys(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, int64_t heads, int64_t n,
                     int64_t m, int backward)
{
    if (dtype != CLATTN_FLOAT32) {
        return 1;
    }
    if (known_make(s, dtype, heads, heads, n, m, 16) != 0) {
        return -1;
    }
    s->p.score.scale = 1.0f;
    s->p.kv_splits = 1;
    known_fill(s, SCENE_K, 0, 16, 0.1f, -0.1f);
    known_fill(s, SCENE_V, 0, 8, 0.1f, 0.1f);
    known_fill(s, SCENE_V, 8, 16, 1.0f, -1.0f);
    known_fill(s, SCENE_DOUT, 8, 16, 1.0f, 1.0f);
    known_run(s, runner, backward);
    for (size_t r = 0; r < s->rows[SCENE_OUT]; r++) {
        known_near(s, "out over many keys", (double)known_row(s, SCENE_OUT, r)[0], 0.1, 0.1 * LOSS);
        known_near(s, "out over many keys of both signs", (double)known_row(s, SCENE_OUT, r)[8], 0.0, LOSS);
        known_near(s, "lse over many keys", (double)known_row(s, SCENE_LSE, r)[0], log((double)m), LOSS);
    }
    if (backward) {
        known_all_near(s, "dq over many keys", SCENE_DQ, 0.8, 0.8 * LOSS);
    }
    return 0;
}

static int many_keys_tile(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return many_keys(s, dtype, runner, 1, 20, 270000, 1);
}

static int many_keys_heads(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return many_keys(s, dtype, runner, 2, 20, 65536, 1);
}

static int many_keys_few(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return many_keys(s, dtype, runner, 1, 1, 500000, 0);
}

/* The same with the device's default kv_splits. */
static int many_keys_split(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    if (dtype != CLATTN_FLOAT32) {
        return 1;
    }
    if (known_make(s, dtype, 1, 1, 1, 500000, 16) != 0) {
        return -1;
    }
    known_fill(s, SCENE_V, 0, 16, 0.1f, 0.1f);
    known_run(s, runner, 0);
    known_all_near(s, "out over many keys in splits", SCENE_OUT, 0.1, 0.1 * LOSS);
    return 0;
}

/* Two keys with equal scores: all terms of dV are equal, and all terms of dK. */
static int many_queries(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, int64_t heads)
{
    const int64_t n = 200000;
    const double terms = (double)(n * heads);

    if (dtype != CLATTN_FLOAT32) {
        return 1;
    }
    if (known_make(s, dtype, heads, 1, n, 2, 16) != 0) {
        return -1;
    }
    s->p.score.scale = 1.0f;
    known_fill(s, SCENE_Q, 0, 16, 0.1f, 0.1f);
    known_fill(s, SCENE_V, 0, 16, 1.0f, -1.0f);
    known_fill(s, SCENE_DOUT, 0, 16, 0.1f, 0.1f);
    known_run(s, runner, 1);
    known_all_near(s, "dv over many queries", SCENE_DV, 0.05 * terms, 0.05 * terms * LOSS);
    for (size_t j = 0; j < 2; j++) {
        known_near(s, "dk over many queries", (double)known_row(s, SCENE_DK, j)[0], (j ? -1.0 : 1.0) * 0.08 * terms,
                   0.08 * terms * LOSS);
    }
    return 0;
}

static int many_queries_one(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return many_queries(s, dtype, runner, 1);
}

static int many_queries_group(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return many_queries(s, dtype, runner, 2);
}

/* ---- NaN where nothing may read it ---- */

enum { LENGTH = 70, DEAD = 20 };

/* Normal numbers, but `x` in the first DEAD rows of Q and dout and, if `keys`, of K and V. */
static int make_poisoned(struct known_scene *s, clattn_dtype dtype, int64_t mask_rows, float x, int keys)
{
    if (known_make(s, dtype, 2, 1, LENGTH, LENGTH, 64) != 0) {
        return -1;
    }
    s->p.score.causal = 1;
    if (known_mask(s, mask_rows) != 0) {
        known_free(s);
        return -1;
    }
    for (int64_t i = 0; i < mask_rows; i++) {
        memset(s->mask + i * LENGTH, 0, DEAD);
    }
    for (int t = SCENE_Q; t <= SCENE_DOUT; t++) {
        const int poisoned = keys || t == SCENE_Q || t == SCENE_DOUT;

        fill_random(s, t, (uint64_t)t + 1);
        for (size_t r = 0; r < s->rows[t] && poisoned; r++) {
            for (size_t d = 0; d < 64 && r % LENGTH < DEAD; d++) {
                known_row(s, t, r)[d] = x;
            }
        }
    }
    return 0;
}

/* The first queries see no key. Results must be bit-identical whether these queries hold NaN or
 * 0. */
static int dead_rows(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner, int64_t mask_rows)
{
    static const char *const names[SCENE_TENSORS] = {[SCENE_OUT] = "out is as without NaN in queries that see nothing",
                                                     [SCENE_DQ] = "dq is as without NaN in queries that see nothing",
                                                     [SCENE_DK] = "dk is as without NaN in queries that see nothing",
                                                     [SCENE_DV] = "dv is as without NaN in queries that see nothing",
                                                     [SCENE_LSE] = "lse is as without NaN in queries that see nothing"};
    struct known_scene clean;

    if (make_poisoned(&clean, dtype, mask_rows, 0.0f, mask_rows == 1) != 0) {
        return -1;
    }
    if (make_poisoned(s, dtype, mask_rows, NAN, mask_rows == 1) != 0) {
        known_free(&clean);
        return -1;
    }
    known_run(&clean, runner, 1);
    known_run(s, runner, 1);
    for (int t = SCENE_OUT; t < SCENE_TENSORS; t++) {
        known_same_rows(s, names[t], &clean, t, 0, s->rows[t]);
    }
    known_near(s, "something is visible", (double)(s->values[SCENE_DV][DEAD * 64] != 0.0f), 1.0, 0.0);
    known_free(&clean);
    return 0;
}

static int dead_rows_padding(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return dead_rows(s, dtype, runner, 1);
}

static int dead_rows_mask(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    return dead_rows(s, dtype, runner, LENGTH);
}

/* Queries that see no key give 0, even where all keys are NaN. */
static int dead_rows_nan_keys(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    if (known_make(s, dtype, 1, 1, LENGTH, LENGTH - DEAD, 64) != 0) {
        return -1;
    }
    s->p.score.causal = 1; /* bottom-right: the first queries see no key */
    fill_random(s, SCENE_Q, 1);
    fill_random(s, SCENE_DOUT, 2);
    known_fill(s, SCENE_K, 0, 64, NAN, NAN);
    known_fill(s, SCENE_V, 0, 64, NAN, NAN);
    known_run(s, runner, 1);
    for (size_t r = 0; r < DEAD; r++) {
        known_near(s, "lse of a query that sees nothing", (double)known_row(s, SCENE_LSE, r)[0], -INFINITY, 0.0);
        for (size_t d = 0; d < 64; d++) {
            known_near(s, "out of a query that sees nothing", (double)known_row(s, SCENE_OUT, r)[d], 0.0, 0.0);
            known_near(s, "dq of a query that sees nothing", (double)known_row(s, SCENE_DQ, r)[d], 0.0, 0.0);
        }
    }
    known_near(s, "NaN of keys that are seen stays", (double)(s->values[SCENE_OUT][DEAD * 64] != 0.0f), 1.0, 0.0);
    return 0;
}

/* NaN in a key does not reach the queries that causality hides it from. */
static int hidden_key(struct known_scene *s, clattn_dtype dtype, clattn_runner *runner)
{
    enum { KEY = 40 };
    struct known_scene clean;

    if (make_poisoned(&clean, dtype, 1, 0.0f, 0) != 0) {
        return -1;
    }
    if (make_poisoned(s, dtype, 1, 0.0f, 0) != 0) {
        known_free(&clean);
        return -1;
    }
    memset(&clean.p.score.mask_dim, 0, sizeof clean.p.score.mask_dim);
    memset(&s->p.score.mask_dim, 0, sizeof s->p.score.mask_dim);
    for (size_t d = 0; d < 64; d++) {
        known_row(s, SCENE_K, KEY)[d] = d % 2 ? NAN : INFINITY;
    }
    known_run(&clean, runner, 0);
    known_run(s, runner, 0);
    known_same_rows(s, "out before a key of NaN", &clean, SCENE_OUT, 0, KEY);
    known_same_rows(s, "lse before a key of NaN", &clean, SCENE_LSE, 0, KEY);
    known_free(&clean);
    return 0;
}

/* ---- the list ---- */

static const struct {
    const char *name;
    int (*run)(struct known_scene *s, clattn_dtype dtype,
               clattn_runner *runner); /* 1: not for the type; -1: no memory */
} list[] = {
    {"huge scores, one key", huge_scores_one},
    {"huge scores, equal keys", huge_scores_tile},
    {"one key wins by 10^4", winner_1e4},
    {"one key wins by 10^6", winner_1e6},
    {"one key wins by 10^8", winner_1e8},
    {"one key wins, few queries", winner_few},
    {"one small score", small_scores_tile},
    {"one small score, few queries", small_scores_few},
    {"one small score, keys in splits", small_scores_split},
    {"the largest scores", last_scores_up},
    {"the largest scores by a negative scale", last_scores_down},
    {"large values", large_values_tile},
    {"large values, keys in splits", large_values_split},
    {"many keys", many_keys_tile},
    {"many keys, two heads", many_keys_heads},
    {"many keys, one query", many_keys_few},
    {"many keys, in parts", many_keys_split},
    {"many queries", many_queries_one},
    {"many queries of a group", many_queries_group},
    {"NaN in queries that see nothing, padding", dead_rows_padding},
    {"NaN in queries that see nothing, mask", dead_rows_mask},
    {"NaN in all keys", dead_rows_nan_keys},
    {"NaN in a hidden key", hidden_key},
};

size_t extremes_count(void)
{
    return sizeof list / sizeof list[0];
}

const char *extremes_name(size_t index)
{
    return list[index].name;
}

enum extremes_outcome extremes_run(size_t index, clattn_runner *runner, clattn_dtype dtype, char *text, size_t size)
{
    struct known_scene s;
    const int done = list[index].run(&s, dtype, runner);

    text[0] = '\0';
    if (done > 0) {
        return EXTREMES_NOT_FOR_TYPE;
    }
    if (done < 0) {
        snprintf(text, size, "out of host memory");
        return EXTREMES_FAILED;
    }
    if (s.wrong != NULL) {
        snprintf(text, size, "%s: found %s", s.wrong, s.found);
    }
    known_free(&s);
    return s.wrong == NULL ? EXTREMES_PASSED : EXTREMES_FAILED;
}
