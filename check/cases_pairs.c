/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of several options. Each option has levels, the first of which is the default. A row of one level each is a
 * case: of sizes at which every engine has several tiles, and small ones, since compilers take the time. */
#include "cases.h"
#include "random.h"

#include <stdio.h>
#include <string.h>

/* TRIES: rows of which the one that covers most is taken. LEVELS: at least those of all options together. */
enum { MOST_LEVELS = 6, TRIES = 400, LEVELS = 64 };

/* An N or M in the words is the number of queries or keys. A gradient is computed beside those of "gradients". */
struct level {
    const char *words;
    unsigned gradient;
};

/* An option; it has no level after one without words. */
struct option {
    const char *name;
    struct level levels[MOST_LEVELS];
};

enum { OPTION_QUERIES, OPTION_LAYOUT, QUERIES_FEW = 1, LAYOUT_LEVEL_PACKED = 2 };

static const struct option options[] = {
    [OPTION_QUERIES] = {"queries", {{"n65", 0}, {"n3", 0}}},
    [OPTION_LAYOUT] =
        {"layout", {{" ", 0}, {"layout=bnhd", 0}, {"layout=packed", 0}, {"layout=padded", 0}, {"layout=broadcast", 0}}},
    {"heads", {{"h4", 0}, {"h4/2", 0}}},
    {"dtype", {{" ", 0}, {"dtype=f16", 0}, {"dtype=bf16", 0}}},
    {"gradients", {{" ", 0}, {"grad=none", 0}, {"grad=dq", 0}, {"grad=dk,dv", 0}}},
    {"diagonal", {{" ", 0}, {"causal", 0}, {"causal align=top-left", 0}, {"align=-3", 0}}},
    {"window", {{" ", 0}, {"window=30,9", 0}, {"window=-1,20", 0}}},
    {"mask", {{" ", 0}, {"mask=2,1,N,M", 0}, {"mask=suffix:2,1,1,M", 0}, {"mask=deadrows:1,4,N,M", 0}}},
    {"key lengths", {{" ", 0}, {"kvlen", 0}, {"kvlen data=nanpad", 0}}},
    {"scale", {{" ", 0}, {"scale=-0.4", 0}}},
    {"softcap", {{" ", 0}, {"softcap=2", 0}}},
    {"bias",
     {{" ", 0},
      {"bias=2,4,N,M", CLATTN_BACKWARD_DBIAS},
      {"bias=hide:1,4,N,M", 0},
      {"bias=f32:2,1,1,M", CLATTN_BACKWARD_DBIAS}}},
    {"alibi", {{" ", 0}, {"alibi=usual:1,4", 0}, {"alibi=varied:2,4", 0}}},
    {"sinks", {{" ", 0}, {"sink=normal", CLATTN_BACKWARD_DSINK}, {"sink=large", 0}}},
    {"dlse", {{" ", 0}, {"dlse", 0}}},
    {"largest logits", {{" ", 0}, {"maxlogit", 0}}},
    {"splits", {{" ", 0}, {"splits=3", 0}}},
};

enum { OPTIONS = sizeof options / sizeof options[0] };

static int level_count(int option)
{
    int count = 0;

    while (count < MOST_LEVELS && options[option].levels[count].words != NULL) {
        count++;
    }
    return count;
}

/* ---- rows as cases ---- */

/* Appends words, N and M as numbers. */
static void append(char *line, const char *words, int n, int m)
{
    size_t used = strlen(line);

    for (; *words != '\0' && used + 8 < CASE_LINE_SIZE; words++) {
        if (*words == 'N' || *words == 'M') {
            used += (size_t)snprintf(line + used, CASE_LINE_SIZE - used, "%d", *words == 'N' ? n : m);
        } else {
            line[used++] = *words;
        }
    }
    line[used++] = ' ';
    line[used] = '\0';
}

/* *c is of batch 0, which no problem is, if the words are wrong. */
static struct test_case make_case(const int row[OPTIONS], const char *group)
{
    const int n = row[OPTION_QUERIES] == QUERIES_FEW ? 3 : 65;
    const int m = row[OPTION_LAYOUT] == LAYOUT_LEVEL_PACKED ? n : n == 3 ? 150 : 97;
    char line[CASE_LINE_SIZE] = "";
    char error[CASE_LINE_SIZE];
    unsigned gradients = 0;
    struct test_case c;

