/* SPDX-License-Identifier: Apache-2.0 */
/* Inner loops over LANES numbers, which a compiler can vectorise without reordering a sum. Calls of
 * the C library's expf for each number would take most of the baseline's time. */
#include "host_softmax.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

/* Use the machine's widest vectors, independent of the compiler's target. */
#if defined __GNUC__ && !defined __clang__ && defined __x86_64__ && defined __GLIBC__
#define ANY_MACHINE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define ANY_MACHINE
#endif

/* e^x for x <= 0 as 2^n 2^f, n an integer, |f| <= 1/2, by Taylor's polynomial. Error: two units in
 * the last place of x log2(e). Results below 2^-126 become 2^-126. */
static inline float exponential(float x)
{
    const float whole = 12582912.0f; /* 1.5 2^23: adding it rounds to an integer */
    float t = x * 1.44269504f;
    t = t < -126.0f ? -126.0f : t;
    const float n = (t + whole) - whole, f = (t - n) * 0.693147181f;
    const float y =
        1.0f +
        f * (1.0f + f * (0.5f + f * (1.0f / 6.0f + f * (1.0f / 24.0f + f * (1.0f / 120.0f + f * (1.0f / 720.0f))))));
    const int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return y * power;
}

ANY_MACHINE void host_softmax(float *row, size_t seen, size_t count)
{
    float most[LANES], sum[LANES] = {0.0f}, row_most = -INFINITY, row_sum = 0.0f;
    const size_t whole = seen - seen % LANES;
    for (size_t l = 0; l < LANES; ++l)
        most[l] = -INFINITY;
    for (size_t j = 0; j < whole; j += LANES)
        for (size_t l = 0; l < LANES; ++l)
            most[l] = row[j + l] > most[l] ? row[j + l] : most[l];
    for (size_t l = 0; l < LANES; ++l)
        row_most = most[l] > row_most ? most[l] : row_most;
    for (size_t j = whole; j < seen; ++j)
        row_most = row[j] > row_most ? row[j] : row_most;
    for (size_t j = 0; j < whole; j += LANES)
        for (size_t l = 0; l < LANES; ++l) {
            row[j + l] = exponential(row[j + l] - row_most);
            sum[l] += row[j + l];
        }
    for (size_t j = whole; j < seen; ++j) {
        row[j] = exponential(row[j] - row_most);
        row_sum += row[j];
    }
    for (size_t l = 0; l < LANES; ++l)
        row_sum += sum[l];
    const float factor = 1.0f / row_sum;
    for (size_t j = 0; j < seen; ++j)
        row[j] *= factor;
    if (seen < count)
        memset(row + seen, 0, (count - seen) * sizeof *row);
}
