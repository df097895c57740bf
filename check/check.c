/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "compare.h"

#include <stdlib.h>
#include <string.h>

enum { TAIL = 256 }; /* guard bytes behind a workspace that clCreateBuffer allocated */

/* The workspace of a pass. */
struct workspace {
    cl_mem mem; /* NULL: not needed */
    size_t bytes, tail;
    unsigned char *image;
};

/* One call of check_case. */
struct run {
    struct comparison x;
    cl_context cl;
    cl_command_queue queue;
    clattn_plan *plan;
    cl_mem mem[SLOT_COUNT];            /* one for each buffer of the set */
    const struct check_memory *memory; /* NULL: clCreateBuffer */
    /* of forward and of backward; without `memory` both use the first, as they run one after the
     * other */
    struct workspace workspace[2];
};

static int succeeded(struct run *run, clattn_status status, const char *call)
{
    return status == CLATTN_SUCCESS ||
           compare_fail(run->x.result, "%s: %s: %s", call, clattn_status_name(status), clattn_last_error());
}

static int cl_succeeded(struct run *run, cl_int status, const char *call)
{
    return status == CL_SUCCESS || compare_fail(run->x.result, "%s: OpenCL error %d", call, (int)status);
}

/* A buffer with `content`. On failure NULL, and the result fails. */
static cl_mem make_buffer(struct run *run, cl_mem_flags flags, const char *name, size_t bytes, void *content)
{
    cl_int status = CL_SUCCESS;
    cl_mem mem = run->memory != NULL ? run->memory->make(run->memory->self, flags, name, bytes, content, &status)
                                     : clCreateBuffer(run->cl, flags | CL_MEM_COPY_HOST_PTR, bytes, content, &status);

    return cl_succeeded(run, status, "clCreateBuffer") ? mem : NULL;
}

static int make_buffers(struct run *run)
{
    for (int n = 0; n < run->x.set.buffers; n++) {
        const struct data_buffer *buffer = &run->x.set.buffer[n];
        cl_mem_flags flags = buffer->output ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY;

        run->mem[n] = make_buffer(run, flags, compare_buffer_name(&run->x, n), buffer->bytes, buffer->image);
        if (run->mem[n] == NULL) {
            return 0;
        }
        run->x.found[n] = malloc(buffer->bytes);
        if (run->x.found[n] == NULL) {
            return compare_fail(run->x.result, "no memory to read results");
        }
    }
    return 1;
}

/* Checks workspace sizes against the bounds of clattn.h. Unless kv_splits is set, a split has at
 * least 256 keys. */
static int check_workspace(struct run *run, size_t forward, size_t backward)
{
    const clattn_problem *p = &run->x.c->problem;
    const size_t row = 4 * (size_t)(p->batch * p->q_heads * p->q_len);
    const size_t parts = p->kv_splits == 1 ? 0 : p->kv_splits > 1 ? (size_t)p->kv_splits : (size_t)p->kv_len / 256;

    const size_t sums = p->dtype == CLATTN_FLOAT32 ? 0 : (size_t)p->qk_dim;
    const size_t maps = p->dtype == CLATTN_FLOAT32 ? 0 : 512 * (size_t)p->batch + 256;

    if (forward > row * parts * ((size_t)p->v_dim + 3 + 2) + maps || backward > row * (1 + sums) + 2 * maps) {
        return compare_fail(run->x.result, "workspace: forward %zu or backward %zu bytes are too many", forward,
                            backward);
    }
    return 1;
}

/* Allocates a workspace full of NaN, with a guard behind it. */
static int fill_workspace(struct run *run, struct workspace *workspace, const char *name, size_t bytes)
{
    if (bytes == 0) {
        return 1;
    }
    workspace->bytes = bytes;
    workspace->tail = run->memory != NULL ? 0 : TAIL;
    workspace->image = malloc(bytes + workspace->tail);
    if (workspace->image == NULL) {
        return compare_fail(run->x.result, "no memory for the workspace");
    }
    memset(workspace->image, 0xff, bytes);
    memset(workspace->image + bytes, 0x5a, workspace->tail);
    workspace->mem = make_buffer(run, CL_MEM_READ_WRITE, name, bytes + workspace->tail, workspace->image);
    return workspace->mem != NULL;
}

