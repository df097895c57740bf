#include "run.h"

#include "inputs.h"
#include "message.h"
#include "outputs.h"

#include <stdlib.h>
#include <string.h>

typedef struct run {
    verb which;
    const options *o;
    clattn_problem problem;
    clattn_arrays arrays;
    inputs in;
    output out[MAX_OUTPUTS];
    clattn_runner *runner;
} run;

/* The shape of output `index` in the file's layout. */
static void set_output(run *r, int index, const char *option, const char *path, int64_t heads, int64_t rows,
                       int64_t depth)
{
    output *out = &r->out[index];
    out->option = option;
    out->path = path;
    out->rank = 4;
    out->dim[0] = (uint64_t)r->problem.batch;
    out->dim[1] = (uint64_t)(r->o->bnhd ? rows : heads);
    out->dim[2] = (uint64_t)(r->o->bnhd ? heads : rows);
    out->dim[3] = (uint64_t)depth;
}

static void set_outputs(run *r)
{
    const clattn_problem *p = &r->problem;
    const options *o = r->o;
    if (r->which == VERB_FORWARD) {
        set_output(r, 0, "--out", o->out, p->q_heads, p->q_len, p->v_dim);
        set_output(r, 1, "--lse", o->lse, p->q_heads, p->q_len, 1);
        r->out[1].rank = 3; /* always (B,H,N) */
        r->out[1].dim[1] = (uint64_t)p->q_heads;
        r->out[1].dim[2] = (uint64_t)p->q_len;
    } else {
        set_output(r, 0, "--dq", o->dq, p->q_heads, p->q_len, p->qk_dim);
        set_output(r, 1, "--dk", o->dk, p->kv_heads, p->kv_len, p->qk_dim);
        set_output(r, 2, "--dv", o->dv, p->kv_heads, p->kv_len, p->v_dim);
    }
}

/* Memory for the wanted outputs, and their places in the call. */
static int allocate_outputs(run *r)
{
    const clattn_problem *p = &r->problem;
    bool bnhd = r->o->bnhd;
    for (int i = 0; i < MAX_OUTPUTS; i++) {
        output *out = &r->out[i];
        size_t count = 1;
        for (int axis = 0; axis < out->rank; axis++) {
            count *= (size_t)out->dim[axis];
        }
        if (out->path && !(out->values = malloc(count * sizeof *out->values))) {
            return failed("%s %s: out of host memory: %zu bytes", out->option, out->path, count * sizeof *out->values);
        }
    }
    if (r->which == VERB_FORWARD) {
        r->arrays.out = make_array(r->out[0].values, bnhd, p->q_heads, p->q_len, p->v_dim);
        r->arrays.lse.data = r->out[1].values;
    } else {
        r->arrays.dq = make_array(r->out[0].values, bnhd, p->q_heads, p->q_len, p->qk_dim);
        r->arrays.dk = make_array(r->out[1].values, bnhd, p->kv_heads, p->kv_len, p->qk_dim);
        r->arrays.dv = make_array(r->out[2].values, bnhd, p->kv_heads, p->kv_len, p->v_dim);
    }
    return -1;
}

static void report(const run *r, const clattn_run_info *info)
{
    const char *context = clattn_context_describe(clattn_runner_context(r->runner));
    note("%.*s\n%.*s", trimmed(context), context, trimmed(info->plan), info->plan);
    note("plan      %12.3f ms\nupload    %12.3f ms\nkernels   %12.3f ms\ndownload  %12.3f ms", info->plan_seconds * 1e3,
         info->upload_seconds * 1e3, info->kernel_seconds * 1e3, info->download_seconds * 1e3);
    note("device    %12zu bytes\nworkspace %12zu bytes of them", info->device_bytes, info->workspace_bytes);
}

static int compute(run *r)
{
    const char *name = options_verb_name(r->which);
    clattn_run_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    progress("%s: computing", name);
    clattn_status status = r->which == VERB_FORWARD ? clattn_run_forward(r->runner, &r->problem, &r->arrays, &info)
                                                    : clattn_run_backward(r->runner, &r->problem, &r->arrays, &info);
    if (status != CLATTN_SUCCESS) {
        return library_failed(name, status);
    }
    if (r->o->verbose) {
        report(r, &info);
    }
    progress("%s: writing", name);
    return -1;
}

static int open_runner(run *r)
{
    clattn_options library = CLATTN_OPTIONS_INIT;
    library.engine = r->o->engine;
    progress("%s: opening the device", options_verb_name(r->which));
    clattn_status status = clattn_runner_create(r->o->device, &library, &r->runner);
    return status == CLATTN_SUCCESS ? -1 : library_failed(options_verb_name(r->which), status);
}

/* What is quick to find wrong comes first: shapes, places of the outputs, the device, and only then the data. */
static int run_steps(run *r)
{
    int code = inputs_open(&r->in, r->o, &r->problem);
    if (code < 0) {
        set_outputs(r);
        code = outputs_open(r->out, r->in.path, INPUTS);
    }
    code = code < 0 ? open_runner(r) : code;
    code = code < 0 ? inputs_read(&r->in, r->o, &r->problem, &r->arrays) : code;
    code = code < 0 ? allocate_outputs(r) : code;
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
    for (int i = 0; i < MAX_OUTPUTS; i++) {
        free(r.out[i].values);
    }
    inputs_close(&r.in);
    clattn_runner_destroy(r.runner);
    return code;
}
