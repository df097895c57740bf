/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: parses the text of a file of tuned configurations. Accepted rows go through all that
 * plans do with them, except OpenCL calls, for problems and devices of several sizes: no crash, no
 * division by zero, nothing that exceeds the device. Printing a row must give the text that was
 * read. */
#include "select/choose.h"
#include "select/engine.h"
#include "select/split.h"
#include "select/tunables.h"
#include "select/tuned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const clattn_allocator heap = {0};

static const struct clattn__device devices[] = {
    {.type = CL_DEVICE_TYPE_GPU, .local_bytes = 227 << 10, .max_group = 1024, .float_width = 1, .compute_units = 132},
    {.type = CL_DEVICE_TYPE_GPU, .local_bytes = 16 << 10, .max_group = 64, .float_width = 4, .compute_units = 1},
    {.type = CL_DEVICE_TYPE_CPU, .local_bytes = 8 << 20, .max_group = 4096, .float_width = 16, .compute_units = 2},
};

/* The `turn`-th of several problems that the row is for. */
static clattn_problem problem_of(const int64_t part[TUNED_PARTS], int turn)
{
    const uint64_t features = (uint64_t)part[TUNED_FEATURES];
    static const int64_t lengths[] = {1, 3, 16, 40, 100, 5000};
    clattn_problem p = CLATTN_PROBLEM_INIT;

    p.batch = 1 + turn % 3;
    p.kv_heads = 2;
    p.q_heads = features & CLATTN__FEATURE(PACKED_HEADS) ? 6 : 2;
    p.q_len = lengths[turn % 6];
    p.kv_len = lengths[(turn * 5 + 3) % 6];
    p.qk_dim = part[TUNED_D];
    p.v_dim = part[TUNED_DV];
    p.dtype = features & CLATTN__FEATURE(FLOAT16)    ? CLATTN_FLOAT16
              : features & CLATTN__FEATURE(BFLOAT16) ? CLATTN_BFLOAT16
                                                     : CLATTN_FLOAT32;
    p.score.causal = features & CLATTN__FEATURE(CAUSAL) ? 1 : 0;
    if (features & (CLATTN__FEATURE(MASK_PADDING) | CLATTN__FEATURE(MASK_FULL))) {
        p.score.mask_dim[0] = p.score.mask_dim[1] = 1;
        p.score.mask_dim[2] = features & CLATTN__FEATURE(MASK_PADDING) ? 1 : p.q_len;
        p.score.mask_dim[3] = p.kv_len;
    }
    p.q_tile = turn == 7 ? 9 : 0;
    p.k_tile = turn == 9 ? 5 : 0;
    p.kv_splits = turn % 4;
    return p;
}

/* Does what plans do with a configuration. */
static void use(const struct clattn__config *config, const struct clattn__device *device, const clattn_problem *problem)
{
    char options[CLATTN__OPTIONS_MAX];

    clattn__config_options(config, options);
    if (strlen(options) + 1 >= sizeof options || config->local_bytes > device->local_bytes || config->group_size == 0 ||
        config->group_size > device->max_group || config->splits < 1 || clattn__config_groups(config, problem) == 0 ||
        clattn__solver_of(config) == NULL) {
        abort();
    }
    if (clattn__partials_bytes(problem, config->splits) != 0 && config->splits == 1) {
        abort();
    }
#ifdef PLANTED_BUG
    if (64 / (config->depth_step / 8) > 64) { /* the planted bug: no depth step below 8 */
        abort();
    }
#endif
}

static void use_row(const struct clattn__tuned_table *table, const int64_t part[TUNED_PARTS])
{
    const clattn_engine engine = (clattn_engine)part[TUNED_ENGINE];

    for (int turn = 0; turn < 12; turn++) {
        const clattn_problem problem = problem_of(part, turn);

        for (size_t n = 0; n < sizeof devices / sizeof devices[0]; n++) {
            struct clattn__config config = {.kernel = (enum clattn__kernel)part[TUNED_KERNEL],
                                            .want_dk = turn % 2 != 0,
                                            .want_dv = turn % 2 == 0 || turn % 3 == 0};

            if (clattn__tuned_nearest(table, &devices[n], engine, &problem, &config)) {
                use(&config, &devices[n], &problem);
            }
        }
    }
}

static void print_and_read(const struct clattn__tuned_table *table)
{
    struct clattn__text text = {.allocator = &heap};
    struct clattn__tuned_table again = {0};

    clattn__tuned_begin(&devices[0], &text);
    for (size_t n = 0; n < table->count; n++) {
        clattn__tuned_print(&table->rows[n], &text);
    }
    if (text.failed || !clattn__tuned_parse(&heap, text.chars, &again) || again.count != table->count) {
        abort();
    }
    for (size_t n = 0; n < table->count; n++) {
        if (memcmp(again.rows[n].part, table->rows[n].part, sizeof again.rows[n].part) != 0 ||
            !clattn__tunables_equal(&again.rows[n].config, &table->rows[n].config)) {
            abort();
        }
    }
    clattn__text_free(&text);
    free(again.rows);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    struct clattn__tuned_table table = {0};
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (!clattn__tuned_parse(&heap, text, &table)) {
        abort();
    }
    for (size_t n = 0; n < table.count; n++) {
        use_row(&table, table.rows[n].part);
    }
    print_and_read(&table);
    free(table.rows);
    free(text);
    return 0;
}

/* ---- how inputs change: random bytes seldom make another row, other numbers do ---- */

size_t LLVMFuzzerMutate(unsigned char *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t capacity, unsigned seed);

/* The first digit of the `which`-th "=NUMBER"; NULL if there are fewer. */
static char *find_number(char *text, unsigned which)
{
    for (char *at = strchr(text, '='); at != NULL; at = strchr(at + 1, '=')) {
        if (at[1] >= '0' && at[1] <= '9' && which-- == 0) {
            return at + 1;
        }
    }
    return NULL;
}

size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t capacity, unsigned seed)
{
    static const long fixed[] = {0, 1, 2, 3, 4, 5, 8, 12, 16, 64, 128, 512, 4096};
    char *text = calloc(1, size + 32);
    char *number;
    size_t used = size;

    if (text == NULL || seed % 4 == 0) {
        free(text);
        return LLVMFuzzerMutate(data, size, capacity);
    }
    memcpy(text, data, size);
    number = find_number(text, seed / 4 % 32);
    if (number == NULL) {
        used = LLVMFuzzerMutate(data, size, capacity);
    } else {
        char *rest = NULL;
        const long value = strtol(number, &rest, 10);
        const unsigned way = seed / 128 % 16;
        const long changed = way == 13 ? value * 2 : way == 14 ? value / 2 : way == 15 ? value + 1 : fixed[way];
        char word[32];
        const size_t length = (size_t)snprintf(word, sizeof word, "%ld", changed);
        const size_t after = strlen(rest);

        if ((size_t)(number - text) + length + after <= capacity) {
            memmove(number + length, rest, after + 1);
            memcpy(number, word, length);
            used = strlen(text);
            memcpy(data, text, used);
        }
    }
    free(text);
    return used;
}
