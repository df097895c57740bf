/* SPDX-License-Identifier: Apache-2.0 */
/* Attention by other means, on the same numbers: what clattn is compared with. Forward only, float32 only; both store
 * the matrix of scores, as one does without a fused kernel.
 *
 *   materialised   on the OpenCL device: CLBlast's batched product, a softmax kernel, another product
 *   openblas       on a CPU: OpenBLAS's product, softmax, another product, head by head on all cores
 *
 * Each may be missing from a build. Each is compared with what clattn computed, whole, before it is timed. */
#ifndef CLATTN_BENCH_BASELINE_H
#define CLATTN_BENCH_BASELINE_H

#include "measure.h"

enum bench_outcome { BENCH_TIMED, BENCH_SKIPPED, BENCH_FAILED };

struct bench_baseline {
    const char *name;
    int (*exists)(const struct bench_device *device); /* in this build, for this device */
    /* Fills in the row; or the reason is in m->message. */
    enum bench_outcome (*measure)(struct bench_measured *m, int repeats, struct bench_row *row);
};

enum { BENCH_BASELINES = 2 };
extern const struct bench_baseline bench_baselines[BENCH_BASELINES];

/* Whether the comma-separated list (NULL: all) names it. */
int bench_baseline_wanted(const struct bench_baseline *baseline, const char *list);

/* Gives back what libraries keep for a device. */
void bench_baselines_end(void);

/* ---- for the baselines ---- */

/* Whether it is a problem that they solve; otherwise why not is in m->message. */
int bench_baseline_accepts(struct bench_measured *m);

/* Query i sees the keys j <= i + this, which may be more than there are. */
int64_t bench_baseline_diagonal(const clattn_problem *problem);

/* What scores are multiplied with. */
float bench_baseline_scale(const clattn_problem *problem);

/* The first element of a tensor on the host. */
const float *bench_baseline_tensor(const struct bench_measured *m, enum data_slot slot);

/* Worst difference between `out` (B,Hq,N,Dv) and clattn's as a part of twice the tolerance, since both may err. Returns
 * 0 and the ratio in the row, or -1 with a sentence in m->message where it is more than 1. */
int bench_baseline_verify(struct bench_measured *m, const float *out, struct bench_row *row);

int bench_materialised_exists(const struct bench_device *device);
enum bench_outcome bench_materialised_measure(struct bench_measured *m, int repeats, struct bench_row *row);
void bench_materialised_end(void);

int bench_openblas_exists(const struct bench_device *device);
enum bench_outcome bench_openblas_measure(struct bench_measured *m, int repeats, struct bench_row *row);

#endif
