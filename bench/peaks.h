/* SPDX-License-Identifier: Apache-2.0 */
/* What the device can do at most, measured. */
#ifndef CLATTN_BENCH_PEAKS_H
#define CLATTN_BENCH_PEAKS_H

#include "device.h"

struct bench_peaks {
    double flops; /* of float32 multiply-adds without matrix units, two operations each, a second */
    double bytes; /* of copying between buffers that no cache holds, read and written, a second */
};

/* Takes the best of several runs. Returns 0, or -1 with a sentence in `message`. */
int bench_measure_peaks(const struct bench_device *device, struct bench_peaks *peaks, char *message);

#endif
