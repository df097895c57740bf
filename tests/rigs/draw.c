/* SPDX-License-Identifier: Apache-2.0 */
#include "draw.h"

#include "random.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define PICK(array, r) (array)[check_random_below(r, (int64_t)COUNT(array))]

/* Most multiply-adds of a forward: with them a CPU takes 0.1 s for both passes on an engine for
 * GPUs. */
static const int64_t most_work = 1500000;

/* A generator for a seed. Consecutive seeds must not draw from overlapping sequences. */
static struct check_random start(uint64_t seed, uint64_t kind)
{
    struct check_random r = {seed * UINT64_C(0x9e3779b97f4a7c15) + kind};

    r.state = check_random_bits(&r);
    return r;
}

static int one_in(struct check_random *r, int64_t many)
{
    return check_random_below(r, many) == 0;
}

/* For engines of matrix instructions, what they do not support (float32, small tiles, masks in one
 * of them) is drawn less often. */
static int is_of_matrices(clattn_engine engine)
{
    return engine == CLATTN_ENGINE_NVIDIA_MMA || engine == CLATTN_ENGINE_NVIDIA_WGMMA;
}

static int64_t draw_depth(struct check_random *r)
{
    static const int64_t usual[] = {8, 16, 24, 32, 40, 64}, odd[] = {1, 3, 20, 33, 59, 65}, deep[] = {72, 96, 128, 160};

    return one_in(r, 8) ? PICK(deep, r) : one_in(r, 3) ? PICK(odd, r) : PICK(usual, r);
}

/* Depths that take long to compile, now and then: by their own sequence, which leaves other draws as
 * they are. Not in float32: the rounding of sums of so many terms may exceed its tolerance. */
static void deepen(struct draw_configuration *c, uint64_t seed)
{
    static const int64_t deepest[] = {320, 512, 513, 544, 576};
    struct check_random r = start(seed / DRAW_PROBLEMS, 3);

    if (is_of_matrices(c->engine) || c->dtype == CLATTN_FLOAT32 || !one_in(&r, 25)) {
        return;
    }
    c->d = PICK(deepest, &r);
    c->dv = one_in(&r, 2) ? PICK(deepest, &r) : c->dv;
}

struct draw_configuration draw_configuration(clattn_engine engine, uint64_t seed)
{
    static const struct draw_range queries[] = {{1, 4}, {5, 16}, {17, 32}, {33, 64}, {65, 300}, {65, 300}};
    static const struct draw_range keys[] = {{1, 16}, {17, 64}, {65, 300}, {65, 300}, {301, 900}};
    static const int64_t tiles[] = {1, 5, 12, 16, 17, 48, 64, 100, INT64_MAX};
    static const uint64_t launches[] = {1, 100000, 3000000};
    struct check_random r = start(seed / DRAW_PROBLEMS, 1);
    struct draw_configuration c = {.engine = engine, .passes = CLATTN_FORWARD | CLATTN_BACKWARD};
    const int matrices = is_of_matrices(engine);

    c.dtype = (clattn_dtype)(matrices ? 1 + check_random_below(&r, 2) : check_random_below(&r, 3));
    c.d = draw_depth(&r);
    c.dv = one_in(&r, 3) ? draw_depth(&r) : c.d;
    c.group = one_in(&r, 2) ? 2 + check_random_below(&r, 3) : 1;
    c.mask = !one_in(&r, matrices ? 4 : 2) ? DRAW_NO_MASK : one_in(&r, 2) ? DRAW_FULL : DRAW_PADDING;
    if (one_in(&r, 3)) {
        c.passes = CLATTN_FORWARD | (unsigned)(2 * check_random_below(&r, 8));
    }
    if (one_in(&r, matrices ? 12 : 4)) {
        c.q_tile = PICK(tiles, &r);
        c.k_tile = PICK(tiles, &r);
    }
    c.splits = !one_in(&r, matrices ? 4 : 2) ? 0 : one_in(&r, 4) ? CLATTN_MAX_KV_SPLITS : 1 + check_random_below(&r, 6);
    c.queries = PICK(queries, &r);
    c.keys = PICK(keys, &r);
    c.launch_flops = one_in(&r, 4) ? PICK(launches, &r) : 0;
    c.tuned = one_in(&r, 2);
    c.seed = check_random_bits(&r);
    c.window = one_in(&r, 4);
    c.alibi = one_in(&r, 4);
    c.softcap = one_in(&r, 4);
    c.bias = one_in(&r, 4);
    c.sinks = one_in(&r, 4);
    c.dlse = one_in(&r, 4);
    c.max_logit = one_in(&r, 4);
    deepen(&c, seed);
    return c;
}