    append(line, "b2 mM d16", n, m);
    for (int o = 0; o < OPTIONS; o++) {
        append(line, options[o].levels[row[o]].words, n, m);
        gradients |= options[o].levels[row[o]].gradient;
    }
    if (case_parse(line, &c, error) != 0) {
        return case_make(0, 0, 0, 0, 0, 0, 0);
    }
    c.passes = (c.passes & (CLATTN_FORWARD | CLATTN_BACKWARD)) | gradients;
    c.group = group;
    return c;
}

struct test_case case_mix(uint64_t seed)
{
    struct check_random r = {seed};
    int row[OPTIONS];
    struct test_case c;

    r.state = check_random_bits(&r); /* else consecutive seeds draw from overlapping sequences */
    for (int o = 0; o < OPTIONS; o++) {
        row[o] = (int)check_random_below(&r, level_count(o));
    }
    c = make_case(row, "mixes");
    c.seed = 1 + (seed & UINT32_MAX);
    return c;
}

size_t case_pairs(struct test_case *cases, size_t capacity)
{
    size_t count = 0;

    for (int a = 0; a < OPTIONS; a++) {
        for (int b = a + 1; b < OPTIONS; b++) {
            const int of_a = level_count(a), of_b = level_count(b);

            for (int pair = 0; pair < of_a * of_b; pair++) {
                int row[OPTIONS] = {0};

                row[a] = pair / of_b;
                row[b] = pair % of_b;
                if (row[a] != 0 && row[b] != 0 && count++ < capacity) {
                    cases[count - 1] = make_case(row, options[a].name);
                    cases[count - 1].seed = count;
                }
            }
        }
    }
    return count;
}

/* ---- all pairs in few cases ---- */

/* Which pairs of levels have a case; a level's number counts those of the options before. */
struct cover {
    unsigned char has[LEVELS][LEVELS];
    int first[OPTIONS]; /* number of each option's level 0 */
    int missing;
};

static void start(struct cover *cover)
{
    int levels = 0;

    memset(cover, 0, sizeof *cover);
    for (int o = 0; o < OPTIONS; o++) {
        cover->first[o] = levels;
        cover->missing += levels * level_count(o);
        levels += level_count(o);
    }
}

/* Pairs without a case that the level makes with those of the row; -1 in a row: no level yet. */
static int gain(const struct cover *cover, const int row[OPTIONS], int option, int level)
{
    int pairs = 0;

    for (int o = 0; o < OPTIONS; o++) {
        if (o != option && row[o] >= 0) {
            pairs += !cover->has[cover->first[option] + level][cover->first[o] + row[o]];
        }
    }
    return pairs;
}

/* Fills a row, option by option in any order, each with the level that gains most; of equals any. Returns the gain. */
static int fill(const struct cover *cover, struct check_random *r, int row[OPTIONS])
{
    int order[OPTIONS];
    int pairs = 0;

    for (int o = 0; o < OPTIONS; o++) {
        const int other = (int)check_random_below(r, o + 1);

        order[o] = o;
        order[o] = order[other];
        order[other] = o;
        row[o] = -1;
    }
    for (int n = 0; n < OPTIONS; n++) {
        const int o = order[n], count = level_count(o), offset = (int)check_random_below(r, count);
        int best = -1;

        for (int l = 0; l < count; l++) {
            const int level = (l + offset) % count, gained = gain(cover, row, o, level);

            if (gained > best) {
                best = gained;
                row[o] = level;
            }
        }
        pairs += best;
    }
    return pairs;
}

static void mark(struct cover *cover, const int row[OPTIONS])
{
    for (int a = 0; a < OPTIONS; a++) {
        for (int b = 0; b < a; b++) {
            const int x = cover->first[a] + row[a], y = cover->first[b] + row[b];

            cover->missing -= !cover->has[x][y];
            cover->has[x][y] = cover->has[y][x] = 1;
        }
    }
}

size_t case_covering(struct test_case *cases, size_t capacity)
{
    struct check_random r = {1};
    struct cover cover;
    size_t count = 0;

    start(&cover);
    while (cover.missing > 0) {
        int best[OPTIONS] = {0}, row[OPTIONS];
        int most = 0;

        for (int n = 0; n < TRIES; n++) {
            const int pairs = fill(&cover, &r, row);

            if (pairs > most) {
                most = pairs;
                memcpy(best, row, sizeof best);
            }
        }
        if (most > 0) {
            mark(&cover, best);
            if (count++ < capacity) {
                cases[count - 1] = make_case(best, "pairs");
            }
        }
    }
    return count;
}
