/* SPDX-License-Identifier: Apache-2.0 */
/* A problem with contiguous arrays, as floats, for the known answers of extremes.c: makes, runs and compares. */
#ifndef CLATTN_CHECK_EXTREMES_SCENE_H
#define CLATTN_CHECK_EXTREMES_SCENE_H

#include "clattn.h"

enum { SCENE_Q, SCENE_K, SCENE_V, SCENE_DOUT, SCENE_OUT, SCENE_DQ, SCENE_DK, SCENE_DV, SCENE_LSE, SCENE_TENSORS };

struct known_scene {
    clattn_problem p; /* D is Dv */
    float *values[SCENE_TENSORS];
    size_t rows[SCENE_TENSORS], depth[SCENE_TENSORS];
    unsigned char *mask;
    const char *wrong; /* the first comparison that failed, and what it found */
    char found[160];
};

/* Everything 0, outputs NaN; B is 1, and there is no mask. Returns 0, or -1 without host memory. */
int known_make(struct known_scene *s, clattn_dtype dtype, int64_t q_heads, int64_t kv_heads, int64_t n, int64_t m,
               int64_t d);
void known_free(struct known_scene *s);

/* A mask of (1, 1, rows, M), all true; 0, or -1 without host memory. */
int known_mask(struct known_scene *s, int64_t rows);

/* Sets depth elements first .. past - 1 of every row to `even` or, where the row's number within its head is odd,
 * `odd`. */
void known_fill(struct known_scene *s, int tensor, size_t first, size_t past, float even, float odd);

/* Forward, and backward if asked. What fails is a comparison that fails. */
void known_run(struct known_scene *s, clattn_runner *runner, int backward);

/* Row r (of all heads') of a tensor. */
float *known_row(const struct known_scene *s, int tensor, size_t r);

/* Each keeps the first that fails in the scene: `what` is a literal. Bounds are absolute. */
void known_near(struct known_scene *s, const char *what, double found, double expected, double bound);
void known_all_near(struct known_scene *s, const char *what, int tensor, double expected, double bound);
/* Rows first .. past - 1 of both scenes are the same bits. */
void known_same_rows(struct known_scene *s, const char *what, const struct known_scene *other, int tensor, size_t first,
                     size_t past);

#endif
