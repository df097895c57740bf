/* SPDX-License-Identifier: Apache-2.0 */
/* The table of cases: the lines of cases_lines.c, and loops over short lists, group by group.
 *
 * On a CPU, compiling a kernel takes seconds and running a case takes milliseconds. A kernel is compiled for padded D
 * and Dv, the kind of mask, the tile as fitted to N and M, and whether several heads share a tile. So the groups vary
 * these little: D = 64 where sizes vary, D = 32 where all else does, other D in "dims" only, and elsewhere N and M
 * either so small that they fit the smallest tile or such that tiles keep their size (65 <= N, M <= 97 with up to 4
 * heads). */
#include "cases.h"
#include "random.h"

#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

struct table {
    enum case_tier tier;
    struct test_case *cases;
    size_t capacity;
    size_t count;
    uint64_t seed;      /* of the next case: its number in the full table, so that it is the same in every tier */
    const char *group;  /* of the cases that are added now */
    clattn_dtype slice; /* not float32: only a part of the cases is added, and in this dtype */
    size_t turn;        /* cases since the slice began */
};

static const int64_t sizes[] = {1, 7, 63, 64, 65, 97, 113, 203};
static const int64_t offsets[] = {-3, 5, 0, -60, 100, -1000, 1000, -INT64_C(4611686018427387904), INT64_C(1) << 33};

static void add_now(struct table *t, const struct test_case *c)
{
    t->seed++;
    if (t->tier != TIER_FULL && c->tier != t->tier) {
        return;
    }
    if (t->count < t->capacity) {
        t->cases[t->count] = *c;
        t->cases[t->count].group = t->group;
        t->cases[t->count].seed = c->seed != 0 ? c->seed : t->seed;
    }
    t->count++;
}

/* In a slice every fifth case counts: 5 divides the length of few loops. */
static void add(struct table *t, const struct test_case *c)
{
    struct test_case stored = *c;

    stored.problem.dtype = t->slice;
    if (t->slice == CLATTN_FLOAT32 || t->turn++ % 5 == 0) {
        add_now(t, &stored);
    }
}

static void set_mask(struct test_case *c, enum case_mask kind, int64_t b, int64_t h, int64_t n, int64_t m)
{
    const int64_t dim[4] = {b, h, n, m};

    memcpy(c->problem.score.mask_dim, dim, sizeof dim);
    c->mask = kind;
}

/* A mask whose dimensions are whole where `whole` has a bit (1: B, 2: Hq, 4: N, 8: M), and 1 elsewhere. */
static void set_mask_shape(struct test_case *c, enum case_mask kind, unsigned whole)
{
    const clattn_problem *p = &c->problem;

    set_mask(c, kind, whole & 1 ? p->batch : 1, whole & 2 ? p->q_heads : 1, whole & 4 ? p->q_len : 1,
             whole & 8 ? p->kv_len : 1);
}

static void set_causal(struct test_case *c, clattn_align align, int64_t offset)
{
    c->problem.score.causal = 1;
    c->problem.score.align = align;
    c->problem.score.offset = align == CLATTN_ALIGN_OFFSET ? offset : 0;
}

static void set_lengths(struct test_case *c, enum case_lengths lengths, int32_t length)
{
    c->problem.kv_lengths = lengths != LENGTHS_NONE;
    c->lengths = lengths;
    c->kv_length = lengths == LENGTHS_SAME ? length : 0;
}

static void add_lines(struct table *t)
{
    char error[CASE_LINE_SIZE];
    struct test_case c;

    for (const struct case_line *l = case_lines; l->line != NULL; l++) {
        if (strcmp(l->group, t->group) == 0 && case_parse(l->line, &c, error) == 0) {
            c.tier = l->tier;
            add_now(t, &c);
        }
    }
}

/* ---- loops ---- */

static void add_sizes(struct table *t)
{
    for (size_t n = 0; n < COUNT(sizes); n++) {
        for (size_t m = 0; m < COUNT(sizes); m++) {
            struct test_case c = case_make(1, 1, 1, sizes[n], sizes[m], 64, 64);
            add(t, &c);
        }
    }
    for (int64_t n = 1; n <= 3; n++) {
        for (int64_t m = 1; m <= 3; m++) {
            struct test_case c = case_make(3, 2, 2, n, m, 64, 64);
            add(t, &c);
        }
    }
    for (size_t n = 0; n < 3; n++) {
        struct test_case c = case_make(1, 1, 1, n == 1 ? 129 : 300, n == 0 ? 129 : 300, 64, 64);
        add(t, &c);
        set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
        add(t, &c);
    }
}

