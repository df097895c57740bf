/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one table of options, read by getopt_long. */
#include "options.h"

#include "message.h"
#include "option_values.h"

#include <getopt.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN (VERB_FORWARD | VERB_BACKWARD)
#define LAYER (VERB_LAYER_FORWARD | VERB_LAYER_BACKWARD)
#define PASSES (PLAIN | LAYER)
#define DEVICE_TESTS (VERB_CHECK | VERB_TUNE)
#define FORWARDS (VERB_FORWARD | VERB_LAYER_FORWARD)
#define BACKWARDS (VERB_BACKWARD | VERB_LAYER_BACKWARD)
#define FILE_OPTION(name) #name, set_file, offsetof(options, name)

static const struct option_row {
    const char *name;
    setter *set;
    size_t member;
    unsigned verbs;    /* verbs that accept it */
    unsigned required; /* verbs that require it */
    bool is_flag;
} rows[] = {
    {FILE_OPTION(q), PLAIN, PLAIN, false},
    {FILE_OPTION(k), PLAIN, PLAIN, false},
    {FILE_OPTION(v), PLAIN, PLAIN, false},
    {FILE_OPTION(x), LAYER, LAYER, false},
    {FILE_OPTION(context), LAYER, 0, false},
    {FILE_OPTION(wq), LAYER, LAYER, false},
    {FILE_OPTION(wkv), LAYER, LAYER, false},
    {FILE_OPTION(wo), LAYER, LAYER, false},
    {FILE_OPTION(bq), LAYER, 0, false},
    {FILE_OPTION(bkv), LAYER, 0, false},
    {FILE_OPTION(bo), VERB_LAYER_FORWARD, 0, false},
    {"heads", set_heads, offsetof(options, heads), LAYER, 0, false},
    {"kv-heads", set_heads, offsetof(options, kv_heads), LAYER, 0, false},
    {FILE_OPTION(dout), BACKWARDS, BACKWARDS, false},
    {FILE_OPTION(dlse), VERB_BACKWARD, 0, false},
    {FILE_OPTION(out), FORWARDS, FORWARDS, false},
    {FILE_OPTION(lse), VERB_FORWARD, 0, false},
    {"max-logit", set_file, offsetof(options, max_logit), PASSES, 0, false},
    {FILE_OPTION(dq), VERB_BACKWARD, 0, false},
    {FILE_OPTION(dk), VERB_BACKWARD, 0, false},
    {FILE_OPTION(dv), VERB_BACKWARD, 0, false},
    {FILE_OPTION(dx), VERB_LAYER_BACKWARD, 0, false},
    {FILE_OPTION(dcontext), VERB_LAYER_BACKWARD, 0, false},
    {FILE_OPTION(dwq), VERB_LAYER_BACKWARD, 0, false},
    {FILE_OPTION(dwkv), VERB_LAYER_BACKWARD, 0, false},
    {FILE_OPTION(dwo), VERB_LAYER_BACKWARD, 0, false},
    {FILE_OPTION(dbq), VERB_LAYER_BACKWARD, 0, false},
    {FILE_OPTION(dbkv), VERB_LAYER_BACKWARD, 0, false},
    {FILE_OPTION(dbo), VERB_LAYER_BACKWARD, 0, false},
#define SCORE_FILE_ROW(slot, member, of, shape, whole, fewer, help) {FILE_OPTION(member), PASSES, 0, false},
    /* clang-format off */
    SCORE_FILES(SCORE_FILE_ROW)
    /* clang-format on */
    {FILE_OPTION(sink), PASSES, 0, false},
    {FILE_OPTION(dbias), BACKWARDS, 0, false},
    {FILE_OPTION(dsink), BACKWARDS, 0, false},
    {"kv-len", set_file, offsetof(options, kv_len), PASSES, 0, false},
    {"causal", set_causal, 0, PASSES, 0, true},
    {"align", set_align, 0, PASSES, 0, false},
    {"window", set_window, 0, PASSES, 0, false},
    {"scale", set_scale, 0, PASSES, 0, false},
    {"softcap", set_softcap, 0, PASSES, 0, false},
    {"q-tile", set_tile, offsetof(options, q_tile), PASSES, 0, false},
    {"k-tile", set_tile, offsetof(options, k_tile), PASSES, 0, false},
    {"kv-splits", set_tile, offsetof(options, kv_splits), VERB_FORWARD, 0, false},
    {"layout", set_layout, 0, PLAIN, 0, false},
    {"dtype", set_dtype, 0, PLAIN | VERB_TUNE | VERB_CHECK, 0, false},
    {"engine", set_engine, 0, PASSES | DEVICE_TESTS, 0, false},
    {"device", set_text, offsetof(options, device), PASSES | DEVICE_TESTS, 0, false},
    {"tier", set_tier, offsetof(options, tier), VERB_CHECK, 0, false},
    {"part", set_part, 0, VERB_CHECK, 0, false},
    {"case", set_text, offsetof(options, case_line), VERB_CHECK, 0, false},
    {"digest", set_flag, offsetof(options, digest), VERB_CHECK, 0, true},
    {"case", add_case, 0, VERB_TUNE, 0, false},
    {"seconds", set_seconds, 0, VERB_TUNE, 0, false},
    {"export", set_flag, offsetof(options, export_rows), VERB_TUNE, 0, true},
    {"verbose", set_flag, offsetof(options, verbose), PASSES | DEVICE_TESTS, 0, true},
};

#define ROWS (sizeof rows / sizeof rows[0])
#define FIRST_VALUE 256 /* value of the table's first row in getopt_long: above every character */

static const char *const verb_names[] = {"devices",        "forward", "backward", "layer-forward",
                                         "layer-backward", "check",   "tune"};

