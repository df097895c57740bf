/* SPDX-License-Identifier: Apache-2.0 */
#include "extremes_scene.h"

#include "half.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static clattn_dtype dtype_of(const struct known_scene *s, int tensor)
{
    return tensor == SCENE_LSE ? CLATTN_FLOAT32 : s->p.dtype;
}

static size_t count_of(const struct known_scene *s, int tensor)
{
    return s->rows[tensor] * s->depth[tensor];
}

int known_make(struct known_scene *s, clattn_dtype dtype, int64_t q_heads, int64_t kv_heads, int64_t n, int64_t m,
               int64_t d)
{
    memset(s, 0, sizeof *s);
    s->p = (clattn_problem)CLATTN_PROBLEM_INIT;
    s->p.dtype = dtype;
    s->p.batch = 1;
    s->p.q_heads = q_heads;
    s->p.kv_heads = kv_heads;
    s->p.q_len = n;
    s->p.kv_len = m;
    s->p.qk_dim = s->p.v_dim = d;
    for (int t = 0; t < SCENE_TENSORS; t++) {
        const int of_keys = t == SCENE_K || t == SCENE_V || t == SCENE_DK || t == SCENE_DV;

        s->rows[t] = (size_t)(of_keys ? kv_heads * m : q_heads * n);
        s->depth[t] = t == SCENE_LSE ? 1 : (size_t)d;
        s->values[t] = calloc(count_of(s, t), sizeof(float));
        if (s->values[t] == NULL) {
            known_free(s);
            return -1;
        }
    }
    return 0;
}

void known_free(struct known_scene *s)
{
    for (int t = 0; t < SCENE_TENSORS; t++) {
        free(s->values[t]);
        s->values[t] = NULL;
    }
    free(s->mask);
    s->mask = NULL;
}

int known_mask(struct known_scene *s, int64_t rows)
{
    const int64_t dim[4] = {1, 1, rows, s->p.kv_len};

    memcpy(s->p.score.mask_dim, dim, sizeof dim);
    s->mask = malloc((size_t)(rows * s->p.kv_len));
    if (s->mask == NULL) {
        return -1;
    }
    memset(s->mask, 1, (size_t)(rows * s->p.kv_len));
    return 0;
}

float *known_row(const struct known_scene *s, int tensor, size_t r)
{
    return s->values[tensor] + r * s->depth[tensor];
}

void known_fill(struct known_scene *s, int tensor, size_t first, size_t past, float even, float odd)
{
    const size_t length = (size_t)(tensor == SCENE_K || tensor == SCENE_V ? s->p.kv_len : s->p.q_len);

    for (size_t r = 0; r < s->rows[tensor]; r++) {
        for (size_t x = first; x < past; x++) {
            known_row(s, tensor, r)[x] = r % length % 2 != 0 ? odd : even;
        }
    }
}

/* ---- running ---- */

static void fail(struct known_scene *s, const char *what, const char *found)
{
    if (s->wrong == NULL) {
        s->wrong = what;
        snprintf(s->found, sizeof s->found, "%s", found);
    }
}

static void run_arrays(struct known_scene *s, clattn_runner *runner, int backward, void *const *bytes)
{
    clattn_arrays a = CLATTN_ARRAYS_INIT;
    const void **const inputs[SCENE_TENSORS] = {&a.q.data, &a.k.data, &a.v.data, &a.dout.data};
    void **const outputs[SCENE_TENSORS] = {
        [SCENE_OUT] = &a.out.data, [SCENE_DQ] = &a.dq.data,   [SCENE_DK] = &a.dk.data,
        [SCENE_DV] = &a.dv.data,   [SCENE_LSE] = &a.lse.data,
    };

    for (int t = 0; t < SCENE_TENSORS; t++) {
        const int of_backward = t == SCENE_DOUT || t == SCENE_DQ || t == SCENE_DK || t == SCENE_DV;

        if (outputs[t] != NULL) {
            *outputs[t] = backward || !of_backward ? bytes[t] : NULL;
        } else {
            *inputs[t] = backward || !of_backward ? bytes[t] : NULL;
        }
    }
    a.mask.data = s->mask;
    if (clattn_run_forward(runner, &s->p, &a, NULL) != CLATTN_SUCCESS) {
        fail(s, "the forward runs", clattn_last_error());
    } else if (backward && clattn_run_backward(runner, &s->p, &a, NULL) != CLATTN_SUCCESS) {
        fail(s, "the backward runs", clattn_last_error());
    }
}

void known_run(struct known_scene *s, clattn_runner *runner, int backward)
{
    void *bytes[SCENE_TENSORS] = {NULL};
    int made = 1;

    for (int t = 0; t < SCENE_TENSORS; t++) {
        const size_t size = count_of(s, t) * element_bytes(dtype_of(s, t));

        bytes[t] = malloc(size);
        made = made && bytes[t] != NULL;
        if (bytes[t] != NULL && t >= SCENE_OUT) {
            memset(bytes[t], 0xff, size);
        } else if (bytes[t] != NULL) {
            elements_write(dtype_of(s, t), s->values[t], count_of(s, t), bytes[t]);
            elements_read(dtype_of(s, t), bytes[t], count_of(s, t), s->values[t]);
        }
    }
    if (made) {
        run_arrays(s, runner, backward, bytes);
    } else {
        fail(s, "there is host memory", "none");
    }
    for (int t = SCENE_OUT; t < SCENE_TENSORS && made; t++) {
        elements_read(dtype_of(s, t), bytes[t], count_of(s, t), s->values[t]);
    }
    for (int t = 0; t < SCENE_TENSORS; t++) {
        free(bytes[t]);
    }
}

/* ---- comparing ---- */

void known_near(struct known_scene *s, const char *what, double found, double expected, double bound)
{
    char text[160];

    if (!(fabs(found - expected) <= bound) && found != expected) {
        snprintf(text, sizeof text, "%.9g, expected %.9g within %.3g", found, expected, bound);
        fail(s, what, text);
    }
}

void known_all_near(struct known_scene *s, const char *what, int tensor, double expected, double bound)
{
    for (size_t n = 0; n < count_of(s, tensor); n++) {
        known_near(s, what, (double)s->values[tensor][n], expected, bound);
    }
}

void known_same_rows(struct known_scene *s, const char *what, const struct known_scene *other, int tensor, size_t first,
                     size_t past)
{
    for (size_t n = first * s->depth[tensor]; n < past * s->depth[tensor]; n++) {
        const float a = s->values[tensor][n], b = other->values[tensor][n];

        if (memcmp(&a, &b, sizeof a) != 0) {
            char text[160];

            snprintf(text, sizeof text, "%.9g and %.9g, element %zu", (double)a, (double)b, n);
            fail(s, what, text);
        }
    }
}
