/* SPDX-License-Identifier: Apache-2.0 */
/* Runs forward and backward on activations of a real transformer, and prints time and memory: demo
 * [DEVICE [FOLDER]]
 *
 * DEVICE as for clattn_find_device; FOLDER has q.npy, k.npy, v.npy and mask.npy (default:
 * examples/data). Exit status 0 if every result is within the float32 tolerance of the reference in
 * double, else 1. */
#include "check.h"
#include "clattn.h"
#include "npy.h"
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPEATS 5 /* runs of each pass; the fastest counts */

struct input {
    clattn_problem problem;
    float *q, *k, *v, *dout;
    unsigned char *mask;
    int64_t shortest, longest; /* fewest and most unmasked keys of a batch */
};

struct output {
    float *out, *lse, *dq, *dk, *dv;
    double *expected[CHECK_TENSORS];
    size_t count[CHECK_TENSORS];
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "demo: %s: %s\n", what, why);
    exit(EXIT_FAILURE);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        die("memory", "none left");
    }
    return memory;
}

static void try(clattn_status status, const char *what)
{
    if (status != CLATTN_SUCCESS) {
        die(what, clattn_last_error());
    }
}

/* ---- input ---- */

static const char *path_of(const char *folder, const char *name)
{
    static char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s.npy", folder, name);
    if (length < 0 || (size_t)length >= sizeof path) {
        die(folder, "too long a name");
    }
    return path;
}

static npy_header open_array(npy_file *file, const char *path, unsigned types, int rank)
{
    npy_error error;
    if (!npy_open(file, path, types, &error)) {
        die(path, error.text);
    }
    if (file->header.rank != rank) {
        die(path, "wrong number of dimensions");
    }
    if (file->header.count > SIZE_MAX / sizeof(double)) {
        die(path, "larger than what this machine can address");
    }
    return file->header;
}

/* Reads a (B,H,rows,D) file into a new array. */
static float *read_floats(const char *folder, const char *name, npy_header *header)
{
    npy_file file;
    npy_error error;
    const char *path = path_of(folder, name);
    *header = open_array(&file, path, NPY_FLOAT32 | NPY_FLOAT16, 4);
    float *values = allocate((size_t)header->count, sizeof *values);
    if (!npy_read_float32(&file, values, &error)) {
        die(path, error.text);
    }
    npy_close(&file);
    return values;
}

/* Reads the mask (B,M), and finds the fewest and most keys of a batch. */
static void read_mask(struct input *in, const char *folder)
{
    npy_file file;
    npy_error error;
    const char *path = path_of(folder, "mask");
    npy_header header = open_array(&file, path, NPY_BOOL, 2);
    if (header.dim[0] != (uint64_t)in->problem.batch || header.dim[1] != (uint64_t)in->problem.kv_len) {
        die(path, "not of the shape (B,M)");
    }
    in->mask = allocate((size_t)header.count, 1);
    if (!npy_read_bytes(&file, in->mask, &error)) {
        die(path, error.text);
    }
    npy_close(&file);
    in->shortest = in->problem.kv_len;
    for (int64_t b = 0; b < in->problem.batch; ++b) {
        int64_t keys = 0;
        for (int64_t j = 0; j < in->problem.kv_len; ++j) {
            keys += in->mask[b * in->problem.kv_len + j] != 0;
        }
        in->shortest = keys < in->shortest ? keys : in->shortest;
        in->longest = keys > in->longest ? keys : in->longest;
    }
}

static struct input read_input(const char *folder)
{
    struct input in = {CLATTN_PROBLEM_INIT, NULL, NULL, NULL, NULL, NULL, 0, 0};
    npy_header q, k, v;
    in.q = read_floats(folder, "q", &q);
    in.k = read_floats(folder, "k", &k);
    in.v = read_floats(folder, "v", &v);
    if (q.dim[0] != k.dim[0] || k.dim[0] != v.dim[0] || k.dim[1] != v.dim[1] || k.dim[2] != v.dim[2] ||
        q.dim[3] != k.dim[3]) {
        die(folder, "the shapes of q, k and v do not fit each other");
    }
    in.problem.batch = (int64_t)q.dim[0];
    in.problem.q_heads = (int64_t)q.dim[1];
    in.problem.kv_heads = (int64_t)k.dim[1];
    in.problem.q_len = (int64_t)q.dim[2];
    in.problem.kv_len = (int64_t)k.dim[2];
    in.problem.qk_dim = (int64_t)q.dim[3];
    in.problem.v_dim = (int64_t)v.dim[3];
    in.problem.score.mask_dim[0] = in.problem.batch;
    in.problem.score.mask_dim[1] = in.problem.score.mask_dim[2] = 1;
    in.problem.score.mask_dim[3] = in.problem.kv_len;
    read_mask(&in, folder);