static int64_t within(struct draw_range range, struct check_random *r)
{
    return range.least + check_random_below(r, range.most - range.least + 1);
}

static void draw_sizes(const struct draw_configuration *from, clattn_problem *p, struct check_random *r)
{
    p->batch = 1 + check_random_below(r, 3);
    p->kv_heads = 1 + check_random_below(r, 3);
    p->q_len = within(from->queries, r);
    p->kv_len = within(from->keys, r);
    for (int turn = 0;
         turn < 20 && p->batch * p->kv_heads * from->group * p->q_len * p->kv_len * (from->d + from->dv) > most_work;
         turn++) {
        int64_t *const longer = p->q_len - from->queries.least > p->kv_len - from->keys.least ? &p->q_len : &p->kv_len;
        const struct draw_range range = longer == &p->q_len ? from->queries : from->keys;

        if (p->batch > 1 || p->kv_heads > 1) {
            *(p->kv_heads > 1 ? &p->kv_heads : &p->batch) -= 1;
        } else {
            *longer -= (*longer - range.least + 1) / 2;
        }
    }
    p->q_heads = p->kv_heads * from->group;
    if (one_in(r, 4) && p->q_len >= from->keys.least && p->q_len <= from->keys.most) {
        p->kv_len = p->q_len; /* for packed layouts */
    }
}

/* An end of a window: none, very far, or below `most`, more often small. */
static int64_t draw_window(int64_t most, struct check_random *r)
{
    return one_in(r, 5) ? -1 : one_in(r, 8) ? INT64_C(1) << 60 : check_random_below(r, 1 + check_random_below(r, most));
}

static void draw_visibility(const struct draw_configuration *from, struct test_case *c, struct check_random *r)
{
    clattn_problem *p = &c->problem;

    p->score.causal = one_in(r, 2);
    p->score.align = (clattn_align)check_random_below(r, 3);
    if (p->score.align == CLATTN_ALIGN_OFFSET) {
        const int64_t far = one_in(r, 2) ? INT64_C(1) << 62 : -(INT64_C(1) << 62);

        p->score.offset = one_in(r, 8) ? far : check_random_below(r, p->q_len + p->kv_len) - p->q_len;
    }
    if (from->window) {
        p->score.window = 1;
        p->score.window_left = draw_window(from->keys.most, r);
        p->score.window_right = draw_window(from->keys.most, r);
    }
    if (from->mask != DRAW_NO_MASK) {
        p->score.mask_dim[0] = one_in(r, 2) ? p->batch : 1;
        p->score.mask_dim[1] = one_in(r, 2) ? p->q_heads : 1;
        p->score.mask_dim[2] = from->mask == DRAW_FULL ? p->q_len : 1;
        p->score.mask_dim[3] = one_in(r, 4) ? 1 : p->kv_len;
        c->mask = (enum case_mask)check_random_below(r, one_in(r, 4) ? MASK_COUNT : MASK_DEADROWS);
    }
    if (one_in(r, 3)) {
        p->kv_lengths = 1;
        c->lengths = one_in(r, 3) ? LENGTHS_SAME : LENGTHS_MIXED;
        c->kv_length = c->lengths == LENGTHS_SAME ? (int32_t)check_random_below(r, p->kv_len + 2) : 0;
    }
}

