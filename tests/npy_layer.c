/* SPDX-License-Identifier: Apache-2.0 */
/* npy_helper layer X WQ WKV WO [word...]: compares results with the layer's reference in double.
 *
 * Words: those of npy_helper reference except bnhd; heads=H kvheads=H context=F bq=F bkv=F bo=F
 * dout=F; and at least one result: out=F dx=F dcontext=F dwq=F dwkv=F dwo=F dbq=F dbkv=F dbo=F. A
 * result must have the shape of its tensor. */
#include "layer_reference.h"
#include "npy_helper.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* "dwq=FILE" -> FILE for "dwq", else NULL. */
static const char *after(const char *word, const char *name)
{
    size_t length = strlen(name);
    return strncmp(word, name, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static void take_input(clattn_layer *l, clattn_layer_arrays *a, const char *word)
{
    const struct {
        enum layer_slot slot;
        const float **member;
    } inputs[] = {{LAYER_BQ, &a->bq}, {LAYER_BKV, &a->bkv}, {LAYER_BO, &a->bo}, {LAYER_DOUT, &a->dout}};
    npy_header header;
    if (after(word, "heads")) {
        l->heads = strtoll(after(word, "heads"), NULL, 10);
    } else if (after(word, "kvheads")) {
        l->kv_heads = strtoll(after(word, "kvheads"), NULL, 10);
    } else if (after(word, "context")) {
        a->context = load(after(word, "context"), NPY_FLOAT32 | NPY_FLOAT16, &header);
        l->context_len = (int64_t)header.dim[1];
        l->context_dim = (int64_t)header.dim[2];
    }
    for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
        const char *path = after(word, layer_slot_name(inputs[i].slot));
        if (path) {
            *inputs[i].member = load(path, NPY_FLOAT32 | NPY_FLOAT16, &header);
        }
    }
}

/* Applies the words that npy_helper reference has too. */
static void take_shared(clattn_layer *l, clattn_layer_arrays *a, int count, char **words)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;
    clattn_arrays middle = CLATTN_ARRAYS_INIT;
    for (int i = 0; i < count; i++) {
        take_word(&p, &middle, words[i]);
    }
    l->kv_lengths = p.kv_lengths;
    l->score = p.score;
    a->mask = middle.mask;
    a->alibi = middle.alibi;
    a->bias = middle.bias;
    a->sink = middle.sink;
    a->kv_lengths = middle.kv_lengths;
}

/* The shape of a result, as in clattn.h. */
static int shape_of(const clattn_layer *l, enum layer_slot slot, int64_t dim[3])
{
    const struct layer_shape s = layer_shape(l);
    const struct {
        enum layer_slot slot;
        int rank;
        int64_t dim[3];
    } shapes[] = {
        {LAYER_OUT, 3, {s.b, s.n, s.e}},   {LAYER_DX, 3, {s.b, s.n, s.e}},    {LAYER_DCONTEXT, 3, {s.b, s.m, s.c}},
        {LAYER_DWQ, 2, {s.inner, s.e, 0}}, {LAYER_DWO, 2, {s.e, s.inner, 0}}, {LAYER_DWKV, 2, {s.kv_inner, s.c, 0}},
        {LAYER_DBQ, 1, {s.inner, 0, 0}},   {LAYER_DBO, 1, {s.e, 0, 0}},       {LAYER_DBKV, 1, {s.kv_inner, 0, 0}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (shapes[i].slot == slot) {
            memcpy(dim, shapes[i].dim, sizeof shapes[i].dim);
            return shapes[i].rank;
        }
    }
    return 0;
}

static int compare(const char *path, const clattn_layer *l, const struct layer_truth *truth, enum layer_slot slot)
{
    int64_t dim[3];
    npy_header header;
    const float *found = load(path, NPY_FLOAT32, &header);
    const double *expected = truth->tensor[slot];
    int rank = shape_of(l, slot, dim);
    bool same = header.rank == rank && expected;
    for (int i = 0; i < rank && same; i++) {
        same = header.dim[i] == (uint64_t)dim[i];
    }
    if (!same) {
        die(path, "wrong shape");
    }
    for (size_t i = 0; i < header.count; i++) {
        double tolerance = layer_tolerance(truth, slot, i);
        if (!(fabs((double)found[i] - expected[i]) <= tolerance)) {
            fprintf(stderr, "npy_helper: %s: element %zu: found %.9g, expected %.9g within %.3g\n", path, i,
                    (double)found[i], expected[i], tolerance);
            return 1;
        }
    }
    return 0;
}

int layer(int argc, char **argv)
{
    clattn_layer l = CLATTN_LAYER_INIT;
    clattn_layer_arrays a = CLATTN_LAYER_ARRAYS_INIT;
    struct layer_truth truth;
    npy_header x, wq, other;
    int code = 2;
    a.x = load(argv[2], NPY_FLOAT32 | NPY_FLOAT16, &x);
    a.wq = load(argv[3], NPY_FLOAT32 | NPY_FLOAT16, &wq);
    a.wkv = load(argv[4], NPY_FLOAT32 | NPY_FLOAT16, &other);
    a.wo = load(argv[5], NPY_FLOAT32 | NPY_FLOAT16, &other);
    l.batch = (int64_t)x.dim[0];
    l.len = (int64_t)x.dim[1];
    l.dim = (int64_t)x.dim[2];
    take_shared(&l, &a, argc - 6, argv + 6);
    for (int i = 6; i < argc; i++) {
        take_input(&l, &a, argv[i]);
    }
    l.dim_head = (int64_t)wq.dim[0] / layer_shape(&l).h;
    if (layer_reference(&l, &a, &truth) != 0) {
        die("reference", "out of memory");
    }
    for (int i = 6; i < argc; i++) {
        for (enum layer_slot slot = LAYER_OUT; slot < LAYER_SLOTS; slot++) {
            const char *path = slot == LAYER_DOUT ? NULL : after(argv[i], layer_slot_name(slot));
            if (path) {
                int found = compare(path, &l, &truth, slot);
                code = code == 2 ? found : code | found;
            }
        }
    }
    layer_truth_free(&truth);
    return code;
}