    size_t count = (size_t)(q.dim[0] * q.dim[1] * q.dim[2] * v.dim[3]);
    in.dout = allocate(count, sizeof *in.dout);
    check_fill_normal(in.dout, count, 1);
    return in;
}

/* ---- running ---- */

static struct output make_output(const clattn_problem *p)
{
    struct output o;
    size_t q_rows = (size_t)(p->batch * p->q_heads * p->q_len);
    size_t k_rows = (size_t)(p->batch * p->kv_heads * p->kv_len);
    o.count[CHECK_OUT] = q_rows * (size_t)p->v_dim;
    o.count[CHECK_LSE] = q_rows;
    o.count[CHECK_DQ] = q_rows * (size_t)p->qk_dim;
    o.count[CHECK_DK] = k_rows * (size_t)p->qk_dim;
    o.count[CHECK_DV] = k_rows * (size_t)p->v_dim;
    for (int t = 0; t < CHECK_TENSORS; ++t) {
        o.expected[t] = allocate(o.count[t], sizeof(double));
    }
    o.out = allocate(o.count[CHECK_OUT], sizeof(float));
    o.lse = allocate(o.count[CHECK_LSE], sizeof(float));
    o.dq = allocate(o.count[CHECK_DQ], sizeof(float));
    o.dk = allocate(o.count[CHECK_DK], sizeof(float));
    o.dv = allocate(o.count[CHECK_DV], sizeof(float));
    return o;
}

static clattn_arrays make_arrays(const struct input *in, const struct output *o)
{
    clattn_arrays arrays = CLATTN_ARRAYS_INIT;
    arrays.q.data = in->q;
    arrays.k.data = in->k;
    arrays.v.data = in->v;
    arrays.mask.data = in->mask;
    arrays.out.data = o->out;
    arrays.lse.data = o->lse;
    arrays.dout.data = in->dout;
    arrays.dq.data = o->dq;
    arrays.dk.data = o->dk;
    arrays.dv.data = o->dv;
    return arrays;
}

/* Prints a plan's description, indented and without build options. */
static void print_plan(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *options = strstr(text, "; -");
        printf("    %.*s\n", (int)(options && options < text + length ? options - text : (ptrdiff_t)length), text);
        text += length + (text[length] == '\n');
    }
}

typedef clattn_status run_function(clattn_runner *, const clattn_problem *, const clattn_arrays *, clattn_run_info *);

/* Runs a pass REPEATS times; prints the plan, the build time (of the first run) and the fastest
 * run. */
static void run_pass(const char *name, run_function *run, clattn_runner *runner, const struct input *in,
                     const clattn_arrays *arrays)
{
    double build = 0.0, best = HUGE_VAL, copies = 0.0;
    clattn_run_info info = {sizeof info, NULL, 0.0, 0.0, 0.0, 0.0, 0, 0};
    for (int i = 0; i < REPEATS; ++i) {
        try(run(runner, &in->problem, arrays, &info), name);
        build = i == 0 ? info.plan_seconds : build;
        if (info.kernel_seconds < best) {
            best = info.kernel_seconds;
            copies = info.upload_seconds + info.download_seconds;
        }
    }
    printf("%s: %.3g ms, copies to and from the device %.3g ms, first build %.3g s\n", name, best * 1e3, copies * 1e3,
           build);
    print_plan(info.plan);
}

/* ---- report ---- */

static void device_text(cl_device_id device, cl_device_info what, char *text, size_t size)
{
    if (clGetDeviceInfo(device, what, size - 1, text, NULL) != CL_SUCCESS) {
        snprintf(text, size, "?");
    }
}

static void print_device(cl_device_id device)
{
    char name[256] = "", version[256] = "", driver[256] = "";
    device_text(device, CL_DEVICE_NAME, name, sizeof name);
    device_text(device, CL_DEVICE_VERSION, version, sizeof version);
    device_text(device, CL_DRIVER_VERSION, driver, sizeof driver);
    printf("device: %s\n    %s, driver %s\n", name, version, driver);
}

static const char *bytes_text(double bytes, char text[32])
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024.0 && unit + 1 < sizeof units / sizeof *units) {
        bytes /= 1024.0;
        ++unit;
    }
    snprintf(text, 32, "%.*f %s", unit == 0 || bytes >= 100.0 ? 0 : 1, bytes, units[unit]);
    return text;
}

/* Prints the size of backward's workspace, from a plan, and for comparison the float32 size of
 * S. */
