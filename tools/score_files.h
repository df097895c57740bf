/* SPDX-License-Identifier: Apache-2.0 */
/* The input files whose shapes are members of clattn_score, one entry each. All verbs use this list
 * for options, help, inputs and calls. */
#ifndef CLATTN_TOOLS_SCORE_FILES_H
#define CLATTN_TOOLS_SCORE_FILES_H

#include "input_files.h"

/* FILE(NAME, member, types, shape, whole, fewer, help). `member`: the option, and the member of
 * clattn_arrays and clattn_layer_arrays; `shape`: the member of clattn_score for the shape;
 * `whole`, `fewer`: letters of the dimensions of a file of full and of lower rank, each B, H (of
 * Q), N or M. */
#define SCORE_FILES(FILE)                                                                                              \
    FILE(MASK, mask, INPUT_TRUTHS, mask_dim, "BHNM", "BM",                                                             \
         "  --mask FILE       bool or uint8, nonzero = may attend: (B,M), or (B,H,N,M) where any\n"                    \
         "                    dimension may be 1\n")                                                                   \
    FILE(ALIBI, alibi, INPUT_FLOATS, alibi_dim, "BH", "H",                                                             \
         "  --alibi FILE      ALiBi slopes, (H) or (B,H): subtracts slope |i + offset - j|\n")                         \
    FILE(BIAS, bias, INPUT_FLOATS, bias_dim, "BHNM", "HNM",                                                            \
         "  --bias FILE       added to scores; -inf hides: (N,M), (H,N,M) or (B,H,N,M), where any\n"                   \
         "                    dimension may be 1\n")

#endif
