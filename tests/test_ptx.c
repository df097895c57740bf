/* SPDX-License-Identifier: Apache-2.0 */
/* host/opencl/ptx.c: texts that it edits, keeps, and refuses. Needs no device. */
#include "opencl/ptx.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
/* after setjmp.h, stdarg.h, stddef.h, stdint.h */
#include <cmocka.h>

static const clattn_allocator heap = {NULL, NULL, NULL};

#define HEAD ".version 8.8\n.target sm_90, texmode_independent\n.address_size 64\n"
#define HEAD_A ".version 8.8\n.target sm_90a, texmode_independent\n.address_size 64\n"
#define SIZE "\n.reqntid 384, 1, 1\n"

static const struct {
    const char *before, *after;
} edits[] = {
    /* the smallest text */
    {".target sm_90 .entry k {//@ x;}", ".target sm_90a .entry k {    x;}"},
    /* as compilers write it; one entry moves registers between warps (setmaxnreg), one does not */
    {HEAD ".visible .entry a(.param .u64 p)" SIZE "{\n\t// begin inline asm\n\t//@ wgmma.fence.sync.aligned;\n"
          "\t// end inline asm\n}\n"
          ".visible .entry b(.param .u64 p)" SIZE "{\n\t//@ setmaxnreg.inc.sync.aligned.u32 240;\n\tret;\n}\n",
     HEAD_A ".visible .entry a(.param .u64 p)" SIZE "{\n\t// begin inline asm\n\t    wgmma.fence.sync.aligned;\n"
            "\t// end inline asm\n}\n"
            ".visible .entry b(.param .u64 p)\n.reqntid 384, 1, 1\n.minnctapersm 1\n{\n"
            "\t    setmaxnreg.inc.sync.aligned.u32 240;\n\tret;\n}\n"},
    /* comments and strings are no directives, and do not hide any */
    {"// .target sm_70 //@ no\n/* .target sm_80\n//@ no */\n.file 1 \"a//@b .entry \" .target\tsm_90\n"
     ".entry k\n{//@yes\n} // //@ no",
     "// .target sm_70 //@ no\n/* .target sm_80\n//@ no */\n.file 1 \"a//@b .entry \" .target\tsm_90a\n"
     ".entry k\n{   yes\n} // //@ no"},
    /* parts of longer words are no directives */
    {".target sm_90\n.targets x .entry_k y k.entry %z.target\n.entry k{//@ x\n}",
     ".target sm_90a\n.targets x .entry_k y k.entry %z.target\n.entry k{    x\n}"},
    /* Windows line ends; the text ends inside a comment */
    {".target sm_90\r\n.entry k\r\n{//@ x\r\n} /* open", ".target sm_90a\r\n.entry k\r\n{    x\r\n} /* open"},
    {".target sm_90\n.entry k {//@ x\n} \"open", ".target sm_90a\n.entry k {    x\n} \"open"},
};

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
        struct clattn__text text;

        /* with NULs behind it, as a binary may have */
        for (size_t end = 0; end < 3; end++) {
            char binary[1024] = "";

            strcpy(binary, edits[i].before);
            assert_int_equal(clattn__ptx_retarget(&heap, binary, strlen(binary) + end, &text), CLATTN_SUCCESS);
            assert_string_equal(text.chars, edits[i].after);
            assert_int_equal(text.length, strlen(edits[i].after));
            clattn__text_free(&text);
        }
    }
}

static void refuse(const char *ptx, size_t length, const char *why)
{
    struct clattn__text text;

    assert_int_equal(clattn__ptx_retarget(&heap, ptx, length, &text), CLATTN_BUILD_FAILED);
    assert_non_null(strstr(clattn_last_error(), why));
    assert_null(text.chars);
    assert_int_equal(text.length, 0);
}

static void test_refused(void **state)
{
    static const struct {
        const char *ptx, *why;
    } rows[] = {
        {"", "no target"},
        {".entry k{//@ x\n}", "no target"},
        {".target", "not sm_90"},
        {".target sm_9", "not sm_90"},
        {".target sm_100\n.entry k{//@ x\n}", "not sm_90"},
        {".target sm_900\n.entry k{//@ x\n}", "not sm_90"},
        {".target sm_90a\n.entry k{//@ x\n}", "not sm_90"},
        {".target sm_90\n.target sm_90\n.entry k{//@ x\n}", "more than one"},
        {".target sm_90\n//@ x\n", "no entry"},
        {".target sm_90\n.entry k{ // x\n}", "nothing to reveal"},
        {".target sm_90\n.entry k{//@ setmaxnreg.dec.sync.aligned.u32 24;\n}", "work-items"},
        {".target sm_90\n.entry k{//@ setmaxnreg.dec.sync.aligned.u32 24;\n}\n.entry l\n.reqntid 1\n{}", "work-items"},
    };
    static const char binary[] = "\177ELF\2\1\1\0\0\0\0\0\0\0.target sm_90\n.entry k{//@ x\n}";

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        refuse(rows[i].ptx, strlen(rows[i].ptx), rows[i].why);
    refuse(binary, sizeof binary, "not text");
    refuse("a\0\0b", 4, "not text");
}

