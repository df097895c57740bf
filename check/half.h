/* SPDX-License-Identifier: Apache-2.0 */
/* Converts elements (float32, float16, bfloat16) to floats and back, so that tests do not rely on
 * the OpenCL compiler's conversions. Rounds to nearest even; too large a value becomes infinite,
 * NaN stays NaN. */
#ifndef CLATTN_CHECK_HALF_H
#define CLATTN_CHECK_HALF_H

#include "clattn.h"

uint16_t half_of_float(float x);
float float_of_half(uint16_t bits);
uint16_t bfloat_of_float(float x);
float float_of_bfloat(uint16_t bits);

size_t element_bytes(clattn_dtype dtype);

/* `count` contiguous elements, of any alignment, to floats and back. */
void elements_read(clattn_dtype dtype, const void *from, size_t count, float *to);
void elements_write(clattn_dtype dtype, const float *from, size_t count, void *to);

/* x rounded to an element of type `dtype`. */
float element_round(clattn_dtype dtype, double x);

#endif
