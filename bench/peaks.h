/* SPDX-License-Identifier: Apache-2.0 */
/* Measured peaks of the device. */
#ifndef CLATTN_BENCH_PEAKS_H
#define CLATTN_BENCH_PEAKS_H

#include "device.h"

struct bench_peaks {
    double flops; /* float32 FLOP/s of multiply-adds, without matrix units */
    double bytes; /* bytes/s, read plus written, of copies between buffers larger than the caches */
};

/* Keeps the best of several runs. Returns 0, or -1 with a sentence in `message`. */
int bench_measure_peaks(const struct bench_device *device, struct bench_peaks *peaks, char *message);

#endif
