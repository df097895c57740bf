/* SPDX-License-Identifier: Apache-2.0 */
/* Test cases, each of them one line of text:
 *
 *   b2 h4/2 n113 m203 d64/32 causal align=-3 mask=2,1,1,203 kvlen layout=bnhd tile=64x32 scale=0.3 seed=7
 *
 * Words, in any order; only the first five are required:
 *   bB  hHq or hHq/Hk  nN  mM  dD or dD/Dv
 *   dtype=f16|bf16                                                         (default f32)
 *   causal                        align=top-left|bottom-right|OFFSET       (default bottom-right)
 *   window=LEFT,RIGHT             -1: no end on that side
 *   dlse                          with a gradient of lse
 *   maxlogit                      with the largest logits
 *   alibi=[KIND:]B,H              alibi_dim; KIND: usual|varied            (default usual)
 *   softcap=X
 *   bias=[KIND:]B,H,N,M           bias_dim; KIND: normal|f32|hide (default normal)
 *   sink=KIND                     sinks; KIND: normal|large|none (-inf)
 *   mask=[KIND:]B,H,N,M           mask_dim
 *                                 KIND: random|prefix|suffix|deadrows|false (default random)
 *   kvlen or kvlen=LENGTH         key lengths: a mixture, or the same for every batch
 *   layout=bnhd|packed|padded|broadcast|random                             (default bhnd)
 *   data=uniform|large|rising|equal|nanpad                                 (default normal)
 *   tile=BmxBn  splits=P  scale=X  seed=S
 *   grad=dq,dk,dv,dsink or none   gradients to compute                     (default all)
 *   nolse                         forward without lse: implies grad=none */
#ifndef CLATTN_CHECK_CASES_H
#define CLATTN_CHECK_CASES_H

#include "clattn.h"

enum case_layout {
    LAYOUT_BHND,      /* contiguous, strides 0 */
    LAYOUT_BNHD,      /* (B,N,H,D); lse (B,N,H) */
    LAYOUT_PACKED,    /* one buffer (B,N, Hq D + Hk D + Hk Dv) of q, k, v, and one of dq, dk, dv; needs N = M */
    LAYOUT_PADDED,    /* views at odd offsets with gaps after every row, head and batch */
    LAYOUT_BROADCAST, /* inputs with strides of 0: q over batches, k and v over heads, dout over rows */
    /* For random problems; the table uses the layouts above. Drawn from the seed: any order of
     * dimensions, offsets, gaps, strides of 0, packed where N = M. */
    LAYOUT_RANDOM,
    LAYOUT_COUNT
};

enum case_data {
    DATA_NORMAL,
    DATA_UNIFORM, /* -1 to 1 */
    DATA_LARGE,   /* max|S| about 60 */
    DATA_RISING,  /* scores grow with j: each tile has a new maximum */
    DATA_EQUAL,   /* all keys are equal, hence all scores of a row */
    DATA_NANPAD,  /* NaN and infinity in padding keys and their values */
    DATA_COUNT
};

enum case_mask {
    MASK_RANDOM,   /* three of four elements are true */
    MASK_PREFIX,   /* the first keys of each row are false */
    MASK_SUFFIX,   /* the last keys of each row are false: key padding */
    MASK_DEADROWS, /* random; every third row is all false */
    MASK_FALSE,    /* all false */
    MASK_COUNT
};

enum case_alibi {
    ALIBI_USUAL,  /* 2^(-8 (h + 1) / Hq), 1% less with each batch */
    ALIBI_VARIED, /* of either sign, some 0 */
    ALIBI_COUNT
};

enum case_bias {
    BIAS_NORMAL,
    BIAS_FLOAT32, /* float32, whatever the dtype is */
    BIAS_HIDE,    /* one element of four is -inf, and every third row */
    BIAS_COUNT
};

enum case_sink {
    SINK_NORMAL,
    SINK_LARGE, /* above most scores of normal data */
    SINK_NONE,  /* -inf */
    SINK_COUNT
};

/* The gradients of a case. */
#define CASE_GRADIENTS (CLATTN_BACKWARD | CLATTN_BACKWARD_DBIAS | CLATTN_BACKWARD_DSINK)

enum case_lengths {
    LENGTHS_NONE,
    LENGTHS_MIXED, /* 0, M, more than M, negative, and random ones */
    LENGTHS_SAME   /* test_case.kv_length for every batch */
};

/* A case belongs to tier tiny, to tier quick, or to neither; tier full is the whole table. */
enum case_tier {
    TIER_TINY,  /* for oclgrind: N, M <= 40, every kernel */
    TIER_QUICK, /* few kernels to compile */
    TIER_FULL
};

struct test_case {
    clattn_problem problem;
    unsigned passes; /* bits of clattn_pass: CLATTN_FORWARD and the gradients to compute */
    int want_lse;
    enum case_layout layout;
    enum case_data data;
    enum case_mask mask;   /* read when problem.score.mask_dim is not 0 */
    enum case_alibi alibi; /* read when problem.score.alibi_dim is not 0 */
    enum case_bias bias;   /* read when problem.score.bias_dim is not 0 */
    enum case_sink sink;   /* read when problem.score.sinks is 1 */
    enum case_lengths lengths;
    int32_t kv_length;
    uint64_t seed;
    enum case_tier tier; /* not part of the line */
    const char *group;   /* "causal", "mask", ...; not part of the line */
};

#define CASE_LINE_SIZE 320 /* bytes; enough for any line */

/* Cases picked by hand, included in the table. `line` of the last is NULL. */
struct case_line {
    enum case_tier tier;
    const char *group;
    const char *line;
};

extern const struct case_line case_lines[];

/* Writes the first `capacity` cases of a tier, sorted by group, to `cases` (NULL and 0: only
 * count). Returns the number of cases in the tier. Every call gives the same cases. */
size_t case_table(enum case_tier tier, struct test_case *cases, size_t capacity);

/* ---- several options (cases_pairs.c) ---- */

/* Every pair of two options' values is in one of these few cases, which have all options; they are the table's group
 * "pairs". As case_table, also the next. */
size_t case_covering(struct test_case *cases, size_t capacity);

/* Every pair in a case of its own, whose other options have their defaults. */
size_t case_pairs(struct test_case *cases, size_t capacity);

/* A case whose options all have values drawn from the seed. */
struct test_case case_mix(uint64_t seed);

/* Keeps every `parts`-th case, starting at the `part`-th (counted from 1, at most `parts`). Returns
 * the number kept. */
size_t case_part(struct test_case *cases, size_t count, size_t part, size_t parts);

/* A case with the given sizes and defaults for the rest: float32, normal data, all passes. */
struct test_case case_make(int64_t b, int64_t hq, int64_t hk, int64_t n, int64_t m, int64_t d, int64_t dv);

/* Prints the case as its line; returns `line`, of CASE_LINE_SIZE bytes. */
char *case_print(const struct test_case *c, char *line);

/* Reads a line. Returns 0, or -1 with a sentence in `error` (CASE_LINE_SIZE bytes) and *c
 * undefined. Does not check clattn's limits: clattn does. */
int case_parse(const char *line, struct test_case *c, char *error);

/* Floating-point operations of the case, ignoring causality and masks. Per head:
 * forward 2 N M (D + Dv), backward 2 N M (3 D + 2 Dv). */
double case_flops(const struct test_case *c);

#endif