static void add_causal(struct table *t)
{
    static const int64_t few[] = {1, 7, 65, 113, 203};
    size_t turn = 0;

    for (size_t n = 0; n < COUNT(sizes); n++) {
        for (size_t m = 0; m < COUNT(sizes); m++) {
            struct test_case c = case_make(1, 1, 1, sizes[n], sizes[m], 64, 64);
            set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
            add(t, &c);
        }
    }
    for (size_t n = 0; n < COUNT(few); n++) {
        for (size_t m = 0; m < COUNT(few); m++) {
            struct test_case c = case_make(1, 1, 1, few[n], few[m], 64, 64);
            set_causal(&c, CLATTN_ALIGN_TOP_LEFT, 0);
            add(t, &c);
            set_causal(&c, CLATTN_ALIGN_OFFSET, offsets[turn++ % COUNT(offsets)]);
            add(t, &c);
        }
    }
}

static void add_dims(struct table *t)
{
    static const int64_t dims[][2] = {{1, 1},   {8, 8},   {32, 32},   {40, 40},   {59, 59},   {64, 64},
                                      {80, 80}, {96, 96}, {111, 111}, {128, 128}, {256, 256}, {512, 512},
                                      {64, 32}, {32, 64}, {1, 59},    {111, 8},   {192, 128}, {8, 512}};

    for (size_t n = 0; n < COUNT(dims); n++) {
        struct test_case c = case_make(1, 1, 1, 65, 97, dims[n][0], dims[n][1]);
        add(t, &c);
        c = case_make(1, 1, 1, 97, 65, dims[n][0], dims[n][1]);
        c.layout = LAYOUT_PADDED;
        set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
        add(t, &c);
    }
}

static void add_masks(struct table *t)
{
    for (unsigned whole = 0; whole < 16; whole++) {
        for (unsigned kind = 0; kind < MASK_COUNT; kind++) {
            struct test_case c = case_make(2, 2, 2, 65, 97, 32, 32);
            set_mask_shape(&c, (enum case_mask)kind, whole);
            if ((whole + kind) % 3 == 0) {
                set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
            }
            if ((whole + kind) % 4 == 0) {
                set_lengths(&c, LENGTHS_MIXED, 0);
            }
            add(t, &c);
        }
    }
    for (unsigned whole = 0; whole < 16; whole++) {
        struct test_case c = case_make(2, 2, 1, 24, 97, 32, 32);
        set_mask_shape(&c, whole % 3 ? MASK_DEADROWS : MASK_PREFIX, whole);
        add(t, &c);
    }
}

static void add_lengths(struct table *t)
{
    static const int64_t shapes[][2] = {{1, 97}, {7, 65}, {65, 65}, {97, 65}, {64, 97}};
    static const int32_t lengths[] = {0, -7, 300, 64, 33, 1};

    for (size_t s = 0; s < COUNT(shapes); s++) {
        for (size_t n = 0; n <= COUNT(lengths); n++) {
            struct test_case c = case_make(n == 0 ? 4 : 1, 1, 1, shapes[s][0], shapes[s][1], 32, 32);
            set_lengths(&c, n == 0 ? LENGTHS_MIXED : LENGTHS_SAME, n == 0 ? 0 : lengths[n - 1]);
            add(t, &c);
            set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
            add(t, &c);
            set_causal(&c, (n + s) % 2 ? CLATTN_ALIGN_TOP_LEFT : CLATTN_ALIGN_OFFSET, offsets[n % COUNT(offsets)]);
            add(t, &c);
        }
    }
}

static void add_heads(struct table *t)
{
    static const int64_t ratios[][2] = {{2, 1}, {4, 1}, {6, 3}, {8, 2}, {8, 1}};

    for (size_t r = 0; r < COUNT(ratios); r++) {
        int64_t group = ratios[r][0] / ratios[r][1];
        const int64_t lengths[] = {1, 12 / group, 24, 97}; /* a tile ends where a head does, or within one */

        for (size_t n = 0; n < (ratios[r][0] < 8 ? COUNT(lengths) : 2); n++) {
            struct test_case c = case_make(1, ratios[r][0], ratios[r][1], lengths[n], 65, 32, 32);
            add(t, &c);
            set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
            add(t, &c);
            set_causal(&c, CLATTN_ALIGN_OFFSET, 40);
            set_lengths(&c, LENGTHS_MIXED, 0);
            add(t, &c);
        }
        for (unsigned whole = 8; whole < 16; whole++) {
            struct test_case c = case_make(2, ratios[r][0], ratios[r][1], 12 / group, 97, 32, 32);
            set_mask_shape(&c, (enum case_mask)(whole % MASK_COUNT), whole);
            add(t, &c);
        }
    }
}

