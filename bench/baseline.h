/* SPDX-License-Identifier: Apache-2.0 */
/* Baselines: unfused attention on the same inputs, to compare clattn's speed with. Both store S;
 * forward only, float32 only.
 *
 *   materialised   on the OpenCL device: CLBlast's batched product, a softmax kernel, another product
 *   openblas       on a CPU: OpenBLAS's product, softmax, another product, one head per thread
 *
 * A build may lack either. All of a baseline's result is compared with clattn's before it is
 * timed. */
#ifndef CLATTN_BENCH_BASELINE_H
#define CLATTN_BENCH_BASELINE_H

#include "measure.h"

enum bench_outcome { BENCH_TIMED, BENCH_SKIPPED, BENCH_FAILED };

struct bench_baseline {
    const char *name;
    int (*exists)(const struct bench_device *device); /* whether this build has it for this device */
    /* Fills in the row, or m->message with the reason why not. */
    enum bench_outcome (*measure)(struct bench_measured *m, int repeats, struct bench_row *row);
};

enum { BENCH_BASELINES = 2 };
extern const struct bench_baseline bench_baselines[BENCH_BASELINES];

/* Whether the comma-separated `list` (NULL: all) contains the baseline. */
int bench_baseline_wanted(const struct bench_baseline *baseline, const char *list);

/* Releases what libraries cache for a device. */
void bench_baselines_end(void);

/* ---- for the baselines ---- */

/* Whether the baselines support the problem; if not, m->message says why. */
int bench_baseline_accepts(struct bench_measured *m);

/* The offset: query i sees the keys j <= i + offset. May be larger than M. */
int64_t bench_baseline_diagonal(const clattn_problem *problem);

/* The scale of scores. */
float bench_baseline_scale(const clattn_problem *problem);

/* A tensor's first element on the host. */
const float *bench_baseline_tensor(const struct bench_measured *m, enum data_slot slot);

/* Compares `out` (B,Hq,N,Dv) with clattn's. The row gets the largest difference / (2 tolerance):
 * twice, as both may err. Returns 0, or -1 with a sentence in m->message if the ratio exceeds 1. */
int bench_baseline_verify(struct bench_measured *m, const float *out, struct bench_row *row);

int bench_materialised_exists(const struct bench_device *device);
enum bench_outcome bench_materialised_measure(struct bench_measured *m, int repeats, struct bench_row *row);
void bench_materialised_end(void);

int bench_openblas_exists(const struct bench_device *device);
enum bench_outcome bench_openblas_measure(struct bench_measured *m, int repeats, struct bench_row *row);

#endif
