/* SPDX-License-Identifier: Apache-2.0 */
/* libFuzzer: reads a whole .npy file, as a regular file or through a pipe. The first byte of the
 * input selects which, and the allowed types. Refusals must have a printable sentence; what was
 * read must be written back unchanged. */
#include "npy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_ELEMENTS = 1 << 22, MOST_IN_PIPE = 60000 };
enum reader { FLOATS, BYTES, INTS, HALVES };

static const unsigned allowed[] = {NPY_FLOAT32 | NPY_FLOAT16, NPY_BOOL | NPY_UINT8, NPY_INT32 | NPY_INT64, NPY_FLOAT16};

static void check_sentence(const npy_error *error)
{
    if (error->text[0] == '\0' || memchr(error->text, 0, sizeof error->text) == NULL) {
        abort();
    }
    for (const char *at = error->text; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            abort();
        }
    }
}

static void check_header(const npy_header *header)
{
    char text[NPY_SHAPE_TEXT];
    uint64_t count = 1;

    if (header->rank < 0 || header->rank > NPY_MAX_RANK || npy_type_bytes(header->type) == 0 ||
        npy_shape_text(header->rank, header->dim, text) != text || strlen(text) >= sizeof text) {
        abort();
    }
    for (int n = 0; n < header->rank; n++) {
        count *= header->dim[n];
    }
    if (count != header->count) {
        abort();
    }
#ifdef PLANTED_BUG
    {
        volatile uint64_t shape[4]; /* the planted bug: no more dimensions than q has */
        uint64_t last;

        for (int n = 0; n < header->rank; n++) {
            shape[n] = header->dim[n];
        }
        last = header->rank > 0 ? shape[header->rank - 1] : 0;
        (void)last;
    }
#endif
}

static void write_and_read(const npy_header *header, const float *values)
{
    npy_error error;
    npy_header again;
    char *bytes = NULL;
    size_t size = 0, begin, length;
    FILE *stream = open_memstream(&bytes, &size);

    if (stream == NULL || !npy_write_float32(stream, header->rank, header->dim, values, &error)) {
        abort();
    }
    fclose(stream);
    if (!npy_parse_preamble((unsigned char *)bytes, NPY_MAX_PREAMBLE, &begin, &length, &error) ||
        !npy_parse_header((unsigned char *)bytes + begin, length, &again, &error) || again.rank != header->rank ||
        memcmp(again.dim, header->dim, (size_t)header->rank * sizeof again.dim[0]) != 0 ||
        begin + length + header->count * sizeof *values != size ||
        memcmp(bytes + begin + length, values, (size_t)header->count * sizeof *values) != 0) {
        abort();
    }
    free(bytes);
}

static void read_elements(npy_file *file, enum reader reader)
{
    static const size_t bytes[] = {4, 1, 4, 2};
    npy_error error;
    void *values = malloc((size_t)file->header.count * bytes[reader] + 1);
    bool good;

    if (values == NULL) {
        return;
    }
    memset(&error, 0, sizeof error);
    good = reader == FLOATS  ? npy_read_float32(file, values, &error)
           : reader == BYTES ? npy_read_bytes(file, values, &error)
           : reader == INTS  ? npy_read_int32(file, values, &error)
                             : npy_read_float16(file, values, &error);
    if (!good) {
        check_sentence(&error);
    } else if (reader == FLOATS) {
        write_and_read(&file->header, values);
    }
    free(values);
}

/* Writes the input to a file or pipe that `path` names. Returns a descriptor to close, or -1 on
 * failure. */
static int put(const unsigned char *data, size_t size, int through_pipe, char *path, size_t capacity)
{
    int ends[2];

    if (!through_pipe) {
        FILE *file = tmpfile(); /* a new file for each input, so that nothing remains of a longer one */
        int kept;

        if (file == NULL || fwrite(data, 1, size, file) != size || fflush(file) != 0) {
            abort();
        }
        kept = dup(fileno(file));
        fclose(file);
        snprintf(path, capacity, "/proc/self/fd/%d", kept);
        return kept;
    }
    if (size > MOST_IN_PIPE || pipe(ends) != 0) {
        return -1;
    }
    if (write(ends[1], data, size) != (ssize_t)size) {
        abort();
    }
    close(ends[1]);
    snprintf(path, capacity, "/proc/self/fd/%d", ends[0]);
    return ends[0];
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    const enum reader reader = size > 0 ? (enum reader)(data[0] / 2 % 4) : FLOATS;
    npy_error error;
    npy_file file;
    char path[64];
    int kept = size > 0 ? put(data + 1, size - 1, data[0] % 2, path, sizeof path) : -1;

    if (kept < 0) {
        return 0;
    }
    memset(&error, 0, sizeof error);
    if (npy_open(&file, path, allowed[reader], &error)) {
        check_header(&file.header);
        if (file.header.count <= MOST_ELEMENTS) {
            read_elements(&file, reader);
        }
        npy_close(&file);
    } else {
        check_sentence(&error);
    }
    close(kept);
    return 0;
}

/* ---- how inputs change: another dimension in the shape, which takes the place of blanks behind
 * the dictionary ---- */

size_t LLVMFuzzerMutate(unsigned char *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t capacity, unsigned seed);

static unsigned char *find(unsigned char *data, size_t size, int wanted)
{
    return size > 0 ? memchr(data, wanted, size) : NULL;
}

size_t LLVMFuzzerCustomMutator(unsigned char *data, size_t size, size_t capacity, unsigned seed)
{
    static const char *const dimensions[] = {"1, ", "0, ", "2, ", "1, 1, ", "18446744073709551615, ", "4294967296, "};
    const char *word = dimensions[seed / 4 % (sizeof dimensions / sizeof dimensions[0])];
    const size_t length = strlen(word);
    unsigned char *shape = find(data, size, '('), *end = find(data, size, '}');
    size_t blanks = 0;

    while (end != NULL && end + 1 + blanks < data + size && end[1 + blanks] == ' ') {
        blanks++;
    }
    if (seed % 4 != 0 || shape == NULL || end == NULL || shape > end || blanks < length) {
        return LLVMFuzzerMutate(data, size, capacity);
    }
    memmove(shape + 1 + length, shape + 1, (size_t)(end - shape));
    memcpy(shape + 1, word, length);
    return size;
}
