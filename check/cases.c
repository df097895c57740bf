/* SPDX-License-Identifier: Apache-2.0 */
#include "cases.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const layout_names[LAYOUT_COUNT] = {"bhnd", "bnhd", "packed", "padded", "broadcast", "random"};
static const char *const data_names[DATA_COUNT] = {"normal", "uniform", "large", "rising", "equal", "nanpad"};
static const char *const mask_names[MASK_COUNT] = {"random", "prefix", "suffix", "deadrows", "false"};
static const char *const alibi_names[ALIBI_COUNT] = {"usual", "varied"};
static const char *const bias_names[BIAS_COUNT] = {"normal", "f32", "hide"};
static const char *const sink_names[SINK_COUNT] = {"normal", "large", "none"};
static const char *const dtype_names[3] = {"f32", "f16", "bf16"}; /* f32 is the default, not printed */
static const char size_letters[] = "bhnmd";
static const char *const align_names[2] = {"bottom-right", "top-left"};

static const struct {
    const char *name;
    unsigned pass;
} gradients[] = {{"dq", CLATTN_BACKWARD_DQ},
                 {"dk", CLATTN_BACKWARD_DK},
                 {"dv", CLATTN_BACKWARD_DV},
                 {"dbias", CLATTN_BACKWARD_DBIAS},
                 {"dsink", CLATTN_BACKWARD_DSINK}};

enum { GRADIENTS = sizeof gradients / sizeof gradients[0], ALL_GRADIENTS = CASE_GRADIENTS };

struct test_case case_make(int64_t b, int64_t hq, int64_t hk, int64_t n, int64_t m, int64_t d, int64_t dv)
{
    struct test_case c = {.problem = CLATTN_PROBLEM_INIT,
                          .passes = CLATTN_FORWARD | CLATTN_BACKWARD,
                          .want_lse = 1,
                          .tier = TIER_FULL,
                          .group = "line"};

    c.problem.batch = b;
    c.problem.q_heads = hq;
    c.problem.kv_heads = hk;
    c.problem.q_len = n;
    c.problem.kv_len = m;
    c.problem.qk_dim = d;
    c.problem.v_dim = dv;
    return c;
}

double case_flops(const struct test_case *c)
{
    const clattn_problem *p = &c->problem;
    double pairs = (double)p->batch * (double)p->q_heads * (double)p->q_len * (double)p->kv_len;
    double d = (double)p->qk_dim;
    double dv = (double)p->v_dim;

    return 2.0 * pairs *
           ((c->passes & CLATTN_FORWARD ? d + dv : 0.0) + (c->passes & CLATTN_BACKWARD ? 3.0 * d + 2.0 * dv : 0.0));
}

/* ---- print ---- */

/* Appends a word to the line, after a space unless it is the first. */
static void put(char *line, const char *format, ...)
{
    size_t used = strlen(line);
    va_list arguments;

    if (used > 0 && used + 1 < CASE_LINE_SIZE) {
        line[used++] = ' ';
    }
    va_start(arguments, format);
    vsnprintf(line + used, CASE_LINE_SIZE - used, format, arguments);
    va_end(arguments);
}

/* Appends a pair of sizes; omits the second where both are equal. */
static void put_pair(char *line, char letter, int64_t first, int64_t second)
{
    if (first == second) {
        put(line, "%c%lld", letter, (long long)first);
    } else {
        put(line, "%c%lld/%lld", letter, (long long)first, (long long)second);
    }
}

static void put_visibility(char *line, const struct test_case *c)
{
    const clattn_problem *p = &c->problem;
    const int64_t *dim = p->score.mask_dim;

    if (p->score.causal) {
        put(line, "causal");
    }
    if (p->score.align == CLATTN_ALIGN_OFFSET) {
        put(line, "align=%lld", (long long)p->score.offset);
    } else if (p->score.align != CLATTN_ALIGN_BOTTOM_RIGHT) {
        put(line, "align=%s", align_names[1]);
    }
    if (p->score.window) {
        put(line, "window=%lld,%lld", (long long)p->score.window_left, (long long)p->score.window_right);
    }
    if (dim[0] != 0) {
        put(line, "mask=%s:%lld,%lld,%lld,%lld", mask_names[c->mask], (long long)dim[0], (long long)dim[1],
            (long long)dim[2], (long long)dim[3]);
    }
    if (p->score.alibi_dim[0] != 0) {
        put(line, "alibi=%s:%lld,%lld", alibi_names[c->alibi], (long long)p->score.alibi_dim[0],
            (long long)p->score.alibi_dim[1]);
    }
    if (p->score.bias_dim[0] != 0) {
        dim = p->score.bias_dim;
        put(line, "bias=%s:%lld,%lld,%lld,%lld", bias_names[c->bias], (long long)dim[0], (long long)dim[1],
            (long long)dim[2], (long long)dim[3]);
    }
    if (p->score.sinks) {
        put(line, "sink=%s", sink_names[c->sink]);
    }
    if (p->score.dlse) {
        put(line, "dlse");
    }
    if (p->score.max_logit) {
        put(line, "maxlogit");
    }
    if (p->kv_lengths && c->lengths == LENGTHS_SAME) {
        put(line, "kvlen=%ld", (long)c->kv_length);
    } else if (p->kv_lengths) {
        put(line, "kvlen");
    }
}

