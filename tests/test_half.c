/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of half.c, on which other tests rely, for every pattern. Needs no device. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* after the four above */
#include <cmocka.h>

#include "half.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* A format: its conversions, and its numbers as IEEE 754 defines them. */
struct format {
    const char *name;
    clattn_dtype dtype;
    uint16_t (*of_float)(float x);
    float (*to_float)(uint16_t bits);
    int fraction_bits, bias;
    uint16_t infinity;
};

static const struct format formats[] = {
    {"float16", CLATTN_FLOAT16, half_of_float, float_of_half, 10, 15, 0x7c00},
    {"bfloat16", CLATTN_BFLOAT16, bfloat_of_float, float_of_bfloat, 7, 127, 0x7f80},
};

#define FOR_FORMATS(f) for (const struct format *f = formats; f < formats + 2; f++)

static int is_nan(const struct format *f, uint32_t bits)
{
    return (bits & 0x7fff) > f->infinity;
}

/* The value of a finite pattern; for infinity the number that would follow the largest. */
static double value(const struct format *f, uint32_t bits)
{
    const int exponent = (int)(bits & 0x7fff) >> f->fraction_bits;
    const int fraction = (int)bits & ((1 << f->fraction_bits) - 1);
    const double size = ldexp(exponent > 0 ? fraction + (1 << f->fraction_bits) : fraction,
                              (exponent > 0 ? exponent : 1) - f->bias - f->fraction_bits);

    return bits & 0x8000 ? -size : size;
}

static void check(const struct format *f, float x, uint32_t expected)
{
    if (f->of_float(x) != expected) {
        fail_msg("%s: %.9g (%a) became %#x, expected %#x", f->name, (double)x, (double)x, f->of_float(x), expected);
    }
}

static void test_every_pattern(void **state)
{
    (void)state;
    FOR_FORMATS(f)
    {
        for (uint32_t bits = 0; bits < 65536; bits++) {
            const float x = f->to_float((uint16_t)bits);

            if (is_nan(f, bits)) {
                assert_true(isnan(x) && is_nan(f, f->of_float(x)));
                assert_int_equal(f->of_float(x) & 0x8000, bits & 0x8000);
            } else if ((bits & 0x7fff) == f->infinity) {
                assert_true(x == (bits & 0x8000 ? -INFINITY : INFINITY));
                check(f, x, bits);
            } else {
                assert_true((double)x == value(f, bits) && !signbit(x) == !(bits & 0x8000));
                check(f, x, bits);
            }
        }
    }
}

/* Half-way between two neighbours rounds to the even one, a float's step beside it to the nearer
 * one; from the subnormal numbers up to infinity. */
static void test_rounding(void **state)
{
    (void)state;
    FOR_FORMATS(f)
    {
        for (uint32_t size = 0; size < f->infinity; size++) {
            const float tie = (float)((value(f, size) + value(f, size + 1)) / 2.0);

            for (uint32_t sign = 0; sign <= 0x8000; sign += 0x8000) {
                check(f, sign ? -tie : tie, sign | (size % 2 ? size + 1 : size));
                check(f, sign ? -nextafterf(tie, 0.0f) : nextafterf(tie, 0.0f), sign | size);
                check(f, sign ? -nextafterf(tie, INFINITY) : nextafterf(tie, INFINITY), sign | (size + 1));
            }
        }
    }
}

static void test_edges(void **state)
{
    (void)state;
    check(&formats[0], 65504.0f, 0x7bff);
    check(&formats[0], 65519.996f, 0x7bff);
    check(&formats[0], 65520.0f, 0x7c00);
    check(&formats[0], -FLT_MAX, 0xfc00);
    check(&formats[0], 0x1p-25f, 0);
    check(&formats[0], -0x1p-149f, 0x8000);
    check(&formats[0], 0x1.ffdp-15f, 0x0400); /* carries into the exponent */
    check(&formats[1], FLT_MAX, 0x7f80);
    check(&formats[1], 0x1.fep127f, 0x7f7f);
    check(&formats[1], 0x1p-149f, 0);
    check(&formats[1], 0x1.8p-133f, 2);
    FOR_FORMATS(f)
    {
        uint32_t bits = 0x7f800001; /* a NaN whose upper half is infinity's */
        float nan;

        memcpy(&nan, &bits, sizeof nan);
        assert_true(is_nan(f, f->of_float(nan)));
    }
}

/* Elements at odd addresses; float32 is copied. */
static void test_elements(void **state)
{
    const float numbers[4] = {1.0f, -0.333333333f, 1e-6f, NAN};
    unsigned char bytes[17];
    float back[4];

    (void)state;
    for (clattn_dtype dtype = CLATTN_FLOAT32; dtype <= CLATTN_BFLOAT16; dtype++) {
        assert_int_equal(element_bytes(dtype), dtype == CLATTN_FLOAT32 ? 4 : 2);
        memset(bytes, 0x5a, sizeof bytes);
        elements_write(dtype, numbers, 4, bytes + 1);
        assert_true(bytes[0] == 0x5a && (dtype == CLATTN_FLOAT32 || bytes[9] == 0x5a));
        elements_read(dtype, bytes + 1, 4, back);
        for (int n = 0; n < 3; n++) {
            assert_true(back[n] == element_round(dtype, (double)numbers[n]));
            assert_true(fabsf(back[n] - numbers[n]) <= fabsf(numbers[n]) / 32.0f);
            assert_true((back[n] == numbers[n]) == (n == 0 || dtype == CLATTN_FLOAT32));
        }
        assert_true(isnan(back[3]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_pattern),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_elements),
    };

    return cmocka_run_group_tests_name("half", tests, NULL, NULL);
}