static void print_memory(clattn_runner *runner, clattn_problem problem, int64_t length)
{
    char ours[32], theirs[32];
    size_t bytes = 0;
    clattn_plan *plan = NULL;
    problem.q_len = problem.kv_len = length;
    problem.score.mask_dim[3] = length;
    try(clattn_plan_create(clattn_runner_context(runner), &problem, CLATTN_BACKWARD, &plan), "plan");
    try(clattn_plan_workspace_size(plan, CLATTN_BACKWARD, &bytes), "workspace size");
    clattn_plan_destroy(plan);
    double scores = 4.0 * (double)problem.batch * (double)problem.q_heads * (double)length * (double)length;
    printf("    N = M = %-6lld  %12s   %12s\n", (long long)length, bytes_text((double)bytes, ours),
           bytes_text(scores, theirs));
}

static int print_error(enum check_tensor tensor, const struct reference_sizes *sizes, const struct output *o,
                       const float *found)
{
    const double *expected = o->expected[tensor];
    double largest = 0.0, error = 0.0;
    for (size_t i = 0; i < o->count[tensor]; ++i) {
        double difference = fabs((double)found[i] - expected[i]);
        largest = fmax(largest, fabs(expected[i]));
        error = difference <= error ? error : difference;
    }
    double ratio = check_compare(tensor, sizes, found, expected, o->count[tensor], NULL);
    int good = ratio <= 1.0;
    printf("    %-4s %10.3g  %10.1e  %9.1f %%  %s\n", check_tensor_name(tensor), largest, error, ratio * 100.0,
           good ? "ok" : "WRONG");
    return good;
}

static int print_errors(const struct input *in, const struct output *o, const clattn_arrays *arrays)
{
    struct reference_sizes forward, backward;
    if (reference_forward(&in->problem, arrays, o->expected[CHECK_OUT], o->expected[CHECK_LSE], &forward) ||
        reference_backward(&in->problem, arrays, o->expected[CHECK_DQ], o->expected[CHECK_DK], o->expected[CHECK_DV],
                           &backward)) {
        die("reference", "out of memory");
    }
    printf("against the same in double (scores reach %.1f):\n", forward.score);
    printf("            largest      error   of allowed\n");
    int good = print_error(CHECK_OUT, &forward, o, o->out);
    good &= print_error(CHECK_LSE, &forward, o, o->lse);
    good &= print_error(CHECK_DQ, &backward, o, o->dq);
    good &= print_error(CHECK_DK, &backward, o, o->dk);
    good &= print_error(CHECK_DV, &backward, o, o->dv);
    return good;
}

static void release(struct input *in, struct output *o)
{
    void *const memory[] = {in->q, in->k, in->v, in->dout, in->mask, o->out, o->lse, o->dq, o->dk, o->dv};
    for (size_t i = 0; i < sizeof memory / sizeof *memory; ++i) {
        free(memory[i]);
    }
    for (int t = 0; t < CHECK_TENSORS; ++t) {
        free(o->expected[t]);
    }
}

int main(int argc, char **argv)
{
    if (argc > 3 || (argc > 1 && strcmp(argv[1], "--help") == 0)) {
        fprintf(stderr, "usage: demo [DEVICE [FOLDER]]\n");
        return EXIT_FAILURE;
    }
    const char *folder = argc > 2 ? argv[2] : CLATTN_EXAMPLE_DATA;
    struct input in = read_input(folder);
    const clattn_problem *p = &in.problem;
    struct output o = make_output(p);
    clattn_arrays arrays = make_arrays(&in, &o);
    clattn_runner *runner = NULL;
    try(clattn_runner_create(argc > 1 ? argv[1] : NULL, NULL, &runner), "device");

    printf("clattn %s, attention forward and backward\n\n", clattn_version_string());
    printf("input: %s\n    %lld sentences of %lld to %lld tokens, %lld heads, head dimension %lld\n", folder,
           (long long)p->batch, (long long)in.shortest, (long long)in.longest, (long long)p->q_heads,
           (long long)p->qk_dim);
    print_device(clattn_runner_device(runner));
    run_pass("forward", clattn_run_forward, runner, &in, &arrays);
    run_pass("backward", clattn_run_backward, runner, &in, &arrays);
    printf("memory besides inputs and results:\n%32s   %12s\n", "clattn", "N x M scores");
    print_memory(runner, in.problem, p->q_len);
    print_memory(runner, in.problem, 65536);
    int good = print_errors(&in, &o, &arrays);
    printf("\n%s\n", good ? "All results are within tolerance." : "SOME RESULTS ARE WRONG.");
    clattn_runner_destroy(runner);
    release(&in, &o);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
