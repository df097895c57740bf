/* SPDX-License-Identifier: Apache-2.0 */
/* The bench's own kernels, embedded by cmake/embed_text.cmake. */
#ifndef CLATTN_BENCH_KERNELS_H
#define CLATTN_BENCH_KERNELS_H

extern const char bench_clock_cl[];
extern const char bench_peaks_cl[];
extern const char bench_softmax_cl[];

#endif
