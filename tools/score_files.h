/* SPDX-License-Identifier: Apache-2.0 */
/* Files of tensors that are shaped as clattn_score says, a line each: options, help, inputs and calls of all verbs go by
 * this list. */
#ifndef CLATTN_TOOLS_SCORE_FILES_H
#define CLATTN_TOOLS_SCORE_FILES_H

#include "input_files.h"

/* FILE(NAME, option, and member of clattn_arrays and clattn_layer_arrays, types, member of clattn_score that its shape
 * becomes, letters of that shape's dimensions, letters of a file that has fewer, help). A letter is B, H of Q, N or M. */
#define SCORE_FILES(FILE)                                                                                              \
    FILE(MASK, mask, INPUT_TRUTHS, mask_dim, "BHNM", "BM",                                                             \
         "  --mask FILE       bool or uint8, nonzero = may attend: (B,M), or (B,H,N,M) where any\n"                    \
         "                    dimension may be 1\n")                                                                   \
    FILE(ALIBI, alibi, INPUT_FLOATS, alibi_dim, "BH", "H",                                                             \
         "  --alibi FILE      ALiBi slopes, (H) or (B,H): scores lose slope |i + offset - j|\n")

#endif
