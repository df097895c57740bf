/* SPDX-License-Identifier: Apache-2.0 */
/* Elements as clattn stores them, float32, float16 or bfloat16, to floats and back: conversions of our own, so that a
 * test need not believe the OpenCL compiler's. Rounding is to nearest, ties to even; what is too large becomes
 * infinite, NaN stays NaN. */
#ifndef CLATTN_CHECK_HALF_H
#define CLATTN_CHECK_HALF_H

#include "clattn.h"

uint16_t half_of_float(float x);
float float_of_half(uint16_t bits);
uint16_t bfloat_of_float(float x);
float float_of_bfloat(uint16_t bits);

size_t element_bytes(clattn_dtype dtype);

/* `count` elements one after the other, wherever they lie, to floats and back. */
void elements_read(clattn_dtype dtype, const void *from, size_t count, float *to);
void elements_write(clattn_dtype dtype, const float *from, size_t count, void *to);

/* The float that is left of x when it is stored as an element. */
float element_round(clattn_dtype dtype, double x);

#endif
