/* SPDX-License-Identifier: Apache-2.0 */
#include "input_files.h"

#include "half.h"
#include "message.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* ---- shapes ---- */

int input_bad_shape(const input_file *input, const char *allowed, ...)
{
    char shape[NPY_SHAPE_TEXT];
    char text[256];
    const npy_header *header = &input->file.header;
    va_list arguments;
    va_start(arguments, allowed);
    vsnprintf(text, sizeof text, allowed, arguments);
    va_end(arguments);
    return bad_input("%s %s: shape %s; allowed: %s", input->option, input->path,
                     npy_shape_text(header->rank, header->dim, shape), text);
}

int input_check_sizes(const input_file *input, const input_size *list, size_t count)
{
    char shape[NPY_SHAPE_TEXT];
    const npy_header *header = &input->file.header;
    for (size_t i = 0; i < count; i++) {
        if (header->dim[list[i].axis] != (uint64_t)list[i].size) {
            return bad_input("%s %s: shape %s, found %s = %" PRIu64 "; allowed: %" PRId64 ", as %s has it",
                             input->option, input->path, npy_shape_text(header->rank, header->dim, shape), list[i].name,
                             header->dim[list[i].axis], list[i].size, list[i].from);
        }
    }
    return -1;
}

int64_t score_size(const score_sizes *sizes, char letter)
{
    return letter == 'B' ? sizes->b : letter == 'H' ? sizes->h : letter == 'N' ? sizes->n : sizes->m;
}

/* "(2, 203)" */
static const char *shape_of_letters(const char *letters, const score_sizes *sizes, char text[NPY_SHAPE_TEXT])
{
    uint64_t dim[4];
    int rank = 0;
    for (; letters[rank] != '\0'; rank++) {
        dim[rank] = (uint64_t)score_size(sizes, letters[rank]);
    }
    return npy_shape_text(rank, dim, text);
}

int input_check_score(const input_file *file, const char *whole, const char *fewer, const score_sizes *sizes,
                      int64_t *shape)
{
    const npy_header *header = &file->file.header;
    const bool plane = strcmp(fewer, "HNM") == 0 && header->rank == 2; /* of all heads */
    const char *const letters = header->rank == (int)strlen(whole) ? whole : fewer + plane;
    char text[2][NPY_SHAPE_TEXT];
    bool good = header->rank == (int)strlen(letters);
    if (!file->path) {
        return -1;
    }
    for (int i = 0; whole[i] != '\0' && good; i++) {
        const char *at = strchr(letters, whole[i]);
        uint64_t size = at ? header->dim[at - letters] : 1;
        good = size == 1 || size == (uint64_t)score_size(sizes, whole[i]);
        shape[i] = (int64_t)size;
    }
    if (!good) {
        return input_bad_shape(file, "%s or %s, where any dimension may be 1", shape_of_letters(fewer, sizes, text[0]),
                               shape_of_letters(whole, sizes, text[1]));
    }
    return -1;
}

int input_check_lengths(const input_file *lengths, int64_t batch, int *kv_lengths)
{
    const npy_header *header = &lengths->file.header;
    *kv_lengths = lengths->path != NULL;
    if (lengths->path && (header->rank != 1 || header->dim[0] != (uint64_t)batch)) {
        return input_bad_shape(lengths, "(%" PRId64 ",), one length a batch", batch);
    }
    return -1;
}

int input_check_sinks(const input_file *sink, int64_t heads, int *sinks)
{
    const npy_header *header = &sink->file.header;
    *sinks = sink->path != NULL;
    if (sink->path && (header->rank != 1 || header->dim[0] != (uint64_t)heads)) {
        return input_bad_shape(sink, "(%" PRId64 ",), one sink a head", heads);
    }
    return -1;
}

/* ---- files ---- */

static int check_axes(const input_file *input)
{
    int rank = 1;
    for (const char *c = input->axes; c && *c != '\0'; c++) {
        rank += *c == ',';
    }
    if (input->axes && input->file.header.rank != rank) {
        return input_bad_shape(input, "%d dimension%s %s", rank, rank == 1 ? "" : "s", input->axes);
    }
    return -1;
}

static int open_file(input_file *input)
{
    npy_error error;
    if (!npy_open(&input->file, input->path, input->types, &error)) {
        return bad_input("%s %s: %s", input->option, input->path, error.text);
    }
    int code = check_axes(input);
    if (code < 0 && input->file.header.count == 0) {
        code = input_bad_shape(input, "no dimension of 0");
    }
    if (code < 0 && input->file.header.count > SIZE_MAX / 8) {
        code = input_bad_shape(input, "what this machine can address");
    }
    return code;
}

int input_files_open(input_file *files, size_t count)
{
    int code = -1;
    for (size_t i = 0; i < count && code < 0; i++) {
        code = files[i].path ? open_file(&files[i]) : -1;
    }
    return code;
}

/* Converts floats to 16-bit elements in place: element i is never written behind float i. */
static void narrow(input_file *input)
{
    const size_t count = (size_t)input->file.header.count;
    const float *floats = input->data;
    size_t lost = 0;
    for (size_t i = 0; i < count; i++) {
        lost += isfinite(floats[i]) && !isfinite(element_round(input->dtype, (double)floats[i]));
    }
    elements_write(input->dtype, floats, count, input->data);
    if (lost > 0) {
        note("clattn: warning: %s %s: %zu of %zu numbers are too large for %s and become infinite", input->option,
             input->path, lost, count, input->dtype == CLATTN_FLOAT16 ? "float16" : "bfloat16");
    }
}

static bool read_floats(input_file *input, npy_error *error)
{
    if (input->dtype == CLATTN_FLOAT16 && input->file.header.type == NPY_FLOAT16) {
        return npy_read_float16(&input->file, input->data, error);
    }
    if (!npy_read_float32(&input->file, input->data, error)) {
        return false;
    }
    if (input->dtype != CLATTN_FLOAT32) {
        narrow(input);
    }
    return true;
}

static int read_file(input_file *input)
{
    npy_error error;
    bool good;
    size_t bytes = (size_t)input->file.header.count * (input->types == INPUT_TRUTHS ? 1 : 4);
    progress("reading %s", input->path);
    input->data = malloc(bytes);
    if (!input->data) {
        return failed("%s %s: out of host memory: %zu bytes", input->option, input->path, bytes);
    }
    if (input->types == INPUT_TRUTHS) {
        good = npy_read_bytes(&input->file, input->data, &error);
    } else if (input->types == INPUT_LENGTHS) {
        good = npy_read_int32(&input->file, input->data, &error);
    } else {
        good = read_floats(input, &error);
    }
    npy_close(&input->file);
    return good ? -1 : bad_input("%s %s: %s", input->option, input->path, error.text);
}

int input_files_read(input_file *files, size_t count)
{
    int code = -1;
    for (size_t i = 0; i < count && code < 0; i++) {
        code = files[i].path ? read_file(&files[i]) : -1;
    }
    return code;
}

void input_files_close(input_file *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        npy_close(&files[i].file);
        free(files[i].data);
        files[i].data = NULL;
    }
}

void input_warn_lengths(const input_file *lengths, int64_t batch, int64_t kv_len)
{
    const int32_t *length = lengths->data;
    int64_t odd = 0;
    for (int64_t b = 0; length && b < batch; b++) {
        odd += length[b] < 0 || length[b] > kv_len;
    }
    if (odd > 0) {
        note("clattn: warning: --kv-len %s: %" PRId64 " of %" PRId64 " lengths lie outside 0 to M = %" PRId64
             " and are clamped",
             lengths->path, odd, batch, kv_len);
    }
}
