#include "inputs.h"

#include "message.h"

#include <inttypes.h>
#include <stdlib.h>

#define FLOATS (NPY_FLOAT32 | NPY_FLOAT16)

static const struct {
    const char *option;
    unsigned types;
    int rank; /* 0: see check_mask */
} inputs_known[INPUTS] = {
    [IN_Q] = {"--q", FLOATS, 4},
    [IN_K] = {"--k", FLOATS, 4},
    [IN_V] = {"--v", FLOATS, 4},
    [IN_DOUT] = {"--dout", FLOATS, 4},
    [IN_MASK] = {"--mask", NPY_BOOL | NPY_UINT8, 0},
    [IN_KV_LEN] = {"--kv-len", NPY_INT32 | NPY_INT64, 1},
};

/* A dimension that another input fixes. */
typedef struct expected {
    int axis; /* of the file */
    const char *name;
    int64_t size;
    int from; /* the input */
} expected;

static int bad_shape(const inputs *in, int which, const char *allowed)
{
    char shape[NPY_SHAPE_TEXT];
    const npy_header *header = &in->file[which].header;
    return bad_input("%s %s: shape %s; allowed: %s", inputs_known[which].option, in->path[which],
                     npy_shape_text(header->rank, header->dim, shape), allowed);
}

static int check_sizes(const inputs *in, int which, const expected *list, size_t count)
{
    char shape[NPY_SHAPE_TEXT];
    const npy_header *header = &in->file[which].header;
    for (size_t i = 0; i < count; i++) {
        if (header->dim[list[i].axis] != (uint64_t)list[i].size) {
            return bad_input("%s %s: shape %s, found %s = %" PRIu64 "; allowed: %" PRId64 ", as %s has it",
                             inputs_known[which].option, in->path[which],
                             npy_shape_text(header->rank, header->dim, shape), list[i].name, header->dim[list[i].axis],
                             list[i].size, inputs_known[list[i].from].option);
        }
    }
    return -1;
}

/* Opens each file that is named; type and number of dimensions are good afterwards, and no dimension is 0. */
static int open_files(inputs *in, bool bnhd)
{
    for (int i = 0; i < INPUTS; i++) {
        npy_error error;
        const npy_header *header = &in->file[i].header;
        if (!in->path[i]) {
            continue;
        }
        if (!npy_open(&in->file[i], in->path[i], inputs_known[i].types, &error)) {
            return bad_input("%s %s: %s", inputs_known[i].option, in->path[i], error.text);
        }
        if (inputs_known[i].rank == 4 && header->rank != 4) {
            return bad_shape(in, i, bnhd ? "4 dimensions (B,N,H,D)" : "4 dimensions (B,H,N,D)");
        }
        if (header->count == 0) {
            return bad_shape(in, i, "no dimension of 0");
        }
        if (header->count > SIZE_MAX / 8) {
            return bad_shape(in, i, "what this machine can address");
        }
    }
    return -1;
}

static int check_head_dim(const inputs *in, int which)
{
    if (in->file[which].header.dim[3] > CLATTN_MAX_HEAD_DIM) {
        char allowed[64];
        snprintf(allowed, sizeof allowed, "a last dimension of at most %d", CLATTN_MAX_HEAD_DIM);
        return bad_shape(in, which, allowed);
    }
    return -1;
}

static int check_kv(const inputs *in, const clattn_problem *p, int head_axis, int row_axis)
{
    const expected of_k[] = {{0, "B", p->batch, IN_Q}, {3, "D", p->qk_dim, IN_Q}};
    const expected of_v[] = {
        {0, "B", p->batch, IN_K}, {head_axis, "Hk", p->kv_heads, IN_K}, {row_axis, "M", p->kv_len, IN_K}};
    int code = check_sizes(in, IN_K, of_k, 2);
    if (code < 0 && p->q_heads % p->kv_heads != 0) {
        char allowed[96];
        snprintf(allowed, sizeof allowed, "heads that divide %" PRId64 ", the number of heads of --q", p->q_heads);
        code = bad_shape(in, IN_K, allowed);
    }
    return code < 0 ? check_sizes(in, IN_V, of_v, 3) : code;
}