static unsigned all_gradients(const struct test_case *c)
{
    return CLATTN_BACKWARD | (c->problem.score.bias_dim[0] != 0 ? CLATTN_BACKWARD_DBIAS : 0u) |
           (c->problem.score.sinks ? CLATTN_BACKWARD_DSINK : 0u);
}

static void put_gradients(char *line, const struct test_case *c)
{
    char list[32] = "";

    for (int n = 0; n < GRADIENTS; n++) {
        if (c->passes & gradients[n].pass) {
            strcat(list, list[0] != '\0' ? "," : "");
            strcat(list, gradients[n].name);
        }
    }
    put(line, "grad=%s", list[0] != '\0' ? list : "none");
}

char *case_print(const struct test_case *c, char *line)
{
    const clattn_problem *p = &c->problem;

    line[0] = '\0';
    put(line, "b%lld", (long long)p->batch);
    put_pair(line, 'h', p->q_heads, p->kv_heads);
    put(line, "n%lld", (long long)p->q_len);
    put(line, "m%lld", (long long)p->kv_len);
    put_pair(line, 'd', p->qk_dim, p->v_dim);
    if (p->dtype != CLATTN_FLOAT32) {
        put(line, "dtype=%s", dtype_names[p->dtype]);
    }
    put_visibility(line, c);
    if (c->layout != LAYOUT_BHND) {
        put(line, "layout=%s", layout_names[c->layout]);
    }
    if (c->data != DATA_NORMAL) {
        put(line, "data=%s", data_names[c->data]);
    }
    if (p->q_tile != 0 || p->k_tile != 0) {
        put(line, "tile=%lldx%lld", (long long)p->q_tile, (long long)p->k_tile);
    }
    if (p->kv_splits != 0) {
        put(line, "splits=%lld", (long long)p->kv_splits);
    }
    if (p->score.scale != 0.0f) {
        put(line, "scale=%.9g", (double)p->score.scale);
    }
    if (p->score.softcap != 0.0f) {
        put(line, "softcap=%.9g", (double)p->score.softcap);
    }
    if (!c->want_lse) {
        put(line, "nolse");
    } else if ((c->passes & ALL_GRADIENTS) != all_gradients(c)) {
        put_gradients(line, c);
    }
    if (c->seed != 0) {
        put(line, "seed=%llu", (unsigned long long)c->seed);
    }
    return line;
}

/* ---- parse ---- */

/* Reads `count` integers with `separator` between them. Returns 1 if the text holds exactly these,
 * else 0. */
static int read_numbers(const char *text, char separator, int count, int64_t *numbers)
{
    for (int n = 0; n < count; n++) {
        char *end;

        errno = 0;
        numbers[n] = strtoll(text, &end, 10);
        if (end == text || errno != 0 || *end != (n + 1 < count ? separator : '\0')) {
            return 0;
        }
        text = end + 1;
    }
    return 1;
}

/* The index of the first `length` characters of `text` among the names, or -1. */
static int find_name(const char *const *names, int count, const char *text, size_t length)
{
    for (int n = 0; n < count; n++) {
        if (strlen(names[n]) == length && memcmp(names[n], text, length) == 0) {
            return n;
        }
    }
    return -1;
}

