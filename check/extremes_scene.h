/* SPDX-License-Identifier: Apache-2.0 */
/* A problem on contiguous arrays, kept as floats, for the known answers of extremes.c: makes it,
 * runs it, compares. */
#ifndef CLATTN_CHECK_EXTREMES_SCENE_H
#define CLATTN_CHECK_EXTREMES_SCENE_H

#include "clattn.h"

enum { SCENE_Q, SCENE_K, SCENE_V, SCENE_DOUT, SCENE_OUT, SCENE_DQ, SCENE_DK, SCENE_DV, SCENE_LSE, SCENE_TENSORS };

struct known_scene {
    clattn_problem p; /* D = Dv */
    float *values[SCENE_TENSORS];
    size_t rows[SCENE_TENSORS], depth[SCENE_TENSORS];
    unsigned char *mask;
    const char *wrong; /* the first comparison that failed; `found` is its result */
    char found[160];
};

/* Inputs are 0 (known_run fills outputs with NaN); B = 1; no mask. Returns 0, or -1 when host
 * memory is short. */
int known_make(struct known_scene *s, clattn_dtype dtype, int64_t q_heads, int64_t kv_heads, int64_t n, int64_t m,
               int64_t d);
void known_free(struct known_scene *s);

/* A mask of (1,1,rows,M), all true. Returns 0, or -1 when host memory is short. */
int known_mask(struct known_scene *s, int64_t rows);

/* Sets columns first .. past - 1 of every row: to `even` in even rows of each head, to `odd` in odd
 * rows. */
void known_fill(struct known_scene *s, int tensor, size_t first, size_t past, float even, float odd);

/* Runs forward and, if `backward`, backward. A failed call counts as a failed comparison. */
void known_run(struct known_scene *s, clattn_runner *runner, int backward);

/* Row r of a tensor, counted over all heads. */
float *known_row(const struct known_scene *s, int tensor, size_t r);

/* Comparisons; the scene records the first that fails. `what` must be a literal. Bounds are
 * absolute. */
void known_near(struct known_scene *s, const char *what, double found, double expected, double bound);
void known_all_near(struct known_scene *s, const char *what, int tensor, double expected, double bound);
/* Rows first .. past - 1 of both scenes must be bit-identical. */
void known_same_rows(struct known_scene *s, const char *what, const struct known_scene *other, int tensor, size_t first,
                     size_t past);

#endif
