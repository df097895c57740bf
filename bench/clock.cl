/* SPDX-License-Identifier: Apache-2.0 */
/* Keeps the queue busy for `steps` dependent multiply-adds. One work-item. */
kernel void gate(global float *out, const int steps, const float factor)
{
    float x = factor;
    for (int i = 0; i < steps; ++i)
        x = mad(x, factor, factor);
    *out = x;
}
