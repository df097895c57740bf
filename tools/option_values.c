/* SPDX-License-Identifier: Apache-2.0 */
/* The values of options, from their texts. */
#include "option_values.h"

#include "number.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_OFFSET ((int64_t)1 << 62) /* clattn_score.offset */
#define MAX_WINDOW ((int64_t)1 << 60) /* clattn_score.window_left */

const char *set_text(options *o, const char *text, size_t member)
{
    *(const char **)(void *)((char *)o + member) = text;
    return NULL;
}

const char *set_file(options *o, const char *text, size_t member)
{
    return text[0] == '\0' ? "a file name" : set_text(o, text, member);
}

const char *set_causal(options *o, const char *text, size_t member)
{
    (void)text;
    (void)member;
    o->score.causal = 1;
    return NULL;
}

const char *set_flag(options *o, const char *text, size_t member)
{
    (void)text;
    *(bool *)((char *)o + member) = true;
    return NULL;
}

const char *add_case(options *o, const char *text, size_t member)
{
    (void)member;
    if (o->case_count == MOST_CASES) {
        return "at most 16 cases";
    }
    o->cases[o->case_count++] = text;
    return NULL;
}

const char *set_tile(options *o, const char *text, size_t member)
{
    int64_t *tile = (int64_t *)(void *)((char *)o + member);
    return parse_integer(text, 0, INT64_MAX, tile) ? NULL : "a whole number of 0 (tuned) or more";
}

const char *set_heads(options *o, const char *text, size_t member)
{
    int64_t *heads = (int64_t *)(void *)((char *)o + member);
    return parse_integer(text, 1, INT64_MAX, heads) ? NULL : "a whole number of 1 or more";
}

const char *set_align(options *o, const char *text, size_t member)
{
    (void)member;
    if (strcmp(text, "bottom-right") == 0) {
        o->score.align = CLATTN_ALIGN_BOTTOM_RIGHT;
    } else if (strcmp(text, "top-left") == 0) {
        o->score.align = CLATTN_ALIGN_TOP_LEFT;
    } else if (parse_integer(text, -MAX_OFFSET, MAX_OFFSET, &o->score.offset)) {
        o->score.align = CLATTN_ALIGN_OFFSET;
    } else {
        return "top-left, bottom-right, or a whole number within +-2^62";
    }
    return NULL;
}

const char *set_window(options *o, const char *text, size_t member)
{
    char left[24] = "";
    const char *comma = strchr(text, ',');
    (void)member;
    if (comma != NULL && (size_t)(comma - text) < sizeof left) {
        memcpy(left, text, (size_t)(comma - text));
    }
    o->score.window = 1;
    bool good = comma != NULL && parse_integer(left, -1, MAX_WINDOW, &o->score.window_left) &&
                parse_integer(comma + 1, -1, MAX_WINDOW, &o->score.window_right);
    return good ? NULL : "L,R, two whole numbers from -1 (no end on that side) to 2^60";
}

const char *set_scale(options *o, const char *text, size_t member)
{
    static const char allowed[] = "a finite float32 number, or 0 for 1/sqrt(D)";
    char *end;
    (void)member;
    if (text[0] == '\0' || isspace((unsigned char)text[0])) {
        return allowed;
    }
    double value = strtod(text, &end);
    o->score.scale = (float)value;
    /* A number too small for float32 would become 0, which selects the default scale. */
    if (*end != '\0' || !isfinite(value) || !isfinite(o->score.scale) || (value != 0 && o->score.scale == 0.0f)) {
        return allowed;
    }
    return NULL;
}

const char *set_softcap(options *o, const char *text, size_t member)
{
    char *end;
    (void)member;
    o->score.softcap = strtof(text, &end);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' ||
        (o->score.softcap != 0.0f && !(o->score.softcap >= 0x1p-60f && o->score.softcap <= 0x1p60f))) {
        return "a number from 2^-60 to 2^60, or 0 for no cap";
    }
    return NULL;
}

const char *set_seconds(options *o, const char *text, size_t member)
{
    char *end;
    (void)member;
    o->seconds = strtod(text, &end);
    if (!isdigit((unsigned char)text[0]) || *end != '\0' || !(o->seconds > 0) || !isfinite(o->seconds)) {
        return "a number above 0";
    }
    return NULL;
}

const char *set_engine(options *o, const char *text, size_t member)
{
    (void)member;
    for (int i = 0; clattn_engine_name((clattn_engine)i) != NULL; i++) {
        if (strcmp(text, clattn_engine_name((clattn_engine)i)) == 0) {
            o->engine = (clattn_engine)i;
            return NULL;
        }
    }
    return "auto, simt, cpu, nvidia_mma, nvidia_wgmma";
}

const char *set_dtype(options *o, const char *text, size_t member)
{
    static const char *const names[] = {"f32", "f16", "bf16"}; /* in the order of clattn_dtype */
    (void)member;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            o->dtype = (clattn_dtype)i;
            return NULL;
        }
    }
    return "f32, f16, bf16";
}

const char *set_layout(options *o, const char *text, size_t member)
{
    (void)member;
    o->bnhd = strcmp(text, "bnhd") == 0;
    return o->bnhd || strcmp(text, "bhnd") == 0 ? NULL : "bhnd, bnhd";
}

const char *set_tier(options *o, const char *text, size_t member)
{
    bool known = strcmp(text, "tiny") == 0 || strcmp(text, "quick") == 0 || strcmp(text, "full") == 0 ||
                 strcmp(text, "extremes") == 0;
    return known ? set_text(o, text, member) : "tiny, quick, full, extremes";
}

const char *set_part(options *o, const char *text, size_t member)
{
    char first[8] = "";
    const char *slash = strchr(text, '/');
    (void)member;
    if (slash != NULL && (size_t)(slash - text) < sizeof first) {
        memcpy(first, text, (size_t)(slash - text));
    }
    bool good =
        slash != NULL && parse_integer(slash + 1, 1, 9999, &o->parts) && parse_integer(first, 1, o->parts, &o->part);
    return good ? NULL : "K/N with whole numbers, 1 <= K <= N <= 9999";
}
