/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include "nn.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bytes {
    unsigned char *data;
    size_t count;
};

static void append(struct bytes *bytes, const unsigned char *data, size_t count)
{
    if (count == 0)
        return;
    bytes->data = realloc(bytes->data, bytes->count + count);
    if (!bytes->data)
        nn_fail("realloc", "no memory");
    memcpy(bytes->data + bytes->count, data, count);
    bytes->count += count;
}

static struct bytes read_file(const char *path)
{
    unsigned char part[4096];
    struct bytes whole = {NULL, 0};
    FILE *file = fopen(path, "rb");
    if (!file)
        nn_fail(path, "cannot be read; --text FILE names another text");
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        append(&whole, part, got);
    if (ferror(file))
        nn_fail(path, "cannot be read");
    fclose(file);
    return whole;
}

static void count_bytes(const struct bytes *bytes, size_t counts[256])
{
    for (size_t i = 0; i < bytes->count; ++i)
        ++counts[bytes->data[i]];
}

/* Makes an entry of each byte that occurs; entry_of[byte] is its index. */
static void make_vocabulary(struct text *text, const size_t counts[256], size_t total, int32_t entry_of[256])
{
    for (int byte = 0; byte < 256; ++byte)
        if (counts[byte] > 0) {
            const double p = (double)counts[byte] / (double)total;
            text->entropy -= p * log(p);
            text->bytes[text->vocabulary] = (unsigned char)byte;
            entry_of[byte] = (int32_t)text->vocabulary++;
        }
}

static int32_t *to_entries(const struct bytes *bytes, const int32_t entry_of[256])
{
    int32_t *entries = malloc(bytes->count * sizeof *entries);
    if (!entries)
        nn_fail("malloc", "no memory");
    for (size_t i = 0; i < bytes->count; ++i)
        entries[i] = entry_of[bytes->data[i]];
    return entries;
}

struct text text_read(const char *const *paths, size_t count, size_t window)
{
    struct text text = {0};
    struct bytes training = {NULL, 0}, held_out = {NULL, 0};
    size_t counts[256] = {0};
    int32_t entry_of[256] = {0};
    for (size_t i = 0; i < count; ++i) {
        struct bytes file = read_file(paths[i]);
        const size_t first = file.count - file.count / 10;
        append(&training, file.data, first);
        append(&held_out, file.data + first, file.count - first);
        free(file.data);
    }
    if (training.count <= window || held_out.count <= window)
        nn_fail("--text", "the text is too short for this --length");
    count_bytes(&training, counts);
    count_bytes(&held_out, counts);
    make_vocabulary(&text, counts, training.count + held_out.count, entry_of);
    text.training = to_entries(&training, entry_of);
    text.held_out = to_entries(&held_out, entry_of);
    text.training_count = training.count;
    text.held_out_count = held_out.count;
    free(training.data);
    free(held_out.data);
    return text;
}

void text_free(struct text *text)
{
    free(text->training);
    free(text->held_out);
}
