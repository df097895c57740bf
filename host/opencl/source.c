/* SPDX-License-Identifier: Apache-2.0 */
/* Assembles kernel text. The files of kernels/ are embedded unchanged, under their paths there.
 * Drivers have no folder to include from, so a kernel's includes are expanded here; #line
 * directives keep file and line in the compiler's log.
 *
 * A file with an include guard is expanded once, because drivers take long to read text that a
 * guard then discards. Once is enough only if the first copy is sure to be compiled: a file
 * included in a branch of an #if counts until the branch ends. */
#include "opencl/program.h"

#include "opencl/embedded.h"

#include <string.h>

enum { MAX_DEPTH = 16, MAX_FILES = 128 }; /* of nested includes and branches */

/* The text, and the guarded files that it is sure to contain at this point. */
struct assembly {
    struct clattn__text *text;
    const struct clattn__embedded *files[MAX_FILES];
    size_t count;
};

static const struct clattn__embedded *find(const char *name, size_t length)
{
    for (size_t i = 0; i < clattn__embedded_count; ++i)
        if (strlen(clattn__embedded[i].name) == length && memcmp(clattn__embedded[i].name, name, length) == 0)
            return &clattn__embedded[i];
    return NULL;
}

/* The kernel file NAME.cl, in any folder. */
static const struct clattn__embedded *find_kernel(const char *name)
{
    for (size_t i = 0; i < clattn__embedded_count; ++i) {
        const char *path = clattn__embedded[i].name, *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
        const size_t length = strlen(name);
        if (strncmp(file, name, length) == 0 && strcmp(file + length, ".cl") == 0)
            return &clattn__embedded[i];
    }
    return NULL;
}

/* The NAME of a line `#include "NAME"`, or NULL. */
static const char *included_name(const char *line, size_t length, size_t *name_length)
{
    static const char directive[] = "#include \"";
    const size_t skip = sizeof directive - 1;
    if (length <= skip || memcmp(line, directive, skip) != 0)
        return NULL;
    const char *end = memchr(line + skip, '"', length - skip);
    if (!end)
        return NULL;
    *name_length = (size_t)(end - line) - skip;
    return line + skip;
}

static bool begins(const char *line, size_t length, const char *word)
{
    return length >= strlen(word) && memcmp(line, word, strlen(word)) == 0;
}

/* Whether the file is guarded: its first directive is #ifndef. */
static bool is_guarded(const struct clattn__embedded *file)
{
    const char *line = (const char *)file->bytes, *end = line + file->size;
    while (line < end && *line != '#') {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        line = newline ? newline + 1 : end;
    }
    return begins(line, (size_t)(end - line), "#ifndef ");
}

/* A file's open #if branches, with the number of files when each began. */
struct branches {
    size_t began[MAX_DEPTH];
    size_t depth;
    bool guarded; /* the first branch is the include guard: its files stay */
};

/* At the end of a branch, drops its files. False if branches are nested too deep. */
static bool follow_branches(struct branches *branches, struct assembly *to, const char *line, size_t length)
{
    const bool ends = begins(line, length, "#endif"), opens = begins(line, length, "#if");
    if (opens && branches->depth == MAX_DEPTH)
        return false;
    if (opens)
        branches->began[branches->depth++] = to->count;
    if (!branches->depth || !(ends || begins(line, length, "#el")))
        return true;
    if (!(branches->guarded && branches->depth == 1))
        to->count = branches->began[branches->depth - 1];
    if (ends)
        --branches->depth;
    return true;
}

static clattn_status add_file(struct assembly *to, const struct clattn__embedded *file, int depth);

static clattn_status add_included(struct assembly *to, const char *name, size_t length, int depth)
{
    const struct clattn__embedded *file = find(name, length);
    if (!file || depth > MAX_DEPTH)
        return clattn__fail(CLATTN_BUILD_FAILED, "kernel file %.*s is %s", (int)length, name,
                            file ? "included too deep" : "not in the library");
    for (size_t i = 0; i < to->count; ++i)
        if (to->files[i] == file)
            return CLATTN_SUCCESS;
    if (is_guarded(file) && to->count < MAX_FILES)
        to->files[to->count++] = file;
    return add_file(to, file, depth);
}

static clattn_status add_file(struct assembly *to, const struct clattn__embedded *file, int depth)
{
    const char *line = (const char *)file->bytes, *end = line + file->size;
    struct branches branches = {.guarded = is_guarded(file)};
    clattn__text_add(to->text, "#line 1 \"%s\"\n", file->name);
    for (int number = 1; line < end; ++number) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const size_t length = newline ? (size_t)(newline - line) : (size_t)(end - line);
        size_t included_length;
        const char *included = included_name(line, length, &included_length);
        if (!follow_branches(&branches, to, line, length))
            return clattn__fail(CLATTN_BUILD_FAILED, "kernel file %s nests #if too deep", file->name);
        if (included) {
            const clattn_status status = add_included(to, included, included_length, depth + 1);
            if (status)
                return status;
            clattn__text_add(to->text, "#line %d \"%s\"\n", number + 1, file->name);
        } else {
            clattn__text_add(to->text, "%.*s\n", (int)length, line);
        }
        line += length + 1;
    }
    return CLATTN_SUCCESS;
}

clattn_status clattn__source_assemble(const clattn_allocator *allocator, const char *name, struct clattn__text *text)
{
    const struct clattn__embedded *file = find_kernel(name);
    memset(text, 0, sizeof *text);
    text->allocator = allocator;
    if (!file)
        return clattn__fail(CLATTN_BUILD_FAILED, "kernel file %s.cl is not in the library", name);
    struct assembly to = {.text = text};
    const clattn_status status = add_file(&to, file, 0);
    if (!status && text->failed)
        return clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory for the text of kernel %s", name);
    return status;
}
