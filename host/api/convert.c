/* SPDX-License-Identifier: Apache-2.0 */
/* Converts host arrays between float32 and 16 bits. Integer arithmetic only, so the rounding mode
 * and the processor's handling of denormal numbers do not matter. */
#include "base/base.h"

#include <string.h>

enum { HALF_INFINITY = 0x7c00, SIGN = 0x8000 };

/* Drops the lowest `count` bits and rounds to nearest, ties to even. A carry into the exponent
 * gives the right result. */
static uint32_t round_off(uint32_t bits, uint32_t count)
{
    const uint32_t kept = bits >> count, rest = bits & ((UINT32_C(1) << count) - 1);
    const uint32_t tie = UINT32_C(1) << (count - 1);
    return kept + (rest > tie || (rest == tie && kept % 2 == 1));
}

/* A NaN: the format's infinity with the upper bits of the fraction, or with another bit if those
 * are 0. */
static uint32_t shorten_nan(uint32_t infinity, uint32_t fraction, uint32_t fraction_bits)
{
    const uint32_t left = fraction >> (23 - fraction_bits);
    return infinity | (left ? left : UINT32_C(1) << (fraction_bits - 1));
}

static uint16_t half_of(uint32_t bits)
{
    const uint32_t sign = bits >> 16 & SIGN, size = bits & 0x7fffffff, exponent = size >> 23;
    uint32_t half;
    if (size > 0x7f800000)
        half = shorten_nan(HALF_INFINITY, size & 0x7fffff, 10);
    else if (size >= 0x47800000) /* 2^16; smaller numbers that round to it carry into infinity */
        half = HALF_INFINITY;
    else if (size >= 0x38800000) /* 2^-14, the smallest normal number */
        half = round_off(size - ((127u - 15u) << 23), 23 - 10);
    else if (size >= 0x33000000) /* 2^-25, half the smallest number: multiples of 2^-24 */
        half = round_off((size & 0x7fffff) | 0x800000, 126 - exponent);
    else
        half = 0;
    return (uint16_t)(sign | half);
}

static uint32_t bits_of_half(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & SIGN) << 16, exponent = half >> 10 & 31u, fraction = half & 1023u;
    uint32_t bits;
    if (exponent == 0) {
        const float size = (float)fraction * 0x1p-24f; /* exact, and normal in float32 */
        memcpy(&bits, &size, sizeof bits);
    } else {
        bits = (exponent == 31 ? 255 : exponent + 127 - 15) << 23 | fraction << 13;
    }
    return sign | bits;
}

static uint16_t bfloat16_of(uint32_t bits)
{
    const uint32_t infinity = 0x7f80, sign = bits >> 16 & SIGN, size = bits & 0x7fffffff;
    return (uint16_t)(sign | (size > 0x7f800000 ? shorten_nan(infinity, size & 0x7fffff, 7) : round_off(size, 16)));
}

/* Floats are copied as bits: some processors change a NaN that passes through a register. */

void clattn_float_to_float16(const float *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        to[i] = half_of(bits);
    }
}

void clattn_float16_to_float(const uint16_t *from, float *to, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        const uint32_t bits = bits_of_half(from[i]);
        memcpy(&to[i], &bits, sizeof bits);
    }
}

void clattn_float_to_bfloat16(const float *from, uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        uint32_t bits;
        memcpy(&bits, &from[i], sizeof bits);
        to[i] = bfloat16_of(bits);
    }
}

void clattn_bfloat16_to_float(const uint16_t *from, float *to, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        const uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(&to[i], &bits, sizeof bits);
    }
}
