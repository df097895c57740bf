/* SPDX-License-Identifier: Apache-2.0 */
#include "gemm.h"

#ifdef HAVE_OPENBLAS

#include "clock.h"

#include <cblas.h>
#include <stdlib.h>

enum { MAX_REPEATS = 99 };

double bench_gemm_rate(int size, int repeats, const char **name)
{
    const size_t count = (size_t)size * (size_t)size;
    float *a = malloc(count * sizeof *a), *b = malloc(count * sizeof *b), *c = malloc(count * sizeof *c);
    double seconds[MAX_REPEATS], rate = 0.0;
    repeats = repeats < 1 ? 1 : repeats > MAX_REPEATS ? MAX_REPEATS : repeats;
    if (a && b && c) {
        for (size_t i = 0; i < count; ++i) {
            a[i] = (float)(i % 17) * 0.1f - 0.8f;
            b[i] = (float)(i % 13) * 0.1f - 0.6f;
        }
        for (int run = -1; run < repeats; ++run) { /* the first run warms up */
            const double start = bench_now();
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, size, size, size, 1.0f, a, size, b, size, 0.0f, c,
                        size);
            if (run >= 0)
                seconds[run] = bench_now() - start;
        }
        rate = 2.0 * (double)count * size / bench_median(seconds, repeats);
    }
    free(a);
    free(b);
    free(c);
    *name = openblas_get_corename();
    return rate;
}

#else

double bench_gemm_rate(int size, int repeats, const char **name)
{
    (void)size;
    (void)repeats;
    *name = "none";
    return 0.0;
}

#endif
