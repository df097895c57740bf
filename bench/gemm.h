/* SPDX-License-Identifier: Apache-2.0 */
/* OpenBLAS's matrix product, the yardstick for CPUs. */
#ifndef CLATTN_BENCH_GEMM_H
#define CLATTN_BENCH_GEMM_H

/* Median FLOP/s of OpenBLAS's sgemm of size^3 on all its threads; 0 if the bench was built without
 * OpenBLAS or memory is short. *name: the kernels that OpenBLAS chose. */
double bench_gemm_rate(int size, int repeats, const char **name);

#endif