static int check_dout(const inputs *in, const clattn_problem *p, int head_axis, int row_axis)
{
    const expected of_dout[] = {{0, "B", p->batch, IN_Q},
                                {head_axis, "Hq", p->q_heads, IN_Q},
                                {row_axis, "N", p->q_len, IN_Q},
                                {3, "Dv", p->v_dim, IN_V}};
    return check_sizes(in, IN_DOUT, of_dout, 4);
}

/* (B,M) stands for (B,1,1,M); any dimension may be 1. */
static int check_mask(const inputs *in, clattn_problem *p)
{
    const npy_header *header = &in->file[IN_MASK].header;
    const int64_t full[4] = {p->batch, p->q_heads, p->q_len, p->kv_len};
    bool good = header->rank == 2 || header->rank == 4;
    for (int i = 0; i < 4 && good; i++) {
        bool is_there = header->rank == 4 || i == 0 || i == 3;
        uint64_t size = is_there ? header->dim[header->rank == 4 ? i : i / 3] : 1;
        good = size == 1 || size == (uint64_t)full[i];
        p->mask_dim[i] = (int64_t)size;
    }
    if (!good) {
        char allowed[192];
        snprintf(allowed, sizeof allowed,
                 "(%" PRId64 ", %" PRId64 ") or (%" PRId64 ", %" PRId64 ", %" PRId64 ", %" PRId64
                 "), where any dimension may be 1",
                 full[0], full[3], full[0], full[1], full[2], full[3]);
        return bad_shape(in, IN_MASK, allowed);
    }
    return -1;
}

static int check_kv_len(const inputs *in, clattn_problem *p)
{
    const npy_header *header = &in->file[IN_KV_LEN].header;
    if (header->rank != 1 || header->dim[0] != (uint64_t)p->batch) {
        char allowed[64];
        snprintf(allowed, sizeof allowed, "(%" PRId64 ",), one length a batch", p->batch);
        return bad_shape(in, IN_KV_LEN, allowed);
    }
    p->kv_lengths = 1;
    return -1;
}

/* Outputs that no input is as large as must be addressable too. */
static int check_out_size(const clattn_problem *p)
{
    uint64_t rows = (uint64_t)p->batch * (uint64_t)p->q_heads * (uint64_t)p->q_len; /* below 2^60: q holds them */
    if (rows > SIZE_MAX / 8 / (uint64_t)p->v_dim) {
        return bad_input("the output of %" PRIu64 " rows of %" PRId64 " is past what this machine can address", rows,
                         p->v_dim);
    }
    return -1;
}

static void fill_problem(clattn_problem *p, const inputs *in, const options *o)
{
    const uint64_t *q = in->file[IN_Q].header.dim;
    const uint64_t *k = in->file[IN_K].header.dim;
    const clattn_problem initial = CLATTN_PROBLEM_INIT;
    *p = initial;
    p->batch = (int64_t)q[0];
    p->q_heads = (int64_t)q[o->bnhd ? 2 : 1];
    p->q_len = (int64_t)q[o->bnhd ? 1 : 2];
    p->qk_dim = (int64_t)q[3];
    p->kv_heads = (int64_t)k[o->bnhd ? 2 : 1];
    p->kv_len = (int64_t)k[o->bnhd ? 1 : 2];
    p->v_dim = (int64_t)in->file[IN_V].header.dim[3];
    p->scale = o->scale;
    p->causal = o->causal;
    p->align = o->align;
    p->offset = o->offset;
    p->q_tile = o->q_tile;
    p->k_tile = o->k_tile;
}

