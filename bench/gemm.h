/* SPDX-License-Identifier: Apache-2.0 */
/* The yardstick for CPU devices. */
#ifndef CLATTN_BENCH_GEMM_H
#define CLATTN_BENCH_GEMM_H

/* Median rate of OpenBLAS's sgemm of size^3 in FLOP/s, on all its threads; 0 where the bench was built without OpenBLAS
 * or memory is short. *name: the kernels that it chose. */
double bench_gemm_rate(int size, int repeats, const char **name);

#endif