#define VERBS (sizeof verb_names / sizeof verb_names[0])
#define DEFAULT_HEADS 8 /* clattn_layer.heads */

verb options_verb(const char *name)
{
    for (unsigned i = 0; i < VERBS; i++) {
        if (strcmp(name, verb_names[i]) == 0) {
            return (verb)(1u << i);
        }
    }
    return (verb)0;
}

const char *options_verb_name(verb which)
{
    unsigned i = 0;
    while (i < VERBS - 1 && which != (verb)(1u << i)) {
        i++;
    }
    return verb_names[i];
}

static int bad_usage(verb which, const char *sentence, const char *what)
{
    const char *name = options_verb_name(which);
    return bad_input("%s: %s%s (see clattn %s --help)", name, sentence, what, name);
}

/* The options of this verb, and --help, for getopt_long. */
static void make_long_options(verb which, struct option table[ROWS + 2])
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].verbs & (unsigned)which) {
            table[count++] = (struct option){rows[i].name, rows[i].is_flag ? no_argument : required_argument, NULL,
                                             FIRST_VALUE + (int)i};
        }
    }
    table[count++] = (struct option){"help", no_argument, NULL, 'h'};
    table[count] = (struct option){NULL, 0, NULL, 0};
}

/* Reports an error of getopt_long; `word` is where it stopped. */
static int refuse(verb which, const char *word)
{
    const char letter[] = {'-', (char)optopt, '\0'};
    bool is_long = word[0] == '-' && word[1] == '-';
    if (optopt >= FIRST_VALUE || (is_long && optopt == 'h')) {
        return bad_usage(which, "takes no value: ", word);
    }
    return bad_usage(which, "unknown or ambiguous option: ", is_long ? word : letter);
}

static int take_option(verb which, size_t row, const char *text, options *o, bool seen[ROWS])
{
    if (seen[row] && rows[row].set != add_case) {
        return bad_usage(which, "given twice: --", rows[row].name);
    }
    seen[row] = true;
    const char *allowed = rows[row].set(o, text, rows[row].member);
    if (allowed) {
        return bad_input("%s: --%s: found \"%s\"; allowed: %s", options_verb_name(which), rows[row].name, text,
                         allowed);
    }
    return -1;
}

static int check_required(verb which, const options *o, const bool seen[ROWS])
{
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].required & (unsigned)which && !seen[i]) {
            return bad_usage(which, "missing: --", rows[i].name);
        }
    }
    if (o->dbias && !o->bias) {
        return bad_usage(which, "--dbias needs ", "--bias");
    }
    if (o->dsink && !o->sink) {
        return bad_usage(which, "--dsink needs ", "--sink");
    }
    if (which == VERB_BACKWARD && !o->dq && !o->dk && !o->dv && !o->dbias && !o->dsink) {
        return bad_usage(which, "no gradient asked for: ", "give --dq, --dk, --dv, --dbias or --dsink");
    }
    if (which == VERB_LAYER_BACKWARD && !o->dx && !o->dcontext && !o->dwq && !o->dwkv && !o->dwo && !o->dbq &&
        !o->dbkv && !o->dbo && !o->dbias && !o->dsink) {
        return bad_usage(which, "no gradient asked for: ",
                         "give --dx, --dcontext, --dwq, --dwkv, --dwo, --dbq, --dbkv, --dbo, --dbias or --dsink");
    }
    if (o->dcontext && !o->context) {
        return bad_usage(which, "--dcontext needs ", "--context");
    }
    if (o->digest && (o->case_line || (o->tier && strcmp(o->tier, "extremes") == 0))) {
        return bad_usage(which, "--digest is of a tier's cases, ", "not with --case or --tier extremes");
    }
    if (o->case_line && (o->tier || o->parts > 0)) {
        return bad_usage(which, o->tier ? "--case and --tier " : "--case and --part ", "exclude each other");
    }
    return -1;
}

/* Fills in the defaults of heads and kv_heads (the same as heads). */
static int fill_heads(verb which, options *o)
{
    o->heads = o->heads > 0 ? o->heads : DEFAULT_HEADS;
    o->kv_heads = o->kv_heads > 0 ? o->kv_heads : o->heads;
    if (o->heads % o->kv_heads != 0) {
        return bad_input("%s: --kv-heads: found \"%" PRId64 "\"; allowed: a divisor of %" PRId64
                         ", the number of heads",
                         options_verb_name(which), o->kv_heads, o->heads);
    }
    return -1;
}

int options_parse(verb which, int argc, char **argv, options *o)
{
    struct option table[ROWS + 2];
    bool seen[ROWS] = {false};
    bool has_verbose = which != VERB_DEVICES;
    int code = -1;

    memset(o, 0, sizeof *o);
    make_long_options(which, table);
    opterr = 0;
    optind = 1;
    while (code < 0) {
        int found = getopt_long(argc, argv, has_verbose ? ":hv" : ":h", table, NULL);
        if (found == -1) {
            break;
        }
        if (found == 'h') {
            fputs(usage(which), stdout);
            code = EXIT_GOOD;
        } else if (found == ':') {
            code = bad_usage(which, "no value after ", argv[optind - 1]);
        } else if (found == '?') {
            code = refuse(which, argv[optind - 1]);
        } else {
            size_t row = found == 'v' ? ROWS - 1 : (size_t)(found - FIRST_VALUE);
            code = take_option(which, row, optarg, o, seen);
        }
    }
    if (code < 0 && optind < argc) {
        code = bad_usage(which, "unexpected argument: ", argv[optind]);
    }
    code = code < 0 ? check_required(which, o, seen) : code;
    return code < 0 ? fill_heads(which, o) : code;
}
