/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and compares .npy files for test_tool.sh and test_tool_layer.sh.
 *
 *   npy_helper make FILE TYPE B,H,N,D SEED [bnhd | small]
 *       Elements that float16 holds exactly, hashed from (b,h,n,d) and SEED. TYPE is f4, f2 (the same values), b1,
 *       u1, i4 or i8. With bnhd the file is (B,N,H,D), with the same element at the same (b,h,n,d). Fewer dimensions
 *       are allowed. With small the elements are an eighth, for weights.
 *   npy_helper lengths FILE TYPE L,L,...
 *       A file of shape (B), TYPE i4 or i8.
 *   npy_helper constant FILE B,H,N,D X
 *       A float32 file of X everywhere.
 *   npy_helper holds FILE X
 *       Checks that every element of a float file is X.
 *   npy_helper reference Q K V DOUT [word...]
 *       Compares results with the double reference, as clattn check does. Words:
 *       causal offset=X window=L,R scale=X softcap=X mask=F alibi=F bias=F sink=F dlse=F kvlen=F
 *       bnhd, dtype=f16|bf16 (the type of the stored results), and at least one result: out=F lse=F dq=F dk=F dv=F
 *       dbias=F dsink=F max_logit=F.
 *   npy_helper layer X WQ WKV WO [word...]
 *       The same for a layer; see npy_layer.c.
 *
 * Exit code 0: done, equal. 1: not equal. 2: any other error. */
#include "npy_helper.h"

#include "check.h"
#include "naive.h"
#include "visible.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void die(const char *what, const char *why)
{
    fprintf(stderr, "npy_helper: %s: %s\n", what, why);
    exit(2);
}

void *take(size_t bytes)
{
    static void *kept[64]; /* for leak checkers */
    static size_t count;
    if (count == sizeof kept / sizeof kept[0] || !(kept[count] = calloc(bytes + 1, 1))) {
        die("calloc", "out of memory");
    }
    return kept[count++];
}

void *load(const char *path, unsigned allowed, npy_header *header)
{
    npy_file file;
    npy_error error;
    if (!npy_open(&file, path, allowed, &error)) {
        die(path, error.text);
    }
    if (file.header.count > SIZE_MAX / sizeof(double)) {
        die(path, "larger than what this machine can address");
    }
    void *data = take((size_t)file.header.count * 4);
    bool good = allowed & NPY_FLOAT32 ? npy_read_float32(&file, data, &error)
                : allowed & NPY_INT32 ? npy_read_int32(&file, data, &error)
                                      : npy_read_bytes(&file, data, &error);
    if (!good) {
        die(path, error.text);
    }
    *header = file.header;
    npy_close(&file);
    return data;
}

/* Reads a file as float32 in (B,H,N,D) order. */
static float *load_bhnd(const char *path, bool bnhd, int64_t dim[4])
{
    npy_header header;
    float *data = load(path, NPY_FLOAT32 | NPY_FLOAT16, &header);
    for (int i = 0; i < 4; i++) {
        dim[i] = i < header.rank ? (int64_t)header.dim[i] : 1;
    }
    if (!bnhd || header.rank != 4) {
        return data;
    }
    int64_t heads = dim[2];
    int64_t rows = dim[1];
    float *sorted = take((size_t)header.count * sizeof *sorted);
    for (int64_t line = 0; line < dim[0] * heads * rows; line++) {
        int64_t b = line / (heads * rows);
        int64_t h = line / rows % heads;
        int64_t r = line % rows;
        memcpy(sorted + line * dim[3], data + ((b * rows + r) * heads + h) * dim[3], (size_t)dim[3] * sizeof *sorted);
    }
    dim[1] = heads;
    dim[2] = rows;
    return sorted;
}

static int holds(char **argv)
{
    npy_header header;
    const float *data = load(argv[2], NPY_FLOAT32 | NPY_FLOAT16, &header);
    for (uint64_t i = 0; i < header.count; i++) {
        if (data[i] != strtof(argv[3], NULL)) {
            fprintf(stderr, "npy_helper: %s: element %" PRIu64 ": found %.9g\n", argv[2], i, (double)data[i]);
            return 1;
        }
    }
    return 0;
}