/* Options that add to scores, cap them or change what is made of them. */
static void draw_options(const struct draw_configuration *from, struct test_case *c, struct check_random *r)
{
    if (from->bias) {
        const int64_t whole[4] = {c->problem.batch, c->problem.q_heads, c->problem.q_len, c->problem.kv_len};

        for (int n = 0; n < 4; n++) {
            c->problem.score.bias_dim[n] = one_in(r, 3) ? 1 : whole[n];
        }
        c->bias = (enum case_bias)check_random_below(r, BIAS_COUNT);
        c->problem.score.bias_float32 = c->bias == BIAS_FLOAT32;
        c->passes |= c->passes & CLATTN_BACKWARD && one_in(r, 2) ? CLATTN_BACKWARD_DBIAS : 0u;
    }
    if (from->softcap) { /* scores are about 1, or 60 at most */
        c->problem.score.softcap = exp2f(8.0f * check_random_uniform(r));
    }
    if (from->sinks) {
        c->problem.score.sinks = 1;
        c->sink = (enum case_sink)check_random_below(r, SINK_COUNT);
        c->passes |= c->passes & CLATTN_BACKWARD && one_in(r, 2) ? CLATTN_BACKWARD_DSINK : 0u;
    }
    c->problem.score.dlse = from->dlse;
    c->problem.score.max_logit = from->max_logit;
    if (from->alibi) {
        c->problem.score.alibi_dim[0] = one_in(r, 2) ? c->problem.batch : 1;
        c->problem.score.alibi_dim[1] = one_in(r, 4) ? 1 : c->problem.q_heads;
        c->alibi = (enum case_alibi)check_random_below(r, ALIBI_COUNT);
        /* At a distance of 2^62 a score loses all digits of Q K^T, and naive attention's float16
         * overflows. */
        c->problem.score.offset %= c->problem.q_len + c->problem.kv_len;
    }
}

struct test_case draw_problem(const struct draw_configuration *from, uint64_t seed)
{
    static const enum case_data data[] = {DATA_NORMAL, DATA_NORMAL, DATA_NORMAL, DATA_UNIFORM,
                                          DATA_LARGE,  DATA_RISING, DATA_EQUAL,  DATA_NANPAD};
    struct check_random r = start(seed, 2);
    struct test_case c = case_make(1, 1, 1, 1, 1, from->d, from->dv);

    c.problem.dtype = from->dtype;
    c.problem.q_tile = from->q_tile;
    c.problem.k_tile = from->k_tile;
    c.problem.kv_splits = from->splits;
    c.passes = from->passes;
    draw_sizes(from, &c.problem, &r);
    draw_visibility(from, &c, &r);
    if (one_in(&r, 4)) {
        c.problem.score.scale = check_random_uniform(&r) * (one_in(&r, 2) ? 1.0f : 1e-3f);
        if (from->d > 64) { /* a score's rounding error grows with D, its tolerance does not */
            c.problem.score.scale *= 4.0f / sqrtf((float)from->d);
        }
    }
    c.layout = one_in(&r, 4) ? (enum case_layout)check_random_below(&r, LAYOUT_COUNT) : LAYOUT_RANDOM;
    if (c.layout == LAYOUT_PACKED && c.problem.q_len != c.problem.kv_len) {
        c.layout = LAYOUT_RANDOM;
    }
    c.data = PICK(data, &r);
    if (c.data == DATA_LARGE && from->d > 64) { /* rounding errors of S grow with D, tolerances do not */
        c.data = DATA_NORMAL;
    }
    if (c.data == DATA_RISING && fabsf(c.problem.score.scale) > 0.0f && from->dtype == CLATTN_FLOAT16) {
        const float least =
            1e-3f / (float)from->d; /* a smaller one makes K infinite, as data=rising has scores up to 5 */

        c.problem.score.scale = copysignf(fmaxf(fabsf(c.problem.score.scale), least), c.problem.score.scale);
    }
    if (c.passes == CLATTN_FORWARD) {
        c.want_lse = one_in(&r, 2);
    }
    c.seed = 1 + (check_random_bits(&r) >> 33);
    draw_options(from, &c, &r);
    return c;
}
