/* SPDX-License-Identifier: Apache-2.0 */
#include "verify.h"

#include "half.h"
#include "in_threads.h"
#include "naive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- samples ---- */

int verify_sample_make(struct verify_sample *sample, size_t rows, size_t depth)
{
    sample->rows = rows;
    sample->depth = depth;
    sample->found = malloc(rows * depth * sizeof *sample->found);
    sample->naive = malloc(rows * depth * sizeof *sample->naive);
    sample->expected = calloc(rows * depth, sizeof *sample->expected);
    return sample->found && sample->naive && sample->expected ? 0 : -1;
}

void verify_sample_free(struct verify_sample *sample)
{
    free(sample->found);
    free(sample->naive);
    free(sample->expected);
}

void verify_read_row(const struct data_set *data, enum data_slot slot, int64_t b, int64_t h, int64_t r, float *to)
{
    const struct data_view *view = &data->view[slot];
    const size_t row = ((size_t)b * view->dim[1] + (size_t)h) * view->dim[2] + (size_t)r;
    elements_read(view->dtype, data->buffer[view->buffer].image + data_row_offset(view, row), view->dim[3], to);
}

double verify_ratio(enum check_tensor tensor, clattn_dtype dtype, const struct reference_sizes *sizes,
                    const struct verify_sample *sample)
{
    const size_t count = sample->rows * sample->depth;
    struct check_tolerance tolerance = check_tolerance(tensor, sizes, sample->expected, count);
    if (dtype != CLATTN_FLOAT32 && tensor != CHECK_LSE)
        tolerance = check_tolerance_16(tensor, tolerance, check_worst_error(sample->naive, sample->expected, count));
    return check_worst_ratio(tolerance, sample->found, sample->expected, count, NULL);
}

static void raise_to(double *worst, double ratio)
{
    if (!(ratio <= *worst))
        *worst = ratio;
}

/* ---- rows: out, lse, dQ ---- */

struct row_samples {
    struct verify_sample out, lse, dq;
};

static int sample_row(const struct test_case *c, const struct data_set *data, const clattn_arrays *arrays, size_t n,
                      const int64_t at[3], struct row_samples *s, struct reference_sizes sizes[2])
{
    const clattn_problem *p = &c->problem;
    const size_t d = (size_t)p->qk_dim, dv = (size_t)p->v_dim;
    const int64_t b = at[0], h = at[1], i = at[2];
    verify_read_row(data, SLOT_OUT, b, h, i, s->out.found + n * dv);
    if (reference_forward_row(p, arrays, b, h, i, s->out.expected + n * dv, s->lse.expected + n, &sizes[0]))
        return -1;
    if (c->want_lse)
        verify_read_row(data, SLOT_LSE, b, h, i, s->lse.found + n);
    if (c->passes & CLATTN_BACKWARD_DQ) {
        verify_read_row(data, SLOT_DQ, b, h, i, s->dq.found + n * d);
        if (reference_dq_row(p, arrays, b, h, i, s->dq.expected + n * d, &sizes[1]))
            return -1;
    }
    return p->dtype == CLATTN_FLOAT32
               ? 0
               : naive_attention_row(p, arrays, b, h, i, s->out.naive + n * dv, s->dq.naive + n * d);
}

static int verify_rows(const struct test_case *c, const struct data_set *data, const clattn_arrays *arrays,
                       struct bench_verdict *verdict)
{
    const clattn_problem *p = &c->problem;
    struct check_random random = {c->seed + 1};
    struct reference_sizes sizes[2];
    struct row_samples s;
    memset(&s, 0, sizeof s);
    memset(sizes, 0, sizeof sizes);
    int bad = verify_sample_make(&s.out, VERIFY_ROWS, (size_t)p->v_dim) || verify_sample_make(&s.lse, VERIFY_ROWS, 1) ||
              verify_sample_make(&s.dq, VERIFY_ROWS, (size_t)p->qk_dim);
    for (size_t n = 0; n < VERIFY_ROWS && !bad; ++n) {
        const int64_t last[3] = {p->batch - 1, p->q_heads - 1, p->q_len - 1};
        const int64_t drawn[3] = {check_random_below(&random, p->batch), check_random_below(&random, p->q_heads),
                                  check_random_below(&random, p->q_len)};
        bad = sample_row(c, data, arrays, n, n == 0 ? last : drawn, &s, sizes);
    }
    if (!bad) {
        raise_to(&verdict->ratio[BENCH_FORWARD], verify_ratio(CHECK_OUT, p->dtype, &sizes[0], &s.out));
        if (c->want_lse)
            raise_to(&verdict->ratio[BENCH_FORWARD], verify_ratio(CHECK_LSE, p->dtype, &sizes[0], &s.lse));
        if (c->passes & CLATTN_BACKWARD_DQ)
            raise_to(&verdict->ratio[BENCH_BACKWARD], verify_ratio(CHECK_DQ, p->dtype, &sizes[1], &s.dq));
        verdict->sizes = sizes[0];
    }
    verify_sample_free(&s.out);
    verify_sample_free(&s.lse);
    verify_sample_free(&s.dq);
    return bad ? -1 : 0;
}

