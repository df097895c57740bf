/* SPDX-License-Identifier: Apache-2.0 */
/* host/opencl/source.c on the test's own files: includes, #line marks, errors. Needs no device. The
 * real kernels' text is tested in test_internals.c. */
#include "opencl/embedded.h"
#include "opencl/program.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

#define FILE_OF(name, text)                                                                                            \
    {                                                                                                                  \
        name, (const unsigned char *)text, sizeof text - 1                                                             \
    }

/* Replaces the library's files. */
const struct clattn__embedded clattn__embedded[] = {
    FILE_OF("plain.cl", "int a;\n\nint b;\n"),
    FILE_OF("open_end.cl", "int a;\nint b;"),
    FILE_OF("empty.cl", ""),
    FILE_OF("twice.cl", "#include \"plain.cl\"\nint c; // %s\n#include \"empty.cl\"\n#include \"inner.cl\"\n"),
    FILE_OF("inner.cl", "#include \"open_end.cl\"\nint d;\n"),
    FILE_OF("not_ours.cl", " #include \"no.cl\"\n#include <stddef.h>\n#include \"no\n#include \"\n"),
    FILE_OF("unknown.cl", "int a;\n#include \"missing.cl\"\n"),
    FILE_OF("unknown_inside.cl", "#include \"unknown.cl\"\n"),
    FILE_OF("folder/inside.cl", "int e;\n#include \"folder/deep/inner_most.cl\"\n"),
    FILE_OF("folder/deep/inner_most.cl", "int f;\n"),
    FILE_OF("guarded.cl", "/* g */\n#ifndef G\n#define G\n#include \"plain.cl\"\n#endif\n"),
    FILE_OF("other.cl", "#ifndef O\n#define O\n#include \"guarded.cl\"\n#endif\n"),
    FILE_OF("guards.cl", "#include \"guarded.cl\"\n#include \"guarded.cl\"\n#if A\n#include \"other.cl\"\n#else\n"
                         "#include \"other.cl\"\n#include \"other.cl\"\n#endif\n#include \"other.cl\"\n"
                         "#include \"guarded.cl\"\n"),
    FILE_OF("itself.cl", "#include \"itself.cl\"\n"),
};
const size_t clattn__embedded_count = ARRAY_SIZE(clattn__embedded);

static const clattn_allocator heap = {NULL, NULL, NULL};

#define OTHER "#line 1 \"other.cl\"\n#ifndef O\n#define O\n#line 4 \"other.cl\"\n#endif\n"

static void test_text(void **state)
{
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"plain", "#line 1 \"plain.cl\"\nint a;\n\nint b;\n"},
        {"open_end", "#line 1 \"open_end.cl\"\nint a;\nint b;\n"},
        {"empty", "#line 1 \"empty.cl\"\n"},
        {"inner", "#line 1 \"inner.cl\"\n#line 1 \"open_end.cl\"\nint a;\nint b;\n#line 2 \"inner.cl\"\nint d;\n"},
        {"twice", "#line 1 \"twice.cl\"\n"
                  "#line 1 \"plain.cl\"\nint a;\n\nint b;\n"
                  "#line 2 \"twice.cl\"\nint c; // %s\n"
                  "#line 1 \"empty.cl\"\n"
                  "#line 4 \"twice.cl\"\n"
                  "#line 1 \"inner.cl\"\n#line 1 \"open_end.cl\"\nint a;\nint b;\n#line 2 \"inner.cl\"\nint d;\n"
                  "#line 5 \"twice.cl\"\n"},
        {"inside", "#line 1 \"folder/inside.cl\"\nint e;\n#line 1 \"folder/deep/inner_most.cl\"\nint f;\n"
                   "#line 3 \"folder/inside.cl\"\n"},
        /* A file is included once, but again if the first include may be in a branch that is not
         * compiled. */
        {"guards", "#line 1 \"guards.cl\"\n"
                   "#line 1 \"guarded.cl\"\n/* g */\n#ifndef G\n#define G\n#line 1 \"plain.cl\"\nint a;\n\nint b;\n"
                   "#line 5 \"guarded.cl\"\n#endif\n"
                   "#line 2 \"guards.cl\"\n#line 3 \"guards.cl\"\n#if A\n" OTHER "#line 5 \"guards.cl\"\n#else\n" OTHER
                   "#line 7 \"guards.cl\"\n#line 8 \"guards.cl\"\n#endif\n" OTHER
                   "#line 10 \"guards.cl\"\n#line 11 \"guards.cl\"\n"},
        {"not_ours", "#line 1 \"not_ours.cl\"\n #include \"no.cl\"\n#include <stddef.h>\n#include \"no\n#include \"\n"},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        struct clattn__text text;

        assert_int_equal(clattn__source_assemble(&heap, rows[n].name, &text), CLATTN_SUCCESS);
        assert_string_equal(text.chars, rows[n].text);
        assert_int_equal(text.length, strlen(text.chars));
        clattn__text_free(&text);
    }
}

static void test_failures(void **state)
{
    static const struct {
        const char *name, *part;
    } rows[] = {
        {"missing", "missing.cl is not in the library"}, {"", ".cl is not in the library"},
        {"plai", "plai.cl is not in the library"},       {"plain.cl", "plain.cl.cl is not in the library"},
        {"unknown", "missing.cl is not in the library"}, {"unknown_inside", "missing.cl is not in the library"},
        {"itself", "itself.cl is included too deep"},    {"folder/inside", "folder/inside.cl is not in the library"},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        struct clattn__text text;

        memset(&text, 0x5a, sizeof text); /* must work with any initial contents */
        assert_int_equal(clattn__source_assemble(&heap, rows[n].name, &text), CLATTN_BUILD_FAILED);
        if (strstr(clattn_last_error(), rows[n].part) == NULL) {
            fail_msg("\"%s\" lacks \"%s\"", clattn_last_error(), rows[n].part);
        }
        clattn__text_free(&text);
    }
}

/* An allocator that fails once *user is counted down. */
static void *allocate_some(void *user, size_t bytes)
{
    int *left = user;

    return (*left)-- > 0 ? malloc(bytes) : NULL;
}

static void release(void *user, void *memory)
{
    (void)user;
    free(memory);
}

static void test_no_memory(void **state)
{
    clattn_status status = CLATTN_OUT_OF_MEMORY;
    int given = 0;

    (void)state;
    for (; status != CLATTN_SUCCESS; given++) {
        int left = given;
        const clattn_allocator allocator = {allocate_some, release, &left};
        struct clattn__text text;

        status = clattn__source_assemble(&allocator, "twice", &text);
        assert_true(status == CLATTN_SUCCESS || status == CLATTN_OUT_OF_MEMORY);
        clattn__text_free(&text);
    }
    assert_true(given > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