int inputs_open(inputs *in, const options *o, clattn_problem *p)
{
    const int head_axis = o->bnhd ? 2 : 1;
    const int row_axis = o->bnhd ? 1 : 2;
    const char *paths[INPUTS] = {o->q, o->k, o->v, o->dout, o->mask, o->kv_len};
    for (int i = 0; i < INPUTS; i++) {
        in->path[i] = paths[i];
    }
    int code = open_files(in, o->bnhd);
    if (code >= 0) {
        return code;
    }
    fill_problem(p, in, o);
    code = check_head_dim(in, IN_Q);
    code = code < 0 ? check_head_dim(in, IN_V) : code;
    code = code < 0 ? check_kv(in, p, head_axis, row_axis) : code;
    code = code < 0 ? check_out_size(p) : code;
    code = code < 0 && in->path[IN_DOUT] ? check_dout(in, p, head_axis, row_axis) : code;
    code = code < 0 && in->path[IN_MASK] ? check_mask(in, p) : code;
    code = code < 0 && in->path[IN_KV_LEN] ? check_kv_len(in, p) : code;
    return code;
}

static int read_file(inputs *in, int which)
{
    npy_file *file = &in->file[which];
    npy_error error;
    bool good;
    size_t bytes = (size_t)file->header.count * (which == IN_MASK ? 1 : 4);
    progress("reading %s", in->path[which]);
    in->data[which] = malloc(bytes);
    if (!in->data[which]) {
        return failed("%s %s: out of host memory: %zu bytes", inputs_known[which].option, in->path[which], bytes);
    }
    if (which == IN_MASK) {
        good = npy_read_bytes(file, in->data[which], &error);
    } else if (which == IN_KV_LEN) {
        good = npy_read_int32(file, in->data[which], &error);
    } else {
        good = npy_read_float32(file, in->data[which], &error);
    }
    npy_close(file);
    return good ? -1 : bad_input("%s %s: %s", inputs_known[which].option, in->path[which], error.text);
}

/* The library clamps lengths; in a file they are more likely a mistake, which deserves a word. */
static void warn_lengths(const inputs *in, const clattn_problem *p)
{
    const int32_t *lengths = in->data[IN_KV_LEN];
    int64_t odd = 0;
    for (int64_t b = 0; b < p->batch; b++) {
        odd += lengths[b] < 0 || lengths[b] > p->kv_len;
    }
    if (odd > 0) {
        note("clattn: warning: --kv-len %s: %" PRId64 " of %" PRId64 " lengths lie outside 0 to M = %" PRId64
             " and are clamped",
             in->path[IN_KV_LEN], odd, p->batch, p->kv_len);
    }
}

clattn_array make_array(void *data, bool bnhd, int64_t heads, int64_t rows, int64_t depth)
{
    clattn_array array = {data, {0, 0, 0}};
    if (bnhd) {
        array.stride[0] = (size_t)(heads * rows * depth);
        array.stride[1] = (size_t)depth;
        array.stride[2] = (size_t)(heads * depth);
    }
    return array;
}

int inputs_read(inputs *in, const options *o, const clattn_problem *p, clattn_arrays *arrays)
{
    for (int i = 0; i < INPUTS; i++) {
        int code = in->path[i] ? read_file(in, i) : -1;
        if (code >= 0) {
            return code;
        }
    }
    if (in->path[IN_KV_LEN]) {
        warn_lengths(in, p);
    }
    arrays->q = make_array(in->data[IN_Q], o->bnhd, p->q_heads, p->q_len, p->qk_dim);
    arrays->k = make_array(in->data[IN_K], o->bnhd, p->kv_heads, p->kv_len, p->qk_dim);
    arrays->v = make_array(in->data[IN_V], o->bnhd, p->kv_heads, p->kv_len, p->v_dim);
    arrays->dout = make_array(in->data[IN_DOUT], o->bnhd, p->q_heads, p->q_len, p->v_dim);
    arrays->mask.data = in->data[IN_MASK];
    arrays->kv_lengths.data = in->data[IN_KV_LEN];
    return -1;
}

void inputs_close(inputs *in)
{
    for (int i = 0; i < INPUTS; i++) {
        npy_close(&in->file[i]);
        free(in->data[i]);
        in->data[i] = NULL;
    }
}