/* ---- all of it ---- */

static int verify_key_gradients(const struct test_case *c, const struct data_set *data, const clattn_arrays *arrays,
                                struct bench_verdict *verdict)
{
    const clattn_problem *p = &c->problem;
    struct reference_sizes sizes = {0};
    struct verify_sample dk = {0, 0, NULL, NULL, NULL}, dv = dk;
    const int bad = verify_sample_make(&dk, VERIFY_KEYS, (size_t)p->qk_dim) ||
                    verify_sample_make(&dv, VERIFY_KEYS, (size_t)p->v_dim) ||
                    verify_keys(c, data, arrays, &dk, &dv, &sizes);
    if (!bad && c->passes & CLATTN_BACKWARD_DK)
        raise_to(&verdict->ratio[BENCH_BACKWARD], verify_ratio(CHECK_DK, p->dtype, &sizes, &dk));
    if (!bad && c->passes & CLATTN_BACKWARD_DV)
        raise_to(&verdict->ratio[BENCH_BACKWARD], verify_ratio(CHECK_DV, p->dtype, &sizes, &dv));
    verify_sample_free(&dk);
    verify_sample_free(&dv);
    return bad ? -1 : 0;
}

/* A search for NaN and infinity in an output. Outputs start as NaN and stay so where no work-group
 * ran. lse and max_logit may be infinite. */
struct numbers {
    const struct data_set *data;
    enum data_slot slot;
};

static int of_forward(enum data_slot slot)
{
    return slot == SLOT_OUT || slot == SLOT_LSE || slot == SLOT_MAX_LOGIT;
}

/* 1 if an element is not a valid number. */
static int look_for_numbers(void *self, size_t first, size_t past)
{
    const struct numbers *look = self;
    const struct data_view *view = &look->data->view[look->slot];
    const unsigned char *image = look->data->buffer[view->buffer].image;
    float some[256]; /* of a row, which dbias may have as long as M */
    const size_t most = sizeof some / sizeof some[0];
    const int may_be_infinite = look->slot == SLOT_LSE || look->slot == SLOT_MAX_LOGIT;
    for (size_t n = first; n < past; ++n)
        for (size_t from = 0; from < view->dim[3]; from += most) {
            const size_t count = view->dim[3] - from < most ? view->dim[3] - from : most;
            elements_read(view->dtype, image + data_row_offset(view, n) + from * view->element_bytes, count, some);
            for (size_t d = 0; d < count; ++d)
                if (!isfinite(some[d]) && !(may_be_infinite && some[d] == -INFINITY))
                    return 1;
        }
    return 0;
}

static void verify_numbers(const struct test_case *c, const struct data_set *data, struct bench_verdict *verdict)
{
    static const unsigned pass[] = {CLATTN_FORWARD,        CLATTN_FORWARD,     CLATTN_BACKWARD_DQ,
                                    CLATTN_BACKWARD_DK,    CLATTN_BACKWARD_DV, CLATTN_BACKWARD_DBIAS,
                                    CLATTN_BACKWARD_DSINK, CLATTN_FORWARD};
    for (int slot = SLOT_OUT; slot < SLOT_COUNT; ++slot) {
        struct numbers look = {data, (enum data_slot)slot};
        if (!(c->passes & pass[slot - SLOT_OUT]) || (slot == SLOT_LSE && !c->want_lse))
            continue;
        if (in_threads(data_count(&data->view[slot]) / data->view[slot].dim[3], 1 << 13, look_for_numbers, &look))
            verdict->ratio[of_forward(look.slot) ? BENCH_FORWARD : BENCH_BACKWARD] = INFINITY;
    }
}

int bench_verify(const struct test_case *c, const struct data_set *data, struct bench_verdict *verdict)
{
    clattn_arrays arrays;
    memset(verdict, 0, sizeof *verdict);
    data_reference_arrays(data, &arrays);
    int bad = verify_rows(c, data, &arrays, verdict);
    if (!bad && c->passes & (CLATTN_BACKWARD_DK | CLATTN_BACKWARD_DV))
        bad = verify_key_gradients(c, data, &arrays, verdict);
    verify_numbers(c, data, verdict);
    return bad;
}