void take_word(clattn_problem *p, clattn_arrays *a, const char *word)
{
    npy_header header;
    long long left;
    long long right;
    if (strcmp(word, "causal") == 0) {
        p->score.causal = 1;
    } else if (strncmp(word, "offset=", 7) == 0) {
        p->score.align = CLATTN_ALIGN_OFFSET;
        p->score.offset = strtoll(word + 7, NULL, 10);
    } else if (sscanf(word, "window=%lld,%lld", &left, &right) == 2) {
        p->score.window = 1;
        p->score.window_left = left;
        p->score.window_right = right;
    } else if (strncmp(word, "scale=", 6) == 0) {
        p->score.scale = strtof(word + 6, NULL);
    } else if (strncmp(word, "softcap=", 8) == 0) {
        p->score.softcap = strtof(word + 8, NULL);
    } else if (strncmp(word, "mask=", 5) == 0) {
        a->mask.data = load(word + 5, NPY_BOOL | NPY_UINT8, &header);
        for (int i = 0; i < 4; i++) {
            p->score.mask_dim[i] = header.rank == 4 ? (int64_t)header.dim[i]
                                   : i % 3 == 0     ? (int64_t)header.dim[i / 3]
                                                    : 1;
        }
    } else if (strncmp(word, "alibi=", 6) == 0) {
        a->alibi.data = load(word + 6, NPY_FLOAT32 | NPY_FLOAT16, &header);
        p->score.alibi_dim[0] = header.rank == 2 ? (int64_t)header.dim[0] : 1;
        p->score.alibi_dim[1] = (int64_t)header.dim[header.rank - 1];
    } else if (strncmp(word, "bias=", 5) == 0) {
        a->bias.data = load(word + 5, NPY_FLOAT32 | NPY_FLOAT16, &header);
        for (int i = 0; i < 4; i++) {
            const int at = i - (4 - header.rank);

            p->score.bias_dim[i] = at < 0 ? 1 : (int64_t)header.dim[at];
        }
    } else if (strncmp(word, "sink=", 5) == 0) {
        a->sink.data = load(word + 5, NPY_FLOAT32 | NPY_FLOAT16, &header);
        p->score.sinks = 1;
    } else if (strncmp(word, "dlse=", 5) == 0) {
        a->dlse.data = load(word + 5, NPY_FLOAT32 | NPY_FLOAT16, &header);
        p->score.dlse = 1;
    } else if (strncmp(word, "kvlen=", 6) == 0) {
        a->kv_lengths.data = load(word + 6, NPY_INT32 | NPY_INT64, &header);
        p->kv_lengths = 1;
    } else if (strcmp(word, "dtype=f16") == 0 || strcmp(word, "dtype=bf16") == 0) {
        p->dtype = word[6] == 'b' ? CLATTN_BFLOAT16 : CLATTN_FLOAT16;
    } else if (strcmp(word, "bnhd") != 0 && !strchr(word, '=')) {
        die(word, "unknown word");
    }
}

/* The expected result, and the data for its tolerance. */
struct truth {
    int64_t count;
    double *expected;
    struct check_tolerance tolerance;
};

static void find_tolerances(const clattn_problem *p, const clattn_arrays *a, const struct reference_sizes *forward,
                            const struct reference_sizes *backward, struct truth truth[CHECK_TENSORS])
{
    float *naive[CHECK_TENSORS];
    for (int i = 0; i < CHECK_TENSORS; i++) {
        const int of_forward = i == CHECK_OUT || i == CHECK_LSE || i == CHECK_MAX_LOGIT;
        truth[i].tolerance = check_tolerance((enum check_tensor)i, of_forward ? forward : backward, truth[i].expected,
                                             (size_t)truth[i].count);
        naive[i] = take((size_t)truth[i].count * sizeof *naive[i]);
    }
    if (p->dtype == CLATTN_FLOAT32) {
        return;
    }
    if (naive_attention(p, a, naive[CHECK_OUT], naive[CHECK_DQ], naive[CHECK_DK], naive[CHECK_DV],
                        naive[CHECK_DBIAS]) != 0) {
        die("naive attention", "out of memory");
    }
    for (int i = 0; i < CHECK_TENSORS; i++) {
        if (i != CHECK_LSE && i != CHECK_DSINK && i != CHECK_MAX_LOGIT) {
            truth[i].tolerance =
                check_tolerance_16((enum check_tensor)i, truth[i].tolerance,
                                   check_worst_error(naive[i], truth[i].expected, (size_t)truth[i].count));
        }
    }
}

