/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and writes the text of a file of tuned configurations.
 *
 *    clattn-tuned 2
 *    # device: NAME; driver: VERSION; platform: NAME
 *    engine=simt kernel=forward features=FLOAT32,CAUSAL D=64 ... log_heads=5 TILE_ROWS=64 ...
 *
 * A row has every part of its key and every tunable of its engine (tunables.c) exactly once, engine
 * first. Any other line is ignored. */
#include "select/tuned.h"

#include "select/engine.h"
#include "select/tunables.h"

#include <stdlib.h>
#include <string.h>

#define NAME(name, text) #name,
static const char *const features[FEATURE_COUNT] = {CLATTN__FEATURE_LIST(NAME)};
#undef NAME

static const struct part {
    const char *name;
    const char *const *words; /* names of the values from `least` on; NULL: numbers */
    int least, most;
} parts[TUNED_PARTS] = {
    {"engine", clattn__engine_names + CLATTN_ENGINE_SIMT, CLATTN_ENGINE_SIMT, CLATTN__ENGINE_COUNT - 1},
    {"kernel", clattn__kernel_names, 0, KERNEL_COUNT - 1},
    {"features", features, 0, 0}, /* some of the words, separated by commas */
    {"D", NULL, 1, CLATTN_MAX_HEAD_DIM},
    {"Dv", NULL, 1, CLATTN_MAX_HEAD_DIM},
    {"log_rows", NULL, 0, 63},
    {"log_cols", NULL, 0, 63},
    {"log_heads", NULL, 0, 63},
};

static const char version_line[] = "clattn-tuned 2";
enum { MOST_ROWS = 4096 };

/* ---- reading ---- */

static bool parse_number(const char *text, int least, int most, int *value)
{
    char *end;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 6)
        return false;
    const long number = strtol(text, &end, 10);
    *value = (int)number;
    return *end == '\0' && number >= least && number <= most;
}

static uint64_t feature_named(const char *text, size_t length)
{
    for (int i = 0; i < FEATURE_COUNT; ++i)
        if (strlen(features[i]) == length && memcmp(features[i], text, length) == 0)
            return (uint64_t)1 << i;
    return 0;
}

/* Each feature once, in the order of the list, so that a set has one spelling. */
static bool parse_features(const char *text, int64_t *value)
{
    uint64_t word = 0;
    for (;; ++text) {
        const size_t length = strcspn(text, ",");
        const uint64_t bit = feature_named(text, length) & ~CLATTN__NOT_TUNED;
        if (bit <= word)
            return false;
        word |= bit;
        text += length;
        if (!*text)
            break;
    }
    *value = (int64_t)word;
    return true;
}

static bool parse_part(enum clattn__tuned_part at, const char *text, int64_t *value)
{
    const struct part *part = &parts[at];
    int number = 0;
    if (at == TUNED_FEATURES)
        return parse_features(text, value);
    if (part->words) {
        number = part->least;
        while (number <= part->most && strcmp(part->words[number - part->least], text) != 0)
            ++number;
    } else if (!parse_number(text, part->least, part->most, &number)) {
        return false;
    }
    *value = number;
    return number <= part->most;
}

/* Parses NAME=TEXT into the row. Returns the bit of the name, for the set of names seen; 0: not
 * valid. */
static uint64_t parse_word(const char *name, const char *text, struct clattn__tuned *row)
{
    for (int i = 0; i < TUNED_PARTS; ++i)
        if (strcmp(parts[i].name, name) == 0)
            return parse_part((enum clattn__tuned_part)i, text, &row->part[i]) ? (uint64_t)1 << i : 0;
    const struct clattn__tunable *tunable = clattn__tunable_find((clattn_engine)row->part[TUNED_ENGINE], name);
    if (!tunable || !parse_number(text, tunable->least, tunable->most, clattn__tunable_value(tunable, &row->config)))
        return 0;
    return (uint64_t)1 << (TUNED_PARTS + (tunable - clattn__tunables));
}

