/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing of charts in an SVG file. */
#ifndef CLATTN_SVG_H
#define CLATTN_SVG_H

#include <stdio.h>

#define SVG_INK "#333333"
#define SVG_PALE "#dddddd"

/* Begins a white picture of width x height units, and ends it. */
void svg_begin(FILE *file, int width, int height);
void svg_end(FILE *file);

/* `style`: attributes, as in "stroke=\"red\"". */
void svg_line(FILE *file, double x1, double y1, double x2, double y2, const char *style);
void svg_text(FILE *file, double x, double y, const char *style, const char *text);

/* Text along a vertical axis, from bottom to top, centred at (x,y). */
void svg_text_upwards(FILE *file, double x, double y, const char *text);

/* A tick distance of 1, 2 or 5 times a power of ten, for about `wish` ticks in `range`. */
double svg_tick(double range, double wish);

#endif