/* b2, h4, h4/2, n7, m9, d64, d64/32. Sets the size's bit in *seen. */
static int parse_size(const char *word, struct test_case *c, unsigned *seen)
{
    clattn_problem *p = &c->problem;
    int64_t *const targets[5][2] = {
        {&p->batch, NULL}, {&p->q_heads, &p->kv_heads}, {&p->q_len, NULL}, {&p->kv_len, NULL}, {&p->qk_dim, &p->v_dim}};
    int which = (int)(strchr(size_letters, word[0]) - size_letters);
    int paired = targets[which][1] != NULL;
    int64_t pair[2];

    if (!paired || strchr(word, '/') == NULL) {
        if (!read_numbers(word + 1, '/', 1, pair)) {
            return 0;
        }
        pair[1] = pair[0];
    } else if (!read_numbers(word + 1, '/', 2, pair)) {
        return 0;
    }
    *targets[which][0] = pair[0];
    if (paired) {
        *targets[which][1] = pair[1];
    }
    *seen |= 1u << which;
    return 1;
}

static int parse_align(const char *value, struct test_case *c)
{
    int named = find_name(align_names, 2, value, strlen(value));

    if (named >= 0) {
        c->problem.score.align = named == 0 ? CLATTN_ALIGN_BOTTOM_RIGHT : CLATTN_ALIGN_TOP_LEFT;
        return 1;
    }
    c->problem.score.align = CLATTN_ALIGN_OFFSET;
    return read_numbers(value, ',', 1, &c->problem.score.offset);
}

static int parse_window(const char *value, struct test_case *c)
{
    int64_t ends[2] = {0, 0};
    int good = read_numbers(value, ',', 2, ends);

    c->problem.score.window = 1;
    c->problem.score.window_left = ends[0];
    c->problem.score.window_right = ends[1];
    return good;
}

static int parse_mask(const char *value, struct test_case *c)
{
    const char *colon = strchr(value, ':');
    int kind = colon != NULL ? find_name(mask_names, MASK_COUNT, value, (size_t)(colon - value)) : MASK_RANDOM;

    c->mask = kind >= 0 ? (enum case_mask)kind : MASK_RANDOM;
    return kind >= 0 && read_numbers(colon != NULL ? colon + 1 : value, ',', 4, c->problem.score.mask_dim);
}

static int parse_alibi(const char *value, struct test_case *c)
{
    const char *colon = strchr(value, ':');
    int kind = colon != NULL ? find_name(alibi_names, ALIBI_COUNT, value, (size_t)(colon - value)) : ALIBI_USUAL;

    c->alibi = kind >= 0 ? (enum case_alibi)kind : ALIBI_USUAL;
    return kind >= 0 && read_numbers(colon != NULL ? colon + 1 : value, ',', 2, c->problem.score.alibi_dim);
}

static int parse_bias(const char *value, struct test_case *c)
{
    const char *colon = strchr(value, ':');
    int kind = colon != NULL ? find_name(bias_names, BIAS_COUNT, value, (size_t)(colon - value)) : BIAS_NORMAL;

    c->bias = kind >= 0 ? (enum case_bias)kind : BIAS_NORMAL;
    c->problem.score.bias_float32 = c->bias == BIAS_FLOAT32;
    return kind >= 0 && read_numbers(colon != NULL ? colon + 1 : value, ',', 4, c->problem.score.bias_dim);
}
static int parse_sink(const char *value, struct test_case *c)
{
    int named = find_name(sink_names, SINK_COUNT, value, strlen(value));

    c->problem.score.sinks = 1;
    c->sink = named >= 0 ? (enum case_sink)named : SINK_NORMAL;
    return named >= 0;
}

static int parse_length(const char *value, struct test_case *c)
{
    int64_t length;

    if (!read_numbers(value, ',', 1, &length) || length < INT32_MIN || length > INT32_MAX) {
        return 0;
    }
    c->problem.kv_lengths = 1;
    c->lengths = LENGTHS_SAME;
    c->kv_length = (int32_t)length;
    return 1;
}

static int parse_dtype(const char *value, struct test_case *c)
{
    int named = find_name(dtype_names, 3, value, strlen(value));

    c->problem.dtype = named >= 0 ? (clattn_dtype)named : CLATTN_FLOAT32;
    return named >= 0;
}

static int parse_layout(const char *value, struct test_case *c)
{
    int named = find_name(layout_names, LAYOUT_COUNT, value, strlen(value));

    c->layout = named >= 0 ? (enum case_layout)named : LAYOUT_BHND;
    return named >= 0;
}

static int parse_data(const char *value, struct test_case *c)
{
    int named = find_name(data_names, DATA_COUNT, value, strlen(value));

    c->data = named >= 0 ? (enum case_data)named : DATA_NORMAL;
    return named >= 0;
}

