/* SPDX-License-Identifier: Apache-2.0 */
/* Attention on the host with OpenBLAS. Threads take work items: a head, or a range of its queries
 * where there are fewer heads than threads. A thread holds the scores of its item. OpenBLAS runs
 * one thread per call. */
#include "baseline.h"

#include <stdio.h>

#ifdef HAVE_OPENBLAS

#include "host_softmax.h"

#include <cblas.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 256 };

struct job {
    struct bench_measured *m;
    const float *q, *k, *v; /* of the current set */
    float *out;
    int64_t rows, parts; /* queries per item; items per head */
    int64_t next, all;   /* counters of items */
    int threads;
    pthread_mutex_t lock; /* protects next */
    int failed;           /* a thread ran out of memory or did not start */
};

struct host {
    struct job job;
    float *inputs; /* q, k, v of every set */
    size_t set_count;
};

int bench_openblas_exists(const struct bench_device *device)
{
    return device->is_cpu;
}

/* Attention of queries first .. end - 1 of head h, counted over B Hq. */
static void attend(const struct job *job, int64_t h, int64_t first, int64_t end, float *scores)
{
    const clattn_problem *p = &job->m->c.problem;
    const int64_t group = p->q_heads / p->kv_heads, m = p->kv_len, rows = end - first;
    const float *k = job->k + h / group * m * p->qk_dim, *v = job->v + h / group * m * p->v_dim;
    const float *q = job->q + (h * p->q_len + first) * p->qk_dim;
    const int64_t diagonal = bench_baseline_diagonal(p);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)m, (int)p->qk_dim, bench_baseline_scale(p), q,
                (int)p->qk_dim, k, (int)p->qk_dim, 0.0f, scores, (int)m);
    for (int64_t i = first; i < end; ++i) {
        const int64_t seen = i + diagonal + 1;
        host_softmax(scores + (i - first) * m, (size_t)(seen < 0 ? 0 : seen < m ? seen : m), (size_t)m);
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)p->v_dim, (int)m, 1.0f, scores, (int)m, v,
                (int)p->v_dim, 0.0f, job->out + (h * p->q_len + first) * p->v_dim, (int)p->v_dim);
}

static void *work(void *argument)
{
    struct job *job = argument;
    const clattn_problem *p = &job->m->c.problem;
    float *scores = malloc((size_t)job->rows * (size_t)p->kv_len * sizeof *scores);
    for (;;) {
        pthread_mutex_lock(&job->lock);
        const int64_t item = job->next++;
        job->failed = job->failed || !scores;
        pthread_mutex_unlock(&job->lock);
        if (!scores || item >= job->all)
            break;
        const int64_t first = item % job->parts * job->rows, end = first + job->rows;
        attend(job, item / job->parts, first, end < p->q_len ? end : p->q_len, scores);
    }
    free(scores);
    return NULL;
}

static int run(void *self, cl_command_queue queue, int set)
{
    struct host *x = self;
    struct job *job = &x->job;
    const struct data_view *view = job->m->data.view;
    const float *inputs = x->inputs + (size_t)set * x->set_count;
    pthread_t threads[MOST_THREADS];
    int started = 0;
    (void)queue;
    job->q = inputs;
    job->k = job->q + data_count(&view[SLOT_Q]);
    job->v = job->k + data_count(&view[SLOT_K]);
    job->next = 0;
    while (started < job->threads && pthread_create(&threads[started], NULL, work, job) == 0)
        ++started;
    for (int i = 0; i < started; ++i)
        pthread_join(threads[i], NULL);
    if (started == job->threads && !job->failed)
        return 0;
    snprintf(job->m->message, sizeof job->m->message, "no memory for scores, or for threads");
    return -1;
}

/* ---- set-up ---- */

static int begin(struct host *x, struct bench_measured *m)
{
    const struct data_view *view = m->data.view;
    const enum data_slot slots[3] = {SLOT_Q, SLOT_K, SLOT_V};
    float *to;
    x->set_count = data_count(&view[SLOT_Q]) + data_count(&view[SLOT_K]) + data_count(&view[SLOT_V]);
    x->inputs = to = malloc((size_t)m->sets.count * x->set_count * sizeof *to);
    x->job.out = malloc(data_count(&view[SLOT_OUT]) * sizeof *x->job.out);
    if (!x->inputs || !x->job.out) {
        snprintf(m->message, sizeof m->message, "out of host memory");
        return -1;
    }
    for (int set = 0; set < m->sets.count; ++set)
        for (int i = 0; i < 3; ++i) {
            memcpy(to, bench_baseline_tensor(m, slots[i]), data_count(&view[slots[i]]) * sizeof *to);
            to += data_count(&view[slots[i]]);
        }
    return 0;
}

/* Divides the heads into items. Returns 0 if the scores do not fit memory. */
static int cut(struct job *job, struct bench_measured *m)
{
    const clattn_problem *p = &m->c.problem;
    const int64_t heads = p->batch * p->q_heads;
    const int cores = openblas_get_num_procs();
    job->m = m;
    job->threads = cores < MOST_THREADS ? cores : MOST_THREADS;
    job->parts = heads < job->threads ? (job->threads + heads - 1) / heads : 1;
    job->parts = job->parts < p->q_len ? job->parts : p->q_len;
    job->rows = (p->q_len + job->parts - 1) / job->parts;
    job->all = heads * job->parts;
    const double bytes = 4.0 * (double)job->threads * (double)job->rows * (double)p->kv_len;
    if (bytes < 0.25 * (double)m->device->global_bytes && p->kv_len < INT32_MAX && p->q_len < INT32_MAX)
        return 1;
    snprintf(m->message, sizeof m->message, "the %.2f GiB of scores that %d threads hold do not fit memory",
             bytes / (1 << 30), job->threads);
    return 0;
}

enum bench_outcome bench_openblas_measure(struct bench_measured *m, int repeats, struct bench_row *row)
{
    struct host x;
    memset(&x, 0, sizeof x);
    if (!bench_baseline_accepts(m) || !cut(&x.job, m))
        return BENCH_SKIPPED;
    const int threads = openblas_get_num_threads();
    pthread_mutex_init(&x.job.lock, NULL);
    openblas_set_num_threads(1);
    bench_measure_row(m, BENCH_FORWARD, "openblas", row);
    row->workspace_bytes = (size_t)x.job.threads * (size_t)x.job.rows * (size_t)m->c.problem.kv_len * sizeof(float);
    const int bad = begin(&x, m) || run(&x, NULL, 0) || bench_baseline_verify(m, x.job.out, row) ||
                    bench_time_host(run, &x, m->sets.count, repeats, &row->clocks, m->message);
    openblas_set_num_threads(threads);
    pthread_mutex_destroy(&x.job.lock);
    free(x.inputs);
    free(x.job.out);
    return bad ? BENCH_FAILED : BENCH_TIMED;
}

#else

int bench_openblas_exists(const struct bench_device *device)
{
    (void)device;
    return 0;
}

enum bench_outcome bench_openblas_measure(struct bench_measured *m, int repeats, struct bench_row *row)
{
    (void)repeats;
    (void)row;
    snprintf(m->message, sizeof m->message, "not in this build");
    return BENCH_SKIPPED;
}

#endif
