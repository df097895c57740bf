/* SPDX-License-Identifier: Apache-2.0 */
/* The library's conversions of host arrays against those of half.c (which test_half.c compares with
 * IEEE 754), for every 16-bit pattern and for numbers between patterns. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "half.h"

#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PATTERNS = 65536, GUARD = 0x5a5a, FLOAT_STEP = 9973 };

struct format {
    const char *name;
    void (*of_floats)(const float *from, uint16_t *to, size_t count);
    void (*to_floats)(const uint16_t *from, float *to, size_t count);
    uint16_t (*expected)(float x);
    float (*value)(uint16_t bits);
    uint16_t infinity;
};

static const struct format formats[] = {
    {"float16", clattn_float_to_float16, clattn_float16_to_float, half_of_float, float_of_half, 0x7c00},
    {"bfloat16", clattn_float_to_bfloat16, clattn_bfloat16_to_float, bfloat_of_float, float_of_bfloat, 0x7f80},
};

#define FOR_FORMATS(f) for (const struct format *f = formats; f < formats + 2; f++)

static uint16_t patterns[PATTERNS], back[PATTERNS + 1];
static float floats[PATTERNS + 1];

static int is_nan(const struct format *f, uint32_t bits)
{
    return (bits & 0x7fff) > f->infinity;
}

static uint32_t bits_of(const float *x)
{
    uint32_t bits;

    memcpy(&bits, x, sizeof bits);
    return bits;
}

static void set_bits(float *x, uint32_t bits)
{
    memcpy(x, &bits, sizeof bits);
}

static void all_patterns(void)
{
    for (uint32_t bits = 0; bits < PATTERNS; bits++) {
        patterns[bits] = (uint16_t)bits;
    }
}

/* Every pattern converts to float as in half.c, and back to itself; nothing is written behind the
 * array. */
static void test_every_pattern(void **state)
{
    (void)state;
    all_patterns();
    FOR_FORMATS(f)
    {
        floats[PATTERNS] = 7.0f;
        back[PATTERNS] = GUARD;
        f->to_floats(patterns, floats, PATTERNS);
        f->of_floats(floats, back, PATTERNS);
        assert_memory_equal(back, patterns, sizeof patterns);
        assert_true(floats[PATTERNS] == 7.0f && back[PATTERNS] == GUARD);
        for (uint32_t bits = 0; bits < PATTERNS; bits++) {
            const float expected = f->value((uint16_t)bits);

            if (is_nan(f, bits)) {
                assert_true(isnan(floats[bits]) && !signbit(floats[bits]) == !(bits & 0x8000));
            } else {
                assert_int_equal(bits_of(&floats[bits]), bits_of(&expected));
            }
        }
    }
}

/* `count` floats convert as in half.c; a NaN keeps its sign. */
static void check_floats(const struct format *f, size_t count)
{
    f->of_floats(floats, back, count);
    for (size_t n = 0; n < count; n++) {
        const uint16_t expected = f->expected(floats[n]);
        const int nan = (bits_of(&floats[n]) & 0x7fffffff) > 0x7f800000;

        if (nan ? !is_nan(f, back[n]) || (back[n] ^ expected) & 0x8000 : back[n] != expected) {
            fail_msg("%s: %a (%#x) became %#x, expected %#x", f->name, (double)floats[n], bits_of(&floats[n]), back[n],
                     expected);
        }
    }
}

/* Points at 1/4, 1/2 and 3/4 between neighbouring patterns, and a float's step beside 1/2, of both
 * signs. The last neighbour is the number that would follow the largest. */
static void test_between_patterns(void **state)
{
    (void)state;
    FOR_FORMATS(f)
    {
        for (uint32_t size = 0; size < f->infinity; size++) {
            const double low = (double)f->value((uint16_t)size);
            const double step = size + 1u < f->infinity ? (double)f->value((uint16_t)(size + 1)) - low
                                                        : low - (double)f->value((uint16_t)(size - 1));
            const float tie = (float)(low + step / 2.0);
            const float points[] = {(float)(low + step / 4.0), nextafterf(tie, 0.0f), tie, nextafterf(tie, INFINITY),
                                    (float)(low + step * 0.75)};

            for (size_t n = 0; n < 5; n++) {
                floats[2 * n] = points[n];
                floats[2 * n + 1] = -points[n];
            }
            check_floats(f, 10);
        }
    }
}

/* Floats of every kind: a sample of all patterns, the ends of every exponent, NaN whose upper half
 * is that of infinity. */
static void test_all_floats(void **state)
{
    (void)state;
    FOR_FORMATS(f)
    {
        size_t count = 0;

        for (uint64_t bits = 0; bits <= UINT32_MAX; bits += FLOAT_STEP) {
            set_bits(&floats[count++], (uint32_t)bits);
            if (count == PATTERNS) {
                check_floats(f, count);
                count = 0;
            }
        }
        check_floats(f, count);
        count = 0;
        for (uint32_t upper = 0; upper < 512; upper++) {
            static const uint32_t fractions[] = {0, 1, 0x400000, 0x7fffff, 0x1000, 0x8000, 0x7ff000};

            for (size_t n = 0; n < sizeof fractions / sizeof fractions[0]; n++) {
                set_bits(&floats[count++], upper << 23 | fractions[n]);
            }
        }
        check_floats(f, count);
    }
}

/* Conversions do not depend on the caller's rounding mode. */
static void test_rounding_modes(void **state)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

    (void)state;
    all_patterns();
    FOR_FORMATS(f)
    {
        for (uint32_t n = 0; n < PATTERNS; n++) {
            set_bits(&floats[n], n << 16 | (n * 40503u & 0xffff));
        }
        for (size_t mode = 0; mode < 3; mode++) {
            static uint16_t nearest[PATTERNS];
            static float values[2][PATTERNS];

            f->of_floats(floats, nearest, PATTERNS);
            f->to_floats(patterns, values[0], PATTERNS);
            assert_int_equal(fesetround(modes[mode]), 0);
            f->of_floats(floats, back, PATTERNS);
            f->to_floats(patterns, values[1], PATTERNS);
            assert_int_equal(fesetround(FE_TONEAREST), 0);
            assert_memory_equal(back, nearest, sizeof nearest);
            assert_memory_equal(values[1], values[0], sizeof values[0]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pattern),
        cmocka_unit_test(test_between_patterns),
        cmocka_unit_test(test_all_floats),
        cmocka_unit_test(test_rounding_modes),
    };

    return cmocka_run_group_tests_name("convert", tests, NULL, NULL);
}