static void add_tiles(struct table *t)
{
    static const int64_t tiles[][2] = {{1, 1},   {1, 64},  {64, 1},      {3, 8},    {8, 3}, {17, 17}, {64, 17},
                                       {17, 64}, {64, 64}, {1000, 1000}, {1000, 3}, {0, 8}, {64, 0}};

    for (size_t n = 0; n < COUNT(tiles); n++) {
        struct test_case c = case_make(1, 1, 1, 65, 97, 32, 32);
        c.problem.q_tile = tiles[n][0];
        c.problem.k_tile = tiles[n][1];
        add(t, &c);
        c.problem.q_len = 113;
        c.layout = LAYOUT_PADDED;
        set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
        add(t, &c);
    }
}

static void add_layouts(struct table *t)
{
    static const int64_t dims[][2] = {{64, 64}, {32, 32}, {40, 40}, {64, 32}};

    for (unsigned layout = LAYOUT_BNHD; layout < LAYOUT_RANDOM; layout++) {
        for (size_t d = 0; d < COUNT(dims); d++) {
            struct test_case c =
                case_make(2, 2, d % 2 ? 1 : 2, 65, layout == LAYOUT_PACKED ? 65 : 97, dims[d][0], dims[d][1]);
            c.layout = (enum case_layout)layout;
            add(t, &c);
            set_causal(&c, CLATTN_ALIGN_TOP_LEFT, 0);
            set_lengths(&c, LENGTHS_MIXED, 0);
            add(t, &c);
            if (d == 1) {
                set_mask_shape(&c, MASK_RANDOM, 15);
                add(t, &c);
                set_mask_shape(&c, MASK_SUFFIX, 9);
                add(t, &c);
            }
        }
    }
}

static void add_data(struct table *t)
{
    static const int64_t shapes[][2] = {{65, 97}, {97, 65}, {1, 97}};

    for (unsigned data = DATA_UNIFORM; data < DATA_COUNT; data++) {
        for (size_t s = 0; s < COUNT(shapes); s++) {
            struct test_case c = case_make(2, 2, 2, shapes[s][0], shapes[s][1], 32, 32);
            c.data = (enum case_data)data;
            set_lengths(&c, data == DATA_NANPAD ? LENGTHS_MIXED : LENGTHS_NONE, 0);
            add(t, &c);
            set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
            add(t, &c);
            set_mask_shape(&c, s == 1 ? MASK_PREFIX : MASK_SUFFIX, s == 2 ? 11 : 9);
            add(t, &c);
            c.problem.score.scale = s == 0 ? -0.05f : 0.3f;
            add(t, &c);
        }
    }
    for (unsigned n = 0; n < 10; n++) { /* where NaN hides: each kind of padding, each layout */
        struct test_case c = case_make(2, 2, n % 2 ? 1 : 2, 65, 65, 32, 32);
        c.data = DATA_NANPAD;
        c.layout = (enum case_layout)(n % LAYOUT_RANDOM);
        set_mask_shape(&c, (enum case_mask)(n % MASK_COUNT), n % 3 ? 9 : 11);
        set_lengths(&c, n < 5 ? LENGTHS_SAME : LENGTHS_MIXED, 37);
        add(t, &c);
    }
}

static void add_gradients(struct table *t)
{
    static const unsigned dq = CLATTN_BACKWARD_DQ;
    static const unsigned dk = CLATTN_BACKWARD_DK;
    static const unsigned dv = CLATTN_BACKWARD_DV;
    const unsigned subsets[] = {dq, dk, dv, dk | dv, dq | dk, dq | dv};

    for (size_t n = 0; n < COUNT(subsets); n++) {
        struct test_case c = case_make(1, 2, 1, 65, 97, 32, 32);
        c.passes = CLATTN_FORWARD | subsets[n];
        add(t, &c);
        set_causal(&c, CLATTN_ALIGN_BOTTOM_RIGHT, 0);
        add(t, &c);
        set_mask_shape(&c, MASK_RANDOM, 13);
        add(t, &c);
    }
    for (unsigned n = 0; n < 4; n++) {
        struct test_case c = case_make(1, 4, n % 2 ? 1 : 4, n < 2 ? 97 : 3, 65, 32, 32);
        c.passes = CLATTN_FORWARD;
        set_lengths(&c, LENGTHS_MIXED, 0);
        add(t, &c);
        c.want_lse = 0;
        add(t, &c);
    }
}

