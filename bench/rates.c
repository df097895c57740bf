/* SPDX-License-Identifier: Apache-2.0 */
#include "rates.h"

#include "half.h"

#include <math.h>
#include <stdlib.h>

const char *bench_pass_name(enum bench_pass pass)
{
    return pass == BENCH_FORWARD ? "forward" : "backward";
}

const char *bench_dtype_name(clattn_dtype dtype)
{
    return dtype == CLATTN_FLOAT32 ? "f32" : dtype == CLATTN_FLOAT16 ? "f16" : "bf16";
}

/* Pairs (i,j) per head that count: those in the window if there is one, else half if causal, else
 * all. */
static double visible_pairs(const clattn_problem *p)
{
    const double n = (double)p->q_len, m = (double)p->kv_len, left = (double)p->score.window_left,
                 right = (double)p->score.window_right;
    const double offset = p->score.align == CLATTN_ALIGN_BOTTOM_RIGHT ? m - n
                          : p->score.align == CLATTN_ALIGN_OFFSET     ? (double)p->score.offset
                                                                      : 0.0;
    double pairs = 0.0;
    if (!p->score.window)
        return p->score.causal ? 0.5 * n * m : n * m;
    for (double i = offset; i < offset + n; ++i) {
        const double begin = left < 0.0 ? 0.0 : fmax(0.0, i - left);
        const double end = p->score.causal ? i : right < 0.0 ? m : i + right;
        pairs += fmax(0.0, fmin(m, end + 1.0) - begin);
    }
    return pairs;
}

/* FlashAttention counts two products forward and five backward: S, dP, dQ, dK, dV. A gradient that
 * is not computed does not count; dP does not count for dV alone. */
double bench_flops(const clattn_problem *p, unsigned passes, enum bench_pass pass)
{
    const double visible = (double)p->batch * (double)p->q_heads * visible_pairs(p);
    const double d = 2.0 * (double)p->qk_dim, dv = 2.0 * (double)p->v_dim;
    if (pass == BENCH_FORWARD)
        return visible * (d + dv);
    const double for_ds = passes & (CLATTN_BACKWARD_DQ | CLATTN_BACKWARD_DK) ? dv : 0.0;
    return visible * (d + for_ds + (passes & CLATTN_BACKWARD_DQ ? d : 0.0) + (passes & CLATTN_BACKWARD_DK ? d : 0.0) +
                      (passes & CLATTN_BACKWARD_DV ? dv : 0.0));
}

double bench_narrow_bytes(const clattn_problem *p, enum bench_pass pass)
{
    if (pass != BENCH_FORWARD || p->q_len > BENCH_NARROW)
        return 0.0;
    return (double)p->batch * (double)p->kv_heads * (double)p->kv_len * (double)(p->qk_dim + p->v_dim) *
           (double)element_bytes(p->dtype);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

struct bench_times bench_times_of(double *seconds, int count)
{
    const double median = bench_median(seconds, count); /* sorts */
    return (struct bench_times){median, seconds[0], seconds[count - 1]};
}