/* Edited text is refused, so that no text is edited twice. */
static void test_second_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(edits); i++) {
        struct clattn__text text;

        assert_int_equal(clattn__ptx_retarget(&heap, edits[i].before, strlen(edits[i].before), &text), CLATTN_SUCCESS);
        refuse(text.chars, text.length, "not sm_90");
        clattn__text_free(&text);
    }
}

/* A text truncated anywhere is edited or refused, without a read past its end: the copy has exactly
 * its bytes. */
static void test_cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(edits); i++)
        for (size_t length = 0; length < strlen(edits[i].before); length++) {
            char *cut = malloc(length ? length : 1);
            struct clattn__text text;

            assert_non_null(cut);
            memcpy(cut, edits[i].before, length);
            const clattn_status status = clattn__ptx_retarget(&heap, cut, length, &text);
            if (status)
                assert_int_equal(status, CLATTN_BUILD_FAILED);
            else
                assert_memory_equal(text.chars, edits[i].after, length < 20 ? length : 20);
            clattn__text_free(&text);
            free(cut);
        }
}

/* ---- the property: nothing else changes ---- */

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/* Texts of random pieces with known results. */
static void test_random(void **state)
{
    static const char *const pieces[][2] = {
        {"\tadd.f32 %f1, %f2, %f3;\n", "\tadd.f32 %f1, %f2, %f3;\n"},
        {"\t//@ wgmma.commit_group.sync.aligned;\n", "\t    wgmma.commit_group.sync.aligned;\n"},
        {"// sm_90 //@\n", "// sm_90 //@\n"},
        {"/* //@ .entry */", "/* //@ .entry */"},
        {"\".target sm_90\"", "\".target sm_90\""},
        {"a/b", "a/b"},
        {"{}()[];,%", "{}()[];,%"},
        {"//@", "   "},
        {" sm_90 ", " sm_90 "},
        {"\n.minnctapersm 1\n", "\n.minnctapersm 1\n"},
    };
    unsigned seed = 1;

    (void)state;
    for (int round = 0; round < 500; round++) {
        char before[4096] = ".target sm_90\n.entry k\n.reqntid 1\n{//@ x\n",
             after[4096] = ".target sm_90a\n.entry k\n.reqntid 1\n{    x\n";
        struct clattn__text text;

        for (unsigned left = next(&seed) % 60; left; left--) {
            const size_t n = next(&seed) % ARRAY_SIZE(pieces);

            strcat(before, pieces[n][0]);
            strcat(after, pieces[n][1]);
        }
        assert_int_equal(clattn__ptx_retarget(&heap, before, strlen(before), &text), CLATTN_SUCCESS);
        assert_string_equal(text.chars, after);
        clattn__text_free(&text);
    }
}

/* ---- memory ---- */

struct budget {
    int left, held;
};

static void *allocate(void *user, size_t bytes)
{
    struct budget *budget = user;

    if (budget->left-- <= 0)
        return NULL;
    budget->held++;
    return malloc(bytes);
}

static void release(void *user, void *memory)
{
    ((struct budget *)user)->held--;
    free(memory);
}

static void test_out_of_memory(void **state)
{
    int allowed = 0;
    clattn_status status;

    (void)state;
    do {
        struct budget budget = {allowed, 0};
        const clattn_allocator allocator = {allocate, release, &budget};
        struct clattn__text text;

        status = clattn__ptx_retarget(&allocator, edits[1].before, strlen(edits[1].before), &text);
        assert_int_equal(status, budget.left < 0 ? CLATTN_OUT_OF_MEMORY : CLATTN_SUCCESS);
        clattn__text_free(&text);
        assert_int_equal(budget.held, 0);
    } while (status && ++allowed < 100);
    assert_true(allowed > 0 && allowed < 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text), cmocka_unit_test(test_refused), cmocka_unit_test(test_second_time),
        cmocka_unit_test(test_cut),  cmocka_unit_test(test_random),  cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
