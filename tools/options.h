/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of every verb. */
#ifndef CLATTN_TOOLS_OPTIONS_H
#define CLATTN_TOOLS_OPTIONS_H

#include "score_files.h"

#include <stdbool.h>

/* One bit each, so that an option can list its verbs. */
typedef enum verb {
    VERB_DEVICES = 1,
    VERB_FORWARD = 2,
    VERB_BACKWARD = 4,
    VERB_LAYER_FORWARD = 8,
    VERB_LAYER_BACKWARD = 16,
    VERB_CHECK = 32,
    VERB_TUNE = 64
} verb;

#define MOST_CASES 16 /* of clattn tune */

/* File names point into argv; NULL: not given. */
typedef struct options {
    const char *q, *k, *v, *kv_len, *sink, *dout, *dlse; /* inputs */
    const char *out, *lse, *max_logit;                   /* outputs */
    const char *dq, *dk, *dv, *dbias, *dsink;
#define SCORE_FILE_PATH(slot, member, of, shape, whole, fewer, help) const char *member;
    SCORE_FILES(SCORE_FILE_PATH)
    const char *x, *context, *wq, *wkv, *wo, *bq, *bkv, *bo;         /* inputs of a layer */
    const char *dx, *dcontext, *dwq, *dwkv, *dwo, *dbq, *dbkv, *dbo; /* its outputs */
    int64_t heads, kv_heads; /* of a layer; defaults are filled in; kv_heads divides heads */
    clattn_score score;      /* without the shapes, which come from files */
    int64_t q_tile, k_tile, kv_splits;
    clattn_engine engine;
    clattn_dtype dtype; /* of tensors on the device */
    const char *device; /* NULL: the best */
    bool bnhd;          /* files are (B,N,H,D) instead of (B,H,N,D) */
    bool verbose;
    const char *tier;      /* NULL: quick */
    int64_t part, parts;   /* --part K/N; 0: all cases of the tier */
    const char *case_line; /* NULL: the whole tier */
    bool digest;
    const char *cases[MOST_CASES];
    size_t case_count; /* of tune; 0: the default cases for the device's type */
    double seconds;    /* of tune; 0: the library's default */
    bool export_rows;
} options;

/* Reads argv[1...]; argv[0] is the verb. Returns -1 to go on, or the exit code after --help or
 * after a message about bad usage. */
int options_parse(verb which, int argc, char **argv, options *options);

/* The verb of a name such as "forward"; 0: unknown. */
verb options_verb(const char *name);
const char *options_verb_name(verb which);

/* The help text of a verb, or of the tool when `which` is 0. */
const char *usage(verb which);

#endif
