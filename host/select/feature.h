/* SPDX-License-Identifier: Apache-2.0 */
/* A problem's features: what it needs of a kernel besides its sizes, one bit each. */
#ifndef CLATTN_SELECT_FEATURE_H
#define CLATTN_SELECT_FEATURE_H

#include "base/base.h"

/* FEATURE(NAME, its name in errors). A new option of a problem is a line here and one in
 * clattn__features. Problems with a feature are refused until a solver names it (solver.h). */
#define CLATTN__FEATURE_LIST(FEATURE)                                                                                  \
    FEATURE(FLOAT32, "float32 tensors")                                                                                \
    FEATURE(FLOAT16, "float16 tensors")                                                                                \
    FEATURE(BFLOAT16, "bfloat16 tensors")                                                                              \
    FEATURE(CAUSAL, "causal")                                                                                          \
    FEATURE(TOP_LEFT, "a diagonal at the top left")                                                                    \
    FEATURE(OFFSET, "a diagonal at an offset")                                                                         \
    FEATURE(KEY_LENGTHS, "key lengths")                                                                                \
    FEATURE(MASK_PADDING, "a padding mask")                                                                            \
    FEATURE(MASK_FULL, "a mask with rows of queries")                                                                  \
    FEATURE(PACKED_HEADS, "query heads that share a tile")                                                             \
    FEATURE(NEGATIVE_SCALE, "a negative scale")                                                                        \
    FEATURE(KEY_SPLITS, "keys in splits, as kv_splits asks")                                                           \
    FEATURE(WINDOW, "a window")                                                                                        \
    FEATURE(ALIBI, "ALiBi slopes")                                                                                     \
    FEATURE(BIAS, "a bias")                                                                                            \
    FEATURE(BIAS_FLOAT32, "a float32 bias of tensors of 16 bits")                                                      \
    FEATURE(SOFTCAP, "a softcap")                                                                                      \
    FEATURE(SINKS, "sinks")                                                                                            \
    FEATURE(DLSE, "a gradient of lse")                                                                                 \
    FEATURE(MAX_LOGIT, "the largest logits")

#define CLATTN__FEATURE_NUMBER(name, text) FEATURE_##name,
enum { CLATTN__FEATURE_LIST(CLATTN__FEATURE_NUMBER) FEATURE_COUNT };
#define CLATTN__FEATURE(name) ((uint64_t)1 << FEATURE_##name)

/* Features whose code is compiled only on demand, by -DNAME=1 (default 0). */
#define CLATTN__COMPILED (CLATTN__FEATURE(WINDOW) | CLATTN__FEATURE(ALIBI) | CLATTN__CALL_OPTIONS)

/* Those whose numbers are at the end of struct call, which other kernels do not get. */
#define CLATTN__CALL_OPTIONS                                                                                           \
    (CLATTN__BIASES | CLATTN__FEATURE(SOFTCAP) | CLATTN__FEATURE(SINKS) | CLATTN__FEATURE(DLSE) |                      \
     CLATTN__FEATURE(MAX_LOGIT))

/* Groups of features. SCORES is what kernels/attention/ does to a score in every engine. */
#define CLATTN__SCORES                                                                                                 \
    (CLATTN__DIAGONALS | CLATTN__FEATURE(KEY_LENGTHS) | CLATTN__FEATURE(WINDOW) | CLATTN__FEATURE(ALIBI) |             \
     CLATTN__FEATURE(SOFTCAP) | CLATTN__BIASES | CLATTN__FEATURE(SINKS) | CLATTN__FEATURE(DLSE) |                      \
     CLATTN__FEATURE(MAX_LOGIT))
#define CLATTN__BIASES (CLATTN__FEATURE(BIAS) | CLATTN__FEATURE(BIAS_FLOAT32))
#define CLATTN__16_BITS (CLATTN__FEATURE(FLOAT16) | CLATTN__FEATURE(BFLOAT16))
#define CLATTN__DIAGONALS (CLATTN__FEATURE(CAUSAL) | CLATTN__FEATURE(TOP_LEFT) | CLATTN__FEATURE(OFFSET))
#define CLATTN__MASKS (CLATTN__FEATURE(MASK_PADDING) | CLATTN__FEATURE(MASK_FULL))

/* All features of a problem, computed only here. */
uint64_t clattn__features(const clattn_problem *problem);

#endif
