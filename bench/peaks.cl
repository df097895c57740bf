/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels for the device's peaks: multiply-adds, and copies.
 *
 * -D VECTOR=float, float4, ..: type of an accumulator. */
#ifndef VECTOR
#error "-D VECTOR is missing"
#endif

/* Neither fma() nor mad(): one compiler makes a function call of fma() and never fuses mad(). With
 * -cl-mad-enable all compilers fuse this expression. */
#define MULTIPLY_ADD(x, y, z) ((x) * (y) + (z))

/* 10 `steps` multiply-adds of a VECTOR per work-item, in ten independent sums: enough for a latency
 * of five cycles on two units, and with two operands they fit sixteen registers. `factor` and
 * `step` are arguments so that the compiler cannot fold them, and the sums are stored so that none
 * is dead. */
kernel void multiply_add(global VECTOR *out, const int steps, const float factor, const float step)
{
    VECTOR a = (VECTOR)(step), b = a + 1.0f, c = a + 2.0f, d = a + 3.0f, e = a + 4.0f;
    VECTOR f = a + 5.0f, g = a + 6.0f, h = a + 7.0f, i = a + 8.0f, j = a + 9.0f;
    const VECTOR x = (VECTOR)(factor), y = (VECTOR)(step);
    for (int n = 0; n < steps; ++n) {
        a = MULTIPLY_ADD(a, x, y);
        b = MULTIPLY_ADD(b, x, y);
        c = MULTIPLY_ADD(c, x, y);
        d = MULTIPLY_ADD(d, x, y);
        e = MULTIPLY_ADD(e, x, y);
        f = MULTIPLY_ADD(f, x, y);
        g = MULTIPLY_ADD(g, x, y);
        h = MULTIPLY_ADD(h, x, y);
        i = MULTIPLY_ADD(i, x, y);
        j = MULTIPLY_ADD(j, x, y);
    }
    out[get_global_id(0)] = a + b + c + d + e + f + g + h + i + j;
}

/* Each work-item copies `count` consecutive vectors: 1 on a GPU, where accesses of neighbours
 * coalesce; a page or more on a CPU, where each core reads sequentially. */
kernel void copy(global const VECTOR *from, global VECTOR *to, const int count)
{
    const size_t first = get_global_id(0) * (size_t)count;
    for (int n = 0; n < count; ++n)
        to[first + (size_t)n] = from[first + (size_t)n];
}