static int compare(const char *path, bool bnhd, enum check_tensor tensor, const struct truth *truth)
{
    const double *expected = truth->expected;
    const int64_t count = truth->count;
    int64_t dim[4];
    size_t index = 0;
    float *found = load_bhnd(path, bnhd && tensor != CHECK_LSE && tensor != CHECK_MAX_LOGIT, dim);
    if (dim[0] * dim[1] * dim[2] * dim[3] != count) {
        die(path, "wrong number of elements");
    }
    double ratio = check_worst_ratio(truth->tolerance, found, expected, (size_t)count, &index);
    if (!(ratio <= 1)) {
        fprintf(stderr, "npy_helper: %s: element %zu: found %.9g, expected %.9g, %.3g of the tolerance\n", path, index,
                (double)found[index], expected[index], ratio);
    }
    return ratio <= 1 ? 0 : 1;
}

static int reference(int argc, char **argv)
{
    clattn_problem p = CLATTN_PROBLEM_INIT;
    clattn_arrays a = CLATTN_ARRAYS_INIT;
    int64_t q[4], k[4], v[4], dout[4];
    bool bnhd = false;
    int code = 2;
    for (int i = 6; i < argc; i++) {
        bnhd = bnhd || strcmp(argv[i], "bnhd") == 0;
        take_word(&p, &a, argv[i]);
    }
    a.q.data = load_bhnd(argv[2], bnhd, q);
    a.k.data = load_bhnd(argv[3], bnhd, k);
    a.v.data = load_bhnd(argv[4], bnhd, v);
    a.dout.data = load_bhnd(argv[5], bnhd, dout);
    p.batch = q[0];
    p.q_heads = q[1];
    p.q_len = q[2];
    p.qk_dim = q[3];
    p.kv_heads = k[1];
    p.kv_len = k[2];
    p.v_dim = v[3];
    const int64_t q_rows = q[0] * q[1] * q[2], k_rows = k[0] * k[1] * k[2];
    const int64_t count[CHECK_TENSORS] = {q_rows * v[3],           q_rows, q_rows * q[3], k_rows * q[3], k_rows * v[3],
                                          (int64_t)bias_count(&p), q[1],   q_rows};
    struct truth truth[CHECK_TENSORS];
    struct reference_sizes forward = {0}, backward = {0};
    for (int i = 0; i < CHECK_TENSORS; i++) {
        truth[i].count = count[i];
        truth[i].expected = take((size_t)count[i] * sizeof *truth[i].expected);
    }
    if (reference_forward(&p, &a, truth[CHECK_OUT].expected, truth[CHECK_LSE].expected, &forward) != 0 ||
        reference_backward(&p, &a, truth[CHECK_DQ].expected, truth[CHECK_DK].expected, truth[CHECK_DV].expected,
                           &backward) != 0 ||
        (bias_count(&p) > 0 && reference_dbias(&p, &a, truth[CHECK_DBIAS].expected, &backward) != 0) ||
        reference_dsink(&p, &a, truth[CHECK_DSINK].expected, NULL, &backward) != 0 ||
        reference_max_logit(&p, &a, truth[CHECK_MAX_LOGIT].expected) != 0) {
        die("reference", "out of memory");
    }
    find_tolerances(&p, &a, &forward, &backward, truth);
    for (int i = 6; i < argc; i++) {
        for (int t = 0; t < CHECK_TENSORS; t++) {
            const char *name = check_tensor_name((enum check_tensor)t);
            size_t length = strlen(name);
            if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=') {
                int found = compare(argv[i] + length + 1, bnhd, (enum check_tensor)t, &truth[t]);
                code = code == 2 ? found : code | found;
            }
        }
    }
    return code;
}

int main(int argc, char **argv)
{
    if (argc >= 6 && strcmp(argv[1], "make") == 0) {
        return make(argc, argv);
    }
    if (argc == 5 && strcmp(argv[1], "lengths") == 0) {
        return lengths(argv);
    }
    if (argc == 5 && strcmp(argv[1], "constant") == 0) {
        return constant(argv);
    }
    if (argc == 4 && strcmp(argv[1], "holds") == 0) {
        return holds(argv);
    }
    if (argc >= 7 && strcmp(argv[1], "reference") == 0) {
        return reference(argc, argv);
    }
    if (argc >= 7 && strcmp(argv[1], "layer") == 0) {
        return layer(argc, argv);
    }
    die("usage", "see tests/npy_helper.c");
    return 2;
}
