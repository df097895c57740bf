/* SPDX-License-Identifier: Apache-2.0 */
#include "layer_run.h"

#include "layer_inputs.h"
#include "message.h"
#include "outputs.h"
#include "pass.h"

#include <string.h>

typedef struct run {
    verb which;
    const options *o;
    clattn_layer layer;
    clattn_layer_arrays arrays;
    input_file in[LAYER_INPUTS];
    output out[MAX_OUTPUTS];
    clattn_runner *runner;
} run;

/* An output has the shape of an input: out that of x, a gradient that of its tensor. */
static void set_output(output *out, const char *option, const char *path, const input_file *like)
{
    const npy_header *header = &like->file.header;
    out->option = option;
    out->path = path;
    out->rank = header->rank;
    memcpy(out->dim, header->dim, sizeof out->dim);
}

/* The gradient of a bias has an element for each row of the corresponding weights. */
static void set_bias_output(output *out, const char *option, const char *path, const input_file *weights)
{
    set_output(out, option, path, weights);
    out->rank = 1;
}

/* (B,H,N) */
static void set_max_logit(output *out, const char *path, const clattn_layer *layer)
{
    out->option = "--max-logit";
    out->path = path;
    out->rank = 3;
    out->dim[0] = (uint64_t)layer->batch;
    out->dim[1] = (uint64_t)layer->heads;
    out->dim[2] = (uint64_t)layer->len;
}

static void set_outputs(run *r)
{
    const options *o = r->o;
    const input_file *in = r->in;
    output *out = r->out;
    set_max_logit(&out[10], o->max_logit, &r->layer);
    if (r->which == VERB_LAYER_FORWARD) {
        set_output(&out[0], "--out", o->out, &in[LAYER_X]);
        return;
    }
    set_output(&out[0], "--dx", o->dx, &in[LAYER_X]);
    set_output(&out[1], "--dcontext", o->dcontext, &in[LAYER_CONTEXT]);
    set_output(&out[2], "--dwq", o->dwq, &in[LAYER_WQ]);
    set_output(&out[3], "--dwkv", o->dwkv, &in[LAYER_WKV]);
    set_output(&out[4], "--dwo", o->dwo, &in[LAYER_WO]);
    set_bias_output(&out[5], "--dbq", o->dbq, &in[LAYER_WQ]);
    set_bias_output(&out[6], "--dbkv", o->dbkv, &in[LAYER_WKV]);
    set_bias_output(&out[7], "--dbo", o->dbo, &in[LAYER_WO]);
    set_output(&out[8], "--dsink", o->dsink, &in[LAYER_SINK]);
    set_output(&out[9], "--dbias", o->dbias, &in[LAYER_BIAS]);
}

/* Allocates the wanted outputs and sets their pointers in the arrays. */
static int place_outputs(run *r)
{
    clattn_layer_arrays *a = &r->arrays;
    float **const forward[] = {&a->out};
    float **const backward[] = {&a->dx, &a->dcontext, &a->dwq, &a->dwkv, &a->dwo, &a->dbq, &a->dbkv, &a->dbo};
    float **const *members = r->which == VERB_LAYER_FORWARD ? forward : backward;
    const size_t count = r->which == VERB_LAYER_FORWARD ? 1 : sizeof backward / sizeof backward[0];
    int code = outputs_allocate(r->out);
    a->max_logit.data = r->out[10].values;
    for (size_t i = 0; i < count; i++) {
        *members[i] = r->out[i].values;
    }
    if (r->which == VERB_LAYER_BACKWARD) {
        a->dsink.data = r->out[8].values;
        a->dbias.data = r->out[9].values;
    }
    return code;
}

static int compute(run *r)
{
    clattn_run_info info;
    memset(&info, 0, sizeof info);
    info.struct_size = sizeof info;
    progress("%s: computing", options_verb_name(r->which));
    clattn_status status = r->which == VERB_LAYER_FORWARD
                               ? clattn_run_layer_forward(r->runner, &r->layer, &r->arrays, &info)
                               : clattn_run_layer_backward(r->runner, &r->layer, &r->arrays, &info);
    return pass_end(r->which, r->o, r->runner, status, &info);
}

/* Quick checks first, as in clattn forward. */
static int run_steps(run *r)
{
    int code = layer_inputs_open(r->in, r->o, &r->layer);
    if (code < 0) {
        set_outputs(r);
        code = outputs_open(r->out, r->in, LAYER_INPUTS);
    }
    code = code < 0 ? pass_open_runner(r->which, r->o, &r->runner) : code;
    code = code < 0 ? layer_inputs_read(r->in, &r->layer, &r->arrays) : code;
    code = code < 0 ? place_outputs(r) : code;
    code = code < 0 ? compute(r) : code;
    code = code < 0 ? outputs_commit(r->out) : code;
    return code < 0 ? EXIT_GOOD : code;
}

int layer_run_pass(verb which, const options *o)
{
    const clattn_layer_arrays no_arrays = CLATTN_LAYER_ARRAYS_INIT;
    run r;
    memset(&r, 0, sizeof r);
    r.which = which;
    r.o = o;
    r.arrays = no_arrays;
    int code = run_steps(&r);
    progress_end();
    outputs_discard(r.out);
    input_files_close(r.in, LAYER_INPUTS);
    clattn_runner_destroy(r.runner);
    return code;
}