/* Everything at once, drawn at random from a fixed seed. */
static void add_mixtures(struct table *t)
{
    static const int64_t heads[][2] = {{1, 1}, {2, 2}, {2, 1}, {3, 3}, {4, 1}};
    static const int64_t lengths[] = {65, 80, 83, 96, 97};
    struct check_random r = {20230717};

    for (int n = 0; n < 80; n++) {
        const int64_t *head = heads[check_random_below(&r, COUNT(heads))];
        int64_t rows = n % 4 ? lengths[check_random_below(&r, COUNT(lengths))] : 1 + check_random_below(&r, 3);
        int64_t keys = n % 4 && n % 5 == 0 ? rows : lengths[check_random_below(&r, COUNT(lengths))];
        int64_t batch = 1 + check_random_below(&r, head[0] > 2 ? 1 : 2);
        struct test_case c = case_make(batch, head[0], head[1], rows, keys, 32, 32);

        c.layout = (enum case_layout)check_random_below(&r, LAYOUT_RANDOM);
        c.layout = c.layout == LAYOUT_PACKED && rows != keys ? LAYOUT_PADDED : c.layout;
        c.data = (enum case_data)check_random_below(&r, DATA_COUNT);
        if (check_random_below(&r, 2)) {
            set_causal(&c, (clattn_align)check_random_below(&r, 3), check_random_below(&r, 200) - 100);
        }
        if (check_random_below(&r, 2)) {
            set_mask_shape(&c, (enum case_mask)check_random_below(&r, 4), (unsigned)check_random_below(&r, 16));
        }
        if (check_random_below(&r, 2)) {
            set_lengths(&c, LENGTHS_MIXED, 0);
        }
        c.problem.score.scale = check_random_below(&r, 4) ? 0.0f : check_random_uniform(&r);
        add(t, &c);
    }
}

enum { NEITHER, F16, BF16, BOTH };

/* Most groups come once more in 16 bits, for one dtype or for both. Those that are about the sizes of kernels do not:
 * each of their cases would have to be compiled again. */
static const struct {
    const char *name;
    void (*add)(struct table *t);
    int slice; /* dtypes that take a slice of it */
} groups[] = {
    {"sizes", add_sizes, NEITHER},     {"causal", add_causal, NEITHER},  {"dims", add_dims, NEITHER},
    {"masks", add_masks, F16},         {"lengths", add_lengths, BOTH},   {"heads", add_heads, NEITHER},
    {"tiles", add_tiles, NEITHER},     {"layouts", add_layouts, BOTH},   {"data", add_data, BOTH},
    {"gradients", add_gradients, F16}, {"mixtures", add_mixtures, BOTH},
};

/* Lines, and slices of loops. */
static void add_dtype(struct table *t, const char *name, clattn_dtype dtype)
{
    t->group = name;
    add_lines(t);
    t->slice = dtype;
    t->turn = 0;
    for (size_t n = 0; n < COUNT(groups); n++) {
        if (groups[n].slice & (dtype == CLATTN_FLOAT16 ? F16 : BF16)) {
            groups[n].add(t);
        }
    }
    t->slice = CLATTN_FLOAT32;
}

/* Groups that are lines alone; the last name is NULL. */
static void add_lists(struct table *t, const char *const *names)
{
    for (; *names != NULL; names++) {
        t->group = *names;
        add_lines(t);
    }
}

static void add_covering(struct table *t)
{
    struct test_case cases[64];
    const size_t count = case_covering(cases, COUNT(cases));

    t->group = "pairs";
    for (size_t n = 0; n < count && n < COUNT(cases); n++) {
        add_now(t, &cases[n]);
    }
}

size_t case_table(enum case_tier tier, struct test_case *cases, size_t capacity)
{
    struct table t = {.tier = tier, .cases = cases, .capacity = capacity};

    for (size_t n = 0; n < COUNT(groups); n++) {
        t.group = groups[n].name;
        add_lines(&t);
        groups[n].add(&t);
    }
    add_lists(&t, (const char *const[]){"splits", "alibi", "busy", NULL});
    add_dtype(&t, "float16", CLATTN_FLOAT16);
    add_dtype(&t, "bfloat16", CLATTN_BFLOAT16);
    add_lists(&t, (const char *const[]){"window", "softcap", "bias", "sinks", "dlse", "maxlogit", NULL});
    add_covering(&t);
    add_lists(&t, (const char *const[]){"deep", NULL});
    return t.count;
}

size_t case_part(struct test_case *cases, size_t count, size_t part, size_t parts)
{
    size_t kept = 0;

    for (size_t n = part - 1; n < count; n += parts) {
        cases[kept++] = cases[n];
    }
    return kept;
}
