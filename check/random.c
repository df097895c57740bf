/* SPDX-License-Identifier: Apache-2.0 */
#include "random.h"

static const uint64_t STEP = UINT64_C(0x9e3779b97f4a7c15);

uint64_t check_random_bits(struct check_random *r)
{
    uint64_t z;

    r->state += STEP;
    z = r->state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void check_random_skip(struct check_random *r, uint64_t draws)
{
    r->state += draws * STEP;
}

int64_t check_random_below(struct check_random *r, int64_t bound)
{
    return (int64_t)(check_random_bits(r) % (uint64_t)bound);
}

float check_random_uniform(struct check_random *r)
{
    return (float)(check_random_bits(r) >> 40) * 0x1p-23f - 1.0f;
}

/* The sum of twelve uniform numbers of 16 bits: variance 12/12. No libm, so every machine gives the
 * same. */
float check_random_normal(struct check_random *r)
{
    uint64_t bits[CHECK_NORMAL_DRAWS] = {check_random_bits(r), check_random_bits(r), check_random_bits(r)};
    int64_t sum = 0;

    for (int n = 0; n < 12; n++) {
        sum += (int64_t)(bits[n / 4] >> (16 * (n % 4)) & 0xffff);
    }
    return (float)(sum - 12 * 32768 + 6) * 0x1p-16f;
}

void check_fill_uniform(float *data, size_t count, uint64_t seed)
{
    struct check_random r = {seed};

    for (size_t n = 0; n < count; n++) {
        data[n] = check_random_uniform(&r);
    }
}

void check_fill_normal(float *data, size_t count, uint64_t seed)
{
    struct check_random r = {seed};

    for (size_t n = 0; n < count; n++) {
        data[n] = check_random_normal(&r);
    }
}
