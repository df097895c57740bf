/* SPDX-License-Identifier: Apache-2.0 */
#include "inputs.h"

#include "message.h"

#include <inttypes.h>

static void list_files(input_file in[INPUTS], const options *o)
{
    const char *axes = o->bnhd ? "(B,N,H,D)" : "(B,H,N,D)";
    in[IN_Q] = (input_file){.option = "--q", .path = o->q, .types = INPUT_FLOATS, .axes = axes, .dtype = o->dtype};
    in[IN_K] = (input_file){.option = "--k", .path = o->k, .types = INPUT_FLOATS, .axes = axes, .dtype = o->dtype};
    in[IN_V] = (input_file){.option = "--v", .path = o->v, .types = INPUT_FLOATS, .axes = axes, .dtype = o->dtype};
    in[IN_DOUT] =
        (input_file){.option = "--dout", .path = o->dout, .types = INPUT_FLOATS, .axes = axes, .dtype = o->dtype};
    in[IN_DLSE] = (input_file){.option = "--dlse", .path = o->dlse, .types = INPUT_FLOATS, .axes = "(B,H,N)"};
#define LIST(slot, member, of, shape, whole, fewer, help)                                                              \
    in[IN_##slot] = (input_file){.option = "--" #member, .path = o->member, .types = of};
    SCORE_FILES(LIST)
#undef LIST
    in[IN_KV_LEN] = (input_file){.option = "--kv-len", .path = o->kv_len, .types = INPUT_LENGTHS};
    in[IN_SINK] = (input_file){.option = "--sink", .path = o->sink, .types = INPUT_FLOATS};
}

static int check_head_dim(const input_file *input)
{
    if (input->file.header.dim[3] > CLATTN_MAX_HEAD_DIM) {
        return input_bad_shape(input, "a last dimension of at most %d", CLATTN_MAX_HEAD_DIM);
    }
    return -1;
}

static int check_kv(const input_file *in, const clattn_problem *p, int head_axis, int row_axis)
{
    const input_size of_k[] = {{0, "B", p->batch, "--q"}, {3, "D", p->qk_dim, "--q"}};
    const input_size of_v[] = {
        {0, "B", p->batch, "--k"}, {head_axis, "Hk", p->kv_heads, "--k"}, {row_axis, "M", p->kv_len, "--k"}};
    int code = input_check_sizes(&in[IN_K], of_k, 2);
    if (code < 0 && p->q_heads % p->kv_heads != 0) {
        code = input_bad_shape(&in[IN_K], "heads that divide %" PRId64 ", the number of heads of --q", p->q_heads);
    }
    return code < 0 ? input_check_sizes(&in[IN_V], of_v, 3) : code;
}

static int check_dout(const input_file *in, const clattn_problem *p, int head_axis, int row_axis)
{
    const input_size of_dout[] = {{0, "B", p->batch, "--q"},
                                  {head_axis, "Hq", p->q_heads, "--q"},
                                  {row_axis, "N", p->q_len, "--q"},
                                  {3, "Dv", p->v_dim, "--v"}};
    return in[IN_DOUT].path ? input_check_sizes(&in[IN_DOUT], of_dout, 4) : -1;
}

/* Always (B,H,N), like lse. */
static int check_dlse(const input_file *in, const clattn_problem *p)
{
    const input_size of_dlse[] = {{0, "B", p->batch, "--q"}, {1, "Hq", p->q_heads, "--q"}, {2, "N", p->q_len, "--q"}};
    return in[IN_DLSE].path ? input_check_sizes(&in[IN_DLSE], of_dlse, 3) : -1;
}

/* Checks that outputs larger than every input are addressable. */
static int check_out_size(const clattn_problem *p)
{
    uint64_t rows = (uint64_t)p->batch * (uint64_t)p->q_heads * (uint64_t)p->q_len; /* below 2^60: q holds them */
    if (rows > SIZE_MAX / 8 / (uint64_t)p->v_dim) {
        return bad_input("the output of %" PRIu64 " rows of %" PRId64 " is past what this machine can address", rows,
                         p->v_dim);
    }
    return -1;
}

static void fill_problem(clattn_problem *p, const input_file *in, const options *o)
{
    const uint64_t *q = in[IN_Q].file.header.dim;
    const uint64_t *k = in[IN_K].file.header.dim;
    const clattn_problem initial = CLATTN_PROBLEM_INIT;
    *p = initial;
    p->batch = (int64_t)q[0];
    p->q_heads = (int64_t)q[o->bnhd ? 2 : 1];
    p->q_len = (int64_t)q[o->bnhd ? 1 : 2];
    p->qk_dim = (int64_t)q[3];
    p->kv_heads = (int64_t)k[o->bnhd ? 2 : 1];
    p->kv_len = (int64_t)k[o->bnhd ? 1 : 2];
    p->v_dim = (int64_t)in[IN_V].file.header.dim[3];
    p->dtype = o->dtype;
    p->score = o->score;
    p->score.dlse = in[IN_DLSE].path != NULL;
    p->score.max_logit = o->max_logit != NULL;
    p->q_tile = o->q_tile;
    p->k_tile = o->k_tile;
    p->kv_splits = o->kv_splits;
}

int inputs_open(input_file in[INPUTS], const options *o, clattn_problem *p)
{
    const int head_axis = o->bnhd ? 2 : 1;
    const int row_axis = o->bnhd ? 1 : 2;
    list_files(in, o);
    int code = input_files_open(in, INPUTS);
    if (code >= 0) {
        return code;
    }
    fill_problem(p, in, o);
    const score_sizes sizes = {p->batch, p->q_heads, p->q_len, p->kv_len};
    code = check_head_dim(&in[IN_Q]);
    code = code < 0 ? check_head_dim(&in[IN_V]) : code;
    code = code < 0 ? check_kv(in, p, head_axis, row_axis) : code;
    code = code < 0 ? check_out_size(p) : code;
    code = code < 0 ? check_dout(in, p, head_axis, row_axis) : code;
    code = code < 0 ? check_dlse(in, p) : code;
#define CHECK(slot, member, of, shape, whole, fewer, help)                                                             \
    code = code < 0 ? input_check_score(&in[IN_##slot], whole, fewer, &sizes, p->score.shape) : code;
    SCORE_FILES(CHECK)
#undef CHECK
    p->score.bias_float32 = p->score.bias_dim[0] != 0; /* so the file was read */
    code = code < 0 ? input_check_lengths(&in[IN_KV_LEN], p->batch, &p->kv_lengths) : code;
    code = code < 0 ? input_check_sinks(&in[IN_SINK], p->q_heads, &p->score.sinks) : code;
    return code;
}

/* Strides of (B,N,H,D); all 0 for (B,H,N,D), the library's default. */
static void fill_strides(size_t stride[4], bool bnhd, int64_t heads, int64_t rows, int64_t depth)
{
    if (bnhd) {
        stride[0] = (size_t)(heads * rows * depth);
        stride[1] = (size_t)depth;
        stride[2] = (size_t)(heads * depth);
        stride[3] = 1;
    }
}

clattn_const_array make_const_array(const void *data, bool bnhd, int64_t heads, int64_t rows, int64_t depth)
{
    clattn_const_array array = {data, {0, 0, 0, 0}};
    fill_strides(array.stride, bnhd, heads, rows, depth);
    return array;
}

clattn_array make_array(void *data, bool bnhd, int64_t heads, int64_t rows, int64_t depth)
{
    clattn_array array = {data, {0, 0, 0, 0}};
    fill_strides(array.stride, bnhd, heads, rows, depth);
    return array;
}

int inputs_read(input_file in[INPUTS], const options *o, const clattn_problem *p, clattn_arrays *arrays)
{
    int code = input_files_read(in, INPUTS);
    if (code >= 0) {
        return code;
    }
    input_warn_lengths(&in[IN_KV_LEN], p->batch, p->kv_len);
    arrays->q = make_const_array(in[IN_Q].data, o->bnhd, p->q_heads, p->q_len, p->qk_dim);
    arrays->k = make_const_array(in[IN_K].data, o->bnhd, p->kv_heads, p->kv_len, p->qk_dim);
    arrays->v = make_const_array(in[IN_V].data, o->bnhd, p->kv_heads, p->kv_len, p->v_dim);
    arrays->dout = make_const_array(in[IN_DOUT].data, o->bnhd, p->q_heads, p->q_len, p->v_dim);
    arrays->dlse.data = in[IN_DLSE].data;
#define TAKE(slot, member, of, shape, whole, fewer, help) arrays->member.data = in[IN_##slot].data;
    SCORE_FILES(TAKE)
#undef TAKE
    arrays->kv_lengths.data = in[IN_KV_LEN].data;
    arrays->sink.data = in[IN_SINK].data;
    return -1;
}