/* Sizes come from the plan; a workspace for both passes has the larger size. */
static int make_workspaces(struct run *run)
{
    size_t forward = 0, backward = 0;

    if (!succeeded(run, clattn_plan_workspace_size(run->plan, CLATTN_FORWARD, &forward),
                   "clattn_plan_workspace_size")) {
        return 0;
    }
    if ((run->x.passes & CASE_GRADIENTS) &&
        !succeeded(run, clattn_plan_workspace_size(run->plan, CASE_GRADIENTS, &backward),
                   "clattn_plan_workspace_size")) {
        return 0;
    }
    if (!check_workspace(run, forward, backward)) {
        return 0;
    }
    if (run->memory == NULL) {
        return fill_workspace(run, &run->workspace[0], "workspace", forward > backward ? forward : backward);
    }
    return fill_workspace(run, &run->workspace[0], "the forward's workspace", forward) &&
           fill_workspace(run, &run->workspace[1], "the gradients' workspace", backward);
}

static clattn_tensors make_tensors(const struct run *run)
{
    clattn_tensors t = CLATTN_TENSORS_INIT;

    for (int slot = 0; slot < SLOT_COUNT; slot++) {
        const struct data_view *view = &run->x.set.view[slot];
        int unused = slot == SLOT_LSE && !compare_is_written(&run->x, CHECK_LSE);

        if (view->buffer >= 0 && !unused) {
            clattn_tensor *tensor = data_tensor(&t, (enum data_slot)slot);

            tensor->mem = run->mem[view->buffer];
            tensor->offset = view->offset;
            memcpy(tensor->stride, view->stride, view->default_strides ? 0 : sizeof view->stride);
        }
    }
    return t;
}

static int enqueue(struct run *run)
{
    clattn_tensors tensors = make_tensors(run);
    const cl_mem first = run->workspace[0].mem, second = run->workspace[run->memory != NULL].mem;
    cl_event forward = NULL;
    cl_event backward = NULL;
    int good = succeeded(run, clattn_enqueue_forward(run->plan, run->queue, &tensors, first, 0, NULL, &forward),
                         "clattn_enqueue_forward");

    if (good && (run->x.passes & CASE_GRADIENTS)) {
        good = succeeded(run, clattn_enqueue_backward(run->plan, run->queue, &tensors, second, 1, &forward, &backward),
                         "clattn_enqueue_backward");
    }
    if (forward != NULL) {
        good = cl_succeeded(run, clWaitForEvents(1, &forward), "forward") && good;
        clReleaseEvent(forward);
    }
    if (backward != NULL) {
        good = cl_succeeded(run, clWaitForEvents(1, &backward), "backward") && good;
        clReleaseEvent(backward);
    }
    return good;
}

/* Fills outputs and workspaces with NaN and guards, erasing an earlier run. */
static int write_images(struct run *run)
{
    int good = 1;

    for (int n = 0; n < run->x.set.buffers && good; n++) {
        const struct data_buffer *buffer = &run->x.set.buffer[n];

        good = !buffer->output || cl_succeeded(run,
                                               clEnqueueWriteBuffer(run->queue, run->mem[n], CL_TRUE, 0, buffer->bytes,
                                                                    buffer->image, 0, NULL, NULL),
                                               "clEnqueueWriteBuffer");
    }
    for (int n = 0; n < 2 && good; n++) {
        const struct workspace *w = &run->workspace[n];

        good = w->mem == NULL || cl_succeeded(run,
                                              clEnqueueWriteBuffer(run->queue, w->mem, CL_TRUE, 0, w->bytes + w->tail,
                                                                   w->image, 0, NULL, NULL),
                                              "clEnqueueWriteBuffer");
    }
    return good;
}

/* Checks the guard behind a workspace. */
static int check_tail(struct run *run, const struct workspace *w)
{
    unsigned char tail[TAIL];

    if (w->tail == 0) {
        return 1;
    }
    return cl_succeeded(run, clEnqueueReadBuffer(run->queue, w->mem, CL_TRUE, w->bytes, w->tail, tail, 0, NULL, NULL),
                        "clEnqueueReadBuffer") &&
           (memcmp(tail, w->image + w->bytes, w->tail) == 0 ||
            compare_fail(run->x.result, "the workspace was overwritten past its %zu bytes", w->bytes));
}