static uint64_t all_words(clattn_engine engine)
{
    uint64_t all = ((uint64_t)1 << TUNED_PARTS) - 1;
    for (size_t i = 0; i < clattn__tunable_count; ++i)
        if (clattn__tunable_used(&clattn__tunables[i], engine))
            all |= (uint64_t)1 << (TUNED_PARTS + i);
    return all;
}

static bool parse_row(char *line, struct clattn__tuned *row)
{
    uint64_t seen = 0;
    memset(row, 0, sizeof *row);
    while (*line) {
        char *next = line + strcspn(line, " ");
        if (*next)
            *next++ = '\0';
        char *value = strchr(line, '=');
        if (!value || (!seen && strncmp(line, "engine=", 7) != 0))
            return false;
        *value++ = '\0';
        const uint64_t bit = parse_word(line, value, row);
        if (!bit || seen & bit)
            return false;
        seen |= bit;
        line = next;
    }
    row->config.engine = (clattn_engine)row->part[TUNED_ENGINE];
    row->config.kernel = (enum clattn__kernel)row->part[TUNED_KERNEL];
    return seen && seen == all_words(row->config.engine) && row->config.kernel != KERNEL_DELTA;
}

bool clattn__tuned_add(const clattn_allocator *allocator, struct clattn__tuned_table *table,
                       const struct clattn__tuned *row)
{
    for (size_t i = 0; i < table->count; ++i)
        if (memcmp(table->rows[i].part, row->part, sizeof row->part) == 0) {
            table->rows[i] = *row;
            return true;
        }
    if (table->count == table->capacity) {
        const size_t capacity = table->capacity ? 2 * table->capacity : 16;
        struct clattn__tuned *rows = clattn__allocate(allocator, capacity * sizeof *rows);
        if (!rows)
            return false;
        if (table->count)
            memcpy(rows, table->rows, table->count * sizeof *rows);
        clattn__release(allocator, table->rows);
        table->rows = rows;
        table->capacity = capacity;
    }
    table->rows[table->count++] = *row;
    return true;
}

bool clattn__tuned_parse(const clattn_allocator *allocator, char *text, struct clattn__tuned_table *table)
{
    bool first = true;
    while (*text) {
        char *next = text + strcspn(text, "\n");
        struct clattn__tuned row;
        if (*next)
            *next++ = '\0';
        if (first && strcmp(text, version_line) != 0)
            return true;
        if (!first && table->count < MOST_ROWS && parse_row(text, &row) && !clattn__tuned_add(allocator, table, &row))
            return false;
        first = false;
        text = next;
    }
    return true;
}

/* ---- writing ---- */

void clattn__tuned_begin(const struct clattn__device *device, struct clattn__text *text)
{
    clattn__text_add(text, "%s\n# device: %s; driver: %s; platform: %s\n", version_line, device->name, device->driver,
                     device->platform);
}

static void print_features(uint64_t word, struct clattn__text *text)
{
    const char *before = "";
    for (int i = 0; i < FEATURE_COUNT; ++i) {
        if (!(word >> i & 1))
            continue;
        clattn__text_add(text, "%s%s", before, features[i]);
        before = ",";
    }
}

void clattn__tuned_print(const struct clattn__tuned *row, struct clattn__text *text)
{
    char tunables[CLATTN__OPTIONS_MAX];
    for (int i = 0; i < TUNED_PARTS; ++i) {
        clattn__text_add(text, "%s%s=", i ? " " : "", parts[i].name);
        if (i == TUNED_FEATURES)
            print_features((uint64_t)row->part[i], text);
        else if (parts[i].words)
            clattn__text_add(text, "%s", parts[i].words[row->part[i] - parts[i].least]);
        else
            clattn__text_add(text, "%d", (int)row->part[i]);
    }
    clattn__tunables_print(&row->config, " ", tunables, sizeof tunables);
    clattn__text_add(text, "%s\n", tunables);
}
