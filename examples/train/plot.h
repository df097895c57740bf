/* SPDX-License-Identifier: Apache-2.0 */
/* A loss curve as an SVG file. */
#ifndef CLATTN_TRAIN_PLOT_H
#define CLATTN_TRAIN_PLOT_H

#include <stddef.h>

struct plot_curve {
    const char *name;
    const char *colour; /* SVG colour */
    const double *losses;
    size_t count;
    double held_out; /* a dot at the end */
};

/* A dashed horizontal line. */
struct plot_level {
    const char *name;
    double value;
};

struct plot {
    const char *title;
    const struct plot_curve *curves;
    size_t curve_count;
    const struct plot_level *levels;
    size_t level_count;
};

/* Draws each curve with a thin line, and its moving average with a thick one. Ends the program if
 * the file cannot be written. */
void plot_write(const struct plot *plot, const char *path);

#endif