/* Reads every buffer, and checks for writes outside buffers and workspaces. */
static int read_buffers(struct run *run)
{
    const char *trespassed = NULL;
    int good = 1;

    for (int n = 0; n < run->x.set.buffers && good; n++) {
        good = cl_succeeded(run,
                            clEnqueueReadBuffer(run->queue, run->mem[n], CL_TRUE, 0, run->x.set.buffer[n].bytes,
                                                run->x.found[n], 0, NULL, NULL),
                            "clEnqueueReadBuffer");
    }
    good = good && check_tail(run, &run->workspace[0]);
    if (good && run->memory != NULL) {
        trespassed = run->memory->trespassed(run->memory->self, run->queue);
    }
    return trespassed == NULL ? good : compare_fail(run->x.result, "%s: overwritten outside its buffer", trespassed);
}

static int run_once(struct run *run)
{
    return write_images(run) && enqueue(run) && read_buffers(run);
}

/* Runs the passes again and compares with the first run's results in x.found. */
static void run_again(struct run *run)
{
    unsigned char *before[SLOT_COUNT] = {NULL};
    int good = 1;

    for (int n = 0; n < run->x.set.buffers; n++) {
        before[n] = run->x.found[n];
        run->x.found[n] = malloc(run->x.set.buffer[n].bytes);
        good = good && run->x.found[n] != NULL;
    }
    if (!good) {
        compare_fail(run->x.result, "no memory for a second run");
    } else if (run_once(run)) {
        compare_runs(&run->x, before);
    }
    for (int n = 0; n < run->x.set.buffers; n++) {
        free(before[n]);
    }
}

static void release(struct run *run)
{
    for (int n = 0; n < SLOT_COUNT; n++) {
        if (run->mem[n] != NULL) {
            clReleaseMemObject(run->mem[n]);
        }
        free(run->x.found[n]);
    }
    for (int n = 0; n < 2; n++) {
        if (run->workspace[n].mem != NULL) {
            clReleaseMemObject(run->workspace[n].mem);
        }
        free(run->workspace[n].image);
    }
    if (run->memory != NULL) {
        run->memory->release(run->memory->self);
    }
    clattn_plan_destroy(run->plan);
    data_free(&run->x.set);
}

static void run_case(struct run *run, clattn_context *context, unsigned asked)
{
    const struct test_case *c = run->x.c;
    unsigned planned = CLATTN_FORWARD | (run->x.passes & CASE_GRADIENTS);

    if (!succeeded(run, clattn_plan_create(context, &c->problem, planned, &run->plan), "clattn_plan_create")) {
        return;
    }
    if (data_make(c, &run->x.set) != 0) {
        compare_fail(run->x.result, "the layout does not fit the sizes, or memory is short");
        return;
    }
    if (!make_buffers(run) || !make_workspaces(run) || !run_once(run)) {
        return;
    }
    if (asked & CHECK_DIGEST) {
        run->x.result->digest = compare_digest(&run->x);
        return;
    }
    compare_outputs(&run->x);
    if ((asked & CHECK_REPEAT) && run->x.result->ok) {
        run_again(run);
    }
    if (run->x.result->ok) {
        compare_guards(&run->x);
    }
}

int check_case(clattn_context *context, cl_context cl, cl_command_queue queue, const struct test_case *c,
               unsigned passes, struct check_result *result)
{
    return check_case_in(NULL, context, cl, queue, c, passes, result);
}

int check_case_in(const struct check_memory *memory, clattn_context *context, cl_context cl, cl_command_queue queue,
                  const struct test_case *c, unsigned passes, struct check_result *result)
{
    struct run run;

    memset(&run, 0, sizeof run);
    run.x.c = c;
    run.x.passes = c->passes & (passes | ((passes & CLATTN_BACKWARD) == CLATTN_BACKWARD ? CASE_GRADIENTS : 0u));
    run.x.by_chance = (passes & CHECK_CHANCE) != 0;
    run.x.result = result;
    run.cl = cl;
    run.queue = queue;
    run.memory = memory;
    result->ok = 1;
    result->digest = 0;
    result->message[0] = '\0';
    case_print(c, result->line);
    for (int n = 0; n < CHECK_TENSORS; n++) {
        result->ratio[n] = -1.0;
    }
    if (run.x.passes != 0) {
        run_case(&run, context, passes);
    }
    release(&run);
    return result->ok;
}
