/* SPDX-License-Identifier: Apache-2.0 */
#include "half.h"

#include <math.h>
#include <string.h>

static uint32_t bits_of(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Drops the lowest `count` bits, rounding to nearest even. A carry into the exponent gives the
 * right result. */
static uint32_t drop_bits(uint32_t bits, int count)
{
    const uint32_t kept = bits >> count;
    const uint32_t rest = bits & ((1u << count) - 1);
    const uint32_t tie = 1u << (count - 1);

    return kept + (rest > tie || (rest == tie && kept % 2 == 1));
}

/* A half has 5 bits of exponent and 10 of fraction, a float 8 and 23. */
uint16_t half_of_float(float x)
{
    const uint16_t sign = (uint16_t)(bits_of(x) >> 16 & 0x8000);
    const float size = fabsf(x);

    if (isnan(x)) {
        return sign | 0x7e00;
    }
    if (size >= 65520.0f) { /* rounds to more than 65504, half's largest */
        return sign | 0x7c00;
    }
    if (size < 0x1p-14f) { /* subnormal: multiples of 2^-24 */
        return (uint16_t)(sign + lrintf(size * 0x1p24f));
    }
    return (uint16_t)(sign + drop_bits(bits_of(size) - ((127u - 15u) << 23), 23 - 10));
}

float float_of_half(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16;
    const uint32_t exponent = bits >> 10 & 31;
    const uint32_t fraction = bits & 1023;

    if (exponent == 0) {
        return float_of(sign | bits_of((float)fraction * 0x1p-24f));
    }
    return float_of(sign | (exponent == 31 ? 255 : exponent + 127 - 15) << 23 | fraction << 13);
}

/* A bfloat16 is the upper half of a float. */
uint16_t bfloat_of_float(float x)
{
    return (uint16_t)(isnan(x) ? bits_of(x) >> 16 | 0x40 : drop_bits(bits_of(x), 16));
}

float float_of_bfloat(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

size_t element_bytes(clattn_dtype dtype)
{
    return dtype == CLATTN_FLOAT32 ? 4 : 2;
}

void elements_read(clattn_dtype dtype, const void *from, size_t count, float *to)
{
    if (dtype == CLATTN_FLOAT32) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (size_t n = 0; n < count; n++) {
        uint16_t bits;

        memcpy(&bits, (const unsigned char *)from + n * sizeof bits, sizeof bits);
        to[n] = dtype == CLATTN_FLOAT16 ? float_of_half(bits) : float_of_bfloat(bits);
    }
}

void elements_write(clattn_dtype dtype, const float *from, size_t count, void *to)
{
    if (dtype == CLATTN_FLOAT32) {
        memcpy(to, from, count * sizeof *from);
        return;
    }
    for (size_t n = 0; n < count; n++) {
        const uint16_t bits = dtype == CLATTN_FLOAT16 ? half_of_float(from[n]) : bfloat_of_float(from[n]);

        memcpy((unsigned char *)to + n * sizeof bits, &bits, sizeof bits);
    }
}

float element_round(clattn_dtype dtype, double x)
{
    const float y = (float)x;

    return dtype == CLATTN_FLOAT16    ? float_of_half(half_of_float(y))
           : dtype == CLATTN_BFLOAT16 ? float_of_bfloat(bfloat_of_float(y))
                                      : y;
}
