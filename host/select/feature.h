/* SPDX-License-Identifier: Apache-2.0 */
/* What a problem asks of a kernel beyond its sizes, a bit each: its feature word. */
#ifndef CLATTN_SELECT_FEATURE_H
#define CLATTN_SELECT_FEATURE_H

#include "base/base.h"

/* FEATURE(NAME, as an error calls it). A new option of a problem is a line here and one in clattn__features; until a
 * solver names it (solver.h), problems that have it are refused. */
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
    FEATURE(KEY_SPLITS, "keys in parts, as kv_splits asks")                                                            \
    FEATURE(WINDOW, "a window")                                                                                        \
    FEATURE(ALIBI, "ALiBi slopes")

#define CLATTN__FEATURE_NUMBER(name, text) FEATURE_##name,
enum { CLATTN__FEATURE_LIST(CLATTN__FEATURE_NUMBER) FEATURE_COUNT };
#define CLATTN__FEATURE(name) ((uint64_t)1 << FEATURE_##name)

/* Those that kernels have code for only where they are compiled in: by -DNAME=1, which is 0 else. */
#define CLATTN__COMPILED (CLATTN__FEATURE(WINDOW) | CLATTN__FEATURE(ALIBI))

/* Those that are often named together. What kernels/attention/ does to any score, whatever the engine, is in the first. */
#define CLATTN__SCORES                                                                                                 \
    (CLATTN__DIAGONALS | CLATTN__FEATURE(KEY_LENGTHS) | CLATTN__FEATURE(WINDOW) | CLATTN__FEATURE(ALIBI))
#define CLATTN__16_BITS (CLATTN__FEATURE(FLOAT16) | CLATTN__FEATURE(BFLOAT16))
#define CLATTN__DIAGONALS (CLATTN__FEATURE(CAUSAL) | CLATTN__FEATURE(TOP_LEFT) | CLATTN__FEATURE(OFFSET))
#define CLATTN__MASKS (CLATTN__FEATURE(MASK_PADDING) | CLATTN__FEATURE(MASK_FULL))

/* The word of a problem: the one place that knows. */
uint64_t clattn__features(const clattn_problem *problem);

#endif
