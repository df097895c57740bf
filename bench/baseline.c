/* SPDX-License-Identifier: Apache-2.0 */
#include "baseline.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const struct bench_baseline bench_baselines[BENCH_BASELINES] = {
    {"materialised", bench_materialised_exists, bench_materialised_measure},
    {"openblas", bench_openblas_exists, bench_openblas_measure},
};

int bench_baseline_wanted(const struct bench_baseline *baseline, const char *list)
{
    const size_t length = strlen(baseline->name);
    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strcspn(at, ",") == length && memcmp(at, baseline->name, length) == 0)
            return 1;
    return !list;
}

void bench_baselines_end(void)
{
    bench_materialised_end();
}

/* Whether a score has only a scale and a diagonal: mask_dim and all later members are 0. */
static int is_plain(const clattn_score *score)
{
    const unsigned char *bytes = (const unsigned char *)score;
    int plain = 1;
    for (size_t n = offsetof(clattn_score, mask_dim); n < sizeof *score; ++n)
        plain = plain && bytes[n] == 0;
    return plain;
}

int bench_baseline_accepts(struct bench_measured *m)
{
    const clattn_problem *p = &m->c.problem;
    const int plain = p->dtype == CLATTN_FLOAT32 && m->c.layout == LAYOUT_BHND && is_plain(&p->score) && !p->kv_lengths;
    if (!plain)
        snprintf(m->message, sizeof m->message, "only float32, contiguous, with causality and nothing else");
    return plain;
}

int64_t bench_baseline_diagonal(const clattn_problem *p)
{
    if (!p->score.causal)
        return p->kv_len;
    return p->score.align == CLATTN_ALIGN_OFFSET     ? p->score.offset
           : p->score.align == CLATTN_ALIGN_TOP_LEFT ? 0
                                                     : p->kv_len - p->q_len;
}

float bench_baseline_scale(const clattn_problem *p)
{
    return p->score.scale != 0.0f ? p->score.scale : (float)(1.0 / sqrt((double)p->qk_dim));
}

const float *bench_baseline_tensor(const struct bench_measured *m, enum data_slot slot)
{
    const struct data_view *view = &m->data.view[slot];
    return (const float *)(const void *)m->data.buffer[view->buffer].image + view->offset;
}

int bench_baseline_verify(struct bench_measured *m, const float *out, struct bench_row *row)
{
    const size_t count = data_count(&m->data.view[SLOT_OUT]);
    const float *expected = bench_baseline_tensor(m, SLOT_OUT);
    struct check_tolerance tolerance = check_tolerance(CHECK_OUT, &m->verdict.sizes, NULL, 0);
    tolerance.absolute *= 2.0;
    tolerance.relative *= 2.0;
    row->error_ratio = 0.0;
    for (size_t n = 0; n < count; ++n) {
        const double ratio = check_ratio(tolerance, out[n], (double)expected[n]);
        row->error_ratio = ratio <= row->error_ratio ? row->error_ratio : ratio;
    }
    if (row->error_ratio <= 1.0)
        return 0;
    snprintf(m->message, sizeof m->message, "%s and clattn differ: by %.3g of what is allowed, so it is not timed",
             row->implementation, row->error_ratio);
    return -1;
}
