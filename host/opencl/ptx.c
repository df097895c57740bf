/* SPDX-License-Identifier: Apache-2.0 */
/* Turns PTX for sm_90 into PTX for sm_90a; see ptx.h. A token scanner that knows comments and
 * strings. */
#include "opencl/ptx.h"

#include <ctype.h>
#include <string.h>

#define TARGET ".target"
#define ENTRY ".entry"
#define SIZE ".reqntid"
#define REVEAL "//@"
#define REGISTERS "setmaxnreg"
static const char limit[] = "\n.minnctapersm 1";

struct edit {
    const char *at, *end; /* the text left to read */
    const char *kept;     /* start of the text that is read but not in the result yet */
    struct clattn__text *result;
    int targets, entries, revealed;
    bool wants_limit;  /* the current entry still needs .minnctapersm */
    const char *wrong; /* NULL, or the complaint */
};

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.';
}

static bool starts(const struct edit *e, const char *token)
{
    const size_t length = strlen(token);
    return (size_t)(e->end - e->at) >= length && memcmp(e->at, token, length) == 0;
}

/* Whether the text goes on with this directive, and not with a longer word. */
static bool stands(const struct edit *e, const char *directive)
{
    const size_t length = strlen(directive);
    return starts(e, directive) && ((size_t)(e->end - e->at) == length || !is_word(e->at[length]));
}

/* Next position of `token`, or the end. */
static const char *find(const char *from, const char *end, const char *token)
{
    const size_t length = strlen(token);
    for (; (size_t)(end - from) >= length; ++from)
        if (memcmp(from, token, length) == 0)
            return from;
    return end;
}

/* Skips to the end of the next `token`. */
static void skip_past(struct edit *e, const char *token)
{
    const char *found = find(e->at, e->end, token);
    e->at = found == e->end ? e->end : found + strlen(token);
}

static void skip_line(struct edit *e)
{
    e->at = find(e->at, e->end, "\n");
}

/* Appends the text read so far and `text` to the result, then skips `instead` characters. */
static void put(struct edit *e, const char *text, size_t instead)
{
    clattn__text_add(e->result, "%.*s%s", (int)(e->at - e->kept), e->kept, text);
    e->at += instead;
    e->kept = e->at;
}

static void read_target(struct edit *e)
{
    static const char expected[] = "sm_90";
    e->at += strlen(TARGET);
    while (e->at < e->end && (*e->at == ' ' || *e->at == '\t'))
        ++e->at;
    if (!stands(e, expected)) {
        e->wrong = "its target is not sm_90";
        return;
    }
    e->at += strlen(expected);
    put(e, "a", 0);
    if (++e->targets > 1)
        e->wrong = "it has more than one target";
}

static void end_entry(struct edit *e)
{
    if (e->wants_limit)
        e->wrong = "an entry with setmaxnreg does not state its number of work-items (.reqntid)";
}

/* An entry ends at the next entry. */
static void read_entry(struct edit *e)
{
    end_entry(e);
    e->at += strlen(ENTRY);
    ++e->entries;
    const char *next = find(e->at, e->end, ENTRY);
    e->wants_limit = find(e->at, next, REVEAL " " REGISTERS) != next;
}

static void read_size(struct edit *e)
{
    skip_line(e);
    put(e, limit, 0);
    e->wants_limit = false;
}

static void read_token(struct edit *e)
{
    if (starts(e, REVEAL)) {
        put(e, "   ", strlen(REVEAL));
        ++e->revealed;
    } else if (starts(e, "//")) {
        skip_line(e);
    } else if (starts(e, "/*")) {
        skip_past(e, "*/");
    } else if (*e->at == '"') {
        ++e->at;
        skip_past(e, "\"");
    } else if (stands(e, TARGET)) {
        read_target(e);
    } else if (stands(e, ENTRY)) {
        read_entry(e);
    } else if (e->wants_limit && stands(e, SIZE)) {
        read_size(e);
    } else if (is_word(*e->at)) {
        while (e->at < e->end && is_word(*e->at))
            ++e->at;
    } else {
        ++e->at;
    }
}

static const char *complaint(struct edit *e)
{
    if (!e->wrong && !e->targets)
        e->wrong = "it has no target";
    if (!e->wrong && !e->entries)
        e->wrong = "it has no entry";
    if (!e->wrong && !e->revealed)
        e->wrong = "there is nothing to reveal";
    return e->wrong;
}

clattn_status clattn__ptx_retarget(const clattn_allocator *allocator, const char *ptx, size_t length,
                                   struct clattn__text *result)
{
    *result = (struct clattn__text){.allocator = allocator};
    while (length && ptx[length - 1] == '\0')
        --length;
    struct edit e = {.at = ptx, .end = ptx + length, .kept = ptx, .result = result};
    if (length > INT32_MAX || memchr(ptx, '\0', length))
        e.wrong = "it is not text";
    while (!e.wrong && e.at < e.end)
        read_token(&e);
    if (!e.wrong)
        end_entry(&e);
    if (!complaint(&e))
        put(&e, "", 0);
    if (!e.wrong && !result->failed)
        return CLATTN_SUCCESS;
    clattn__text_free(result);
    return e.wrong ? clattn__fail(CLATTN_BUILD_FAILED, "a compiled kernel is not PTX as expected: %s", e.wrong)
                   : clattn__fail(CLATTN_OUT_OF_MEMORY, "no memory to edit a compiled kernel");
}