static int parse_tile(const char *value, struct test_case *c)
{
    int64_t tile[2] = {0, 0};
    int good = read_numbers(value, 'x', 2, tile);

    c->problem.q_tile = tile[0];
    c->problem.k_tile = tile[1];
    return good;
}

static int parse_splits(const char *value, struct test_case *c)
{
    return read_numbers(value, ',', 1, &c->problem.kv_splits);
}

static int parse_scale(const char *value, struct test_case *c)
{
    char *end;

    c->problem.score.scale = strtof(value, &end);
    return end != value && *end == '\0';
}

static int parse_softcap(const char *value, struct test_case *c)
{
    char *end;

    c->problem.score.softcap = strtof(value, &end);
    return end != value && *end == '\0';
}

static int parse_seed(const char *value, struct test_case *c)
{
    char *end;

    errno = 0;
    c->seed = strtoull(value, &end, 10);
    return isdigit((unsigned char)value[0]) && errno == 0 && *end == '\0';
}

/* "none", or names separated by commas */
static int parse_gradients(const char *value, struct test_case *c)
{
    c->passes = CLATTN_FORWARD;
    if (strcmp(value, "none") == 0) {
        return 1;
    }
    for (;;) {
        size_t length = strcspn(value, ",");
        int n = 0;

        while (n < GRADIENTS &&
               !(length == strlen(gradients[n].name) && memcmp(value, gradients[n].name, length) == 0)) {
            n++;
        }
        if (n == GRADIENTS) {
            return 0;
        }
        c->passes |= gradients[n].pass;
        if (value[length] == '\0') {
            return 1;
        }
        value += length + 1;
    }
}

static const struct {
    const char *name; /* with the = */
    int (*parse)(const char *value, struct test_case *c);
} options[] = {
    {"dtype=", parse_dtype},  {"align=", parse_align},     {"mask=", parse_mask},      {"window=", parse_window},
    {"kvlen=", parse_length}, {"layout=", parse_layout},   {"data=", parse_data},      {"tile=", parse_tile},
    {"scale=", parse_scale},  {"seed=", parse_seed},       {"grad=", parse_gradients}, {"splits=", parse_splits},
    {"alibi=", parse_alibi},  {"softcap=", parse_softcap}, {"bias=", parse_bias},      {"sink=", parse_sink}};

static int parse_word(const char *word, struct test_case *c, unsigned *seen)
{
    for (size_t n = 0; n < sizeof options / sizeof options[0]; n++) {
        if (strncmp(word, options[n].name, strlen(options[n].name)) == 0) {
            return options[n].parse(word + strlen(options[n].name), c);
        }
    }
    if (strcmp(word, "causal") == 0) {
        c->problem.score.causal = 1;
    } else if (strcmp(word, "dlse") == 0) {
        c->problem.score.dlse = 1;
    } else if (strcmp(word, "maxlogit") == 0) {
        c->problem.score.max_logit = 1;
    } else if (strcmp(word, "kvlen") == 0) {
        c->problem.kv_lengths = 1;
        c->lengths = LENGTHS_MIXED;
    } else if (strcmp(word, "nolse") == 0) {
        c->want_lse = 0;
        c->passes = CLATTN_FORWARD;
    } else {
        return strchr(size_letters, word[0]) != NULL && parse_size(word, c, seen);
    }
    return 1;
}

int case_parse(const char *line, struct test_case *c, char *error)
{
    static const char blank[] = " \t\r\n";
    char word[CASE_LINE_SIZE];
    unsigned seen = 0;

    *c = case_make(0, 0, 0, 0, 0, 0, 0);
    c->passes |= ALL_GRADIENTS;
    for (line += strspn(line, blank); *line != '\0'; line += strspn(line, blank)) {
        size_t length = strcspn(line, blank);
        size_t kept = length < sizeof word ? length : sizeof word - 1;

        memcpy(word, line, kept);
        word[kept] = '\0';
        if (!parse_word(word, c, &seen)) {
            snprintf(error, CASE_LINE_SIZE, "not a word of a test case: \"%.200s\"", word);
            return -1;
        }
        line += length;
    }
    if (c->passes == (CLATTN_FORWARD | ALL_GRADIENTS)) { /* grad= is not given */
        c->passes = CLATTN_FORWARD | all_gradients(c);
    }
    for (int n = 0; n < 5; n++) {
        if (!(seen & 1u << n)) {
            snprintf(error, CASE_LINE_SIZE, "a test case needs b, h, n, m and d: there is no %c", size_letters[n]);
            return -1;
        }
    }
    return 0;
}
