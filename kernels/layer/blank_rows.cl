/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of rows; rows with an all-zero partner become 0:
 *
 *   to_r = 0 where partner_r = 0, else from_r     for rows r; partner (rows,partner_width),
 *                                                 from and to (rows,width)
 *
 * Used before sums over rows of products dy_r x_r, such as gradients of weights. A row that
 * attention ignores has dy_r = 0, or x_r = 0 where x is O. It must add nothing, but a matrix
 * product would turn 0 times NaN or infinity into NaN.
 *
 * Grid: one work-group of any size for each row. All tensors are float32 and contiguous, and begin
 * at the given element of their buffers. */
__kernel void blank_rows(const __global float *partner, long partner_at, long partner_width, const __global float *from,
                         long from_at, __global float *to, long to_at, long width)
{
    __local volatile int real;
    const long row = (long)get_group_id(0), first = (long)get_local_id(0), step = (long)get_local_size(0);
    if (first == 0)
        real = 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    int found = 0;
    for (long i = first; i < partner_width; i += step)
        found |= partner[partner_at + row * partner_width + i] != 0.0f;
    if (found)
        atomic_or(&real, 1);
    barrier(CLK_LOCAL_MEM_FENCE);
    const bool keep = real != 0;
    for (long i = first; i < width; i += step)
        to[to_at + row * width + i] = keep ? from[from_at + row * width + i] : 0.0f;
}
