/* SPDX-License-Identifier: Apache-2.0 */
#include "run.h"

#include "inputs.h"
#include "message.h"
#include "outputs.h"
#include "pass.h"

#include <string.h>

typedef struct run {
    verb which;
    const options *o;
    clattn_problem problem;
    clattn_arrays arrays;
    input_file in[INPUTS];
    output out[MAX_OUTPUTS];
    clattn_runner *runner;
} run;

/* Sets the shape of output `index` in the file's layout. */
static void set_output(run *r, int index, const char *option, const char *path, int64_t heads, int64_t rows,
                       int64_t depth)
{
    output *out = &r->out[index];
    out->option = option;
    out->path = path;
    out->rank = 4;
    out->dtype = r->problem.dtype;
    out->dim[0] = (uint64_t)r->problem.batch;
    out->dim[1] = (uint64_t)(r->o->bnhd ? rows : heads);
    out->dim[2] = (uint64_t)(r->o->bnhd ? heads : rows);
    out->dim[3] = (uint64_t)depth;
}

/* A number for each query: always (B,H,N) float32. */
static void set_row_output(run *r, int index, const char *option, const char *path)
{
    set_output(r, index, option, path, 1, 1, 1);
    r->out[index].rank = 3;
    r->out[index].dtype = CLATTN_FLOAT32;
    r->out[index].dim[1] = (uint64_t)r->problem.q_heads;
    r->out[index].dim[2] = (uint64_t)r->problem.q_len;
}

static void set_outputs(run *r)
{
    const clattn_problem *p = &r->problem;
    const options *o = r->o;
    set_row_output(r, 5, "--max-logit", o->max_logit);
    if (r->which == VERB_FORWARD) {
        set_output(r, 0, "--out", o->out, p->q_heads, p->q_len, p->v_dim);
        set_row_output(r, 1, "--lse", o->lse);
    } else {
        set_output(r, 0, "--dq", o->dq, p->q_heads, p->q_len, p->qk_dim);
        set_output(r, 1, "--dk", o->dk, p->kv_heads, p->kv_len, p->qk_dim);
        set_output(r, 2, "--dv", o->dv, p->kv_heads, p->kv_len, p->v_dim);
        set_output(r, 3, "--dsink", o->dsink, p->q_heads, 1, 1);
        r->out[3].rank = 1; /* always (H) float32 */
        r->out[3].dtype = CLATTN_FLOAT32;
        r->out[3].dim[0] = (uint64_t)p->q_heads;
        set_output(r, 4, "--dbias", o->dbias, 1, 1, 1);
        r->out[4].rank = r->in[IN_BIAS].file.header.rank; /* always float32 */
        r->out[4].dtype = CLATTN_FLOAT32;
        memcpy(r->out[4].dim, r->in[IN_BIAS].file.header.dim, sizeof r->out[4].dim);
    }
}

/* Allocates the wanted outputs and sets their pointers in the arrays. */
static int place_outputs(run *r)
{
    const clattn_problem *p = &r->problem;
    bool bnhd = r->o->bnhd;
    int code = outputs_allocate(r->out);
    r->arrays.max_logit.data = r->out[5].values;
    if (r->which == VERB_FORWARD) {
        r->arrays.out = make_array(r->out[0].values, bnhd, p->q_heads, p->q_len, p->v_dim);
        r->arrays.lse.data = r->out[1].values;
    } else {
        r->arrays.dq = make_array(r->out[0].values, bnhd, p->q_heads, p->q_len, p->qk_dim);
        r->arrays.dk = make_array(r->out[1].values, bnhd, p->kv_heads, p->kv_len, p->qk_dim);
        r->arrays.dv = make_array(r->out[2].values, bnhd, p->kv_heads, p->kv_len, p->v_dim);
        r->arrays.dsink.data = r->out[3].values;
        r->arrays.dbias.data = r->out[4].values;
    }
    return code;
}

static int compute(run *r)
{
    clattn_run_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    progress("%s: computing", options_verb_name(r->which));
    clattn_status status = r->which == VERB_FORWARD ? clattn_run_forward(r->runner, &r->problem, &r->arrays, &info)
                                                    : clattn_run_backward(r->runner, &r->problem, &r->arrays, &info);
    return pass_end(r->which, r->o, r->runner, status, &info);
}

/* Quick checks first: shapes, then output paths, then the device, and only then the data. */
static int run_steps(run *r)
{
    int code = inputs_open(r->in, r->o, &r->problem);
    if (code < 0) {
        set_outputs(r);
        code = outputs_open(r->out, r->in, INPUTS);
    }
    code = code < 0 ? pass_open_runner(r->which, r->o, &r->runner) : code;
    code = code < 0 ? inputs_read(r->in, r->o, &r->problem, &r->arrays) : code;
    code = code < 0 ? place_outputs(r) : code;
    code = code < 0 ? compute(r) : code;
    code = code < 0 ? outputs_commit(r->out) : code;
    return code < 0 ? EXIT_GOOD : code;
}

int run_pass(verb which, const options *o)
{
    const clattn_arrays no_arrays = CLATTN_ARRAYS_INIT;
    run r;
    memset(&r, 0, sizeof r);
    r.which = which;
    r.o = o;
    r.arrays = no_arrays;
    int code = run_steps(&r);
    progress_end();
    outputs_discard(r.out);
    input_files_close(r.in, INPUTS);
    clattn_runner_destroy(r.runner);
    return code;
}
