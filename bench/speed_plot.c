/* SPDX-License-Identifier: Apache-2.0 */
#include "speed_plot.h"

#include "svg.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sizes of the picture in SVG units: the plot lies within the margins, the legend is below. */
enum { WIDTH = 860, PLOT_HEIGHT = 400, LEFT = 80, RIGHT = 30, TOP = 50, AXIS = 60, LEGEND_LINE = 20 };

static const char *const colours[] = {"#1f6fb4", "#d1495b", "#2e8b57", "#8e5ea2",
                                      "#e08e0b", "#444444", "#17a2a8", "#a0522d"};

struct point {
    const struct bench_row *row;
    char curve[CASE_LINE_SIZE + 96]; /* its text in the legend */
    double length, rate;             /* keys; TFLOP/s */
};

struct frame {
    FILE *file;
    double low, high, top; /* lengths, TFLOP/s */
};

/* ---- curves ---- */

static void name_curve(struct point *point)
{
    const struct bench_row *row = point->row;
    size_t used = (size_t)snprintf(point->curve, sizeof point->curve, "%s%s%s %s:", row->implementation,
                                   row->engine[0] ? " " : "", row->engine, bench_pass_name(row->pass));
    for (const char *at = row->line; *at;) {
        const size_t length = strcspn(at, " ");
        const int is_apart = strchr("bnm", at[0]) && isdigit((unsigned char)at[1]);
        if (!is_apart && used + length + 2 < sizeof point->curve)
            used += (size_t)snprintf(point->curve + used, length + 2, " %.*s", (int)length, at);
        at += length + (at[length] == ' ');
    }
}

static int compare(const void *a, const void *b)
{
    const struct point *x = a, *y = b;
    const int curves = strcmp(x->curve, y->curve);
    return curves ? curves : (x->length > y->length) - (x->length < y->length);
}

static struct point *make_points(const struct bench_rows *rows)
{
    struct point *points = calloc(rows->count + 1, sizeof *points);
    for (size_t i = 0; points && i < rows->count; ++i) {
        points[i].row = &rows->row[i];
        points[i].length = (double)rows->row[i].c.problem.kv_len;
        points[i].rate = 1e-12 * bench_row_rate(&rows->row[i]);
        name_curve(&points[i]);
    }
    if (points)
        qsort(points, rows->count, sizeof *points, compare);
    return points;
}

/* ---- drawing ---- */

/* The length axis is logarithmic, as lengths usually double. */
static double x_of(const struct frame *f, double length)
{
    return LEFT + 20 + log(length / f->low) / log(f->high / f->low) * (WIDTH - LEFT - RIGHT - 40);
}

static double y_of(const struct frame *f, double rate)
{
    return (double)TOP + (1.0 - rate / f->top) * (double)(PLOT_HEIGHT - TOP - AXIS);
}

static void draw_axes(const struct frame *f, const struct point *points, size_t count, const char *device)
{
    const double bottom = PLOT_HEIGHT - AXIS, tick = svg_tick(f->top, 6.0);
    char label[320];
    for (double rate = 0.0; rate < f->top + 0.5 * tick; rate += tick) {
        svg_line(f->file, LEFT, y_of(f, rate), WIDTH - RIGHT, y_of(f, rate), "stroke=\"" SVG_PALE "\"");
        snprintf(label, sizeof label, "%g", rate);
        svg_text(f->file, LEFT - 8, y_of(f, rate) + 4, "text-anchor=\"end\"", label);
    }
    double labelled = -1e9; /* position of the last label; close lengths share one */
    for (double next = f->low; next <= f->high;) {
        const double x = x_of(f, next);
        svg_line(f->file, x, bottom, x, bottom + 5, "stroke=\"" SVG_INK "\"");
        snprintf(label, sizeof label, "%.0f", next);
        if (x - labelled > 45.0) {
            svg_text(f->file, x, bottom + 20, "text-anchor=\"middle\"", label);
            labelled = x;
        }
        double after = HUGE_VAL;
        for (size_t i = 0; i < count; ++i)
            if (points[i].length > next)
                after = fmin(after, points[i].length);
        next = after;
    }
    svg_line(f->file, LEFT, bottom, WIDTH - RIGHT, bottom, "stroke=\"" SVG_INK "\"");
    svg_line(f->file, LEFT, TOP, LEFT, bottom, "stroke=\"" SVG_INK "\"");
    svg_text(f->file, 0.5 * (LEFT + WIDTH - RIGHT), bottom + 44, "text-anchor=\"middle\"", "length M, keys");
    svg_text_upwards(f->file, 22, 0.5 * ((double)TOP + bottom), "speed, TFLOP/s");
    snprintf(label, sizeof label, "Attention on %.280s", device);
    svg_text(f->file, LEFT, 28, "font-size=\"16\" font-weight=\"bold\"", label);
}

/* Draws the curve that starts at `points`, and its line in the legend. Returns the number of its
 * points. */
static size_t draw_curve(const struct frame *f, const struct point *points, size_t left, size_t number)
{
    const char *colour = colours[number % (sizeof colours / sizeof *colours)];
    const char *dashes = points->row->pass == BENCH_BACKWARD ? " stroke-dasharray=\"7 4\"" : "";
    const double y = (double)PLOT_HEIGHT + (double)LEGEND_LINE * (double)number;
    char style[160];
    size_t count = 0;
    fprintf(f->file, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\"%s d=\"", colour, dashes);
    for (; count < left && strcmp(points[count].curve, points->curve) == 0; ++count)
        fprintf(f->file, "%s%.1f %.1f", count ? "L" : "M", x_of(f, points[count].length), y_of(f, points[count].rate));
    fputs("\"/>\n", f->file);
    for (size_t i = 0; i < count; ++i)
        fprintf(f->file, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", x_of(f, points[i].length),
                y_of(f, points[i].rate), colour);
    snprintf(style, sizeof style, "stroke=\"%s\" stroke-width=\"2.5\"%s", colour, dashes);
    svg_line(f->file, LEFT, y, LEFT + 34, y, style);
    svg_text(f->file, LEFT + 42, y + 4, "", points->curve);
    return count;
}

int bench_plot_write(FILE *file, const struct bench_setting *setting, const struct bench_rows *rows)
{
    struct frame f = {file, HUGE_VAL, 0.0, 0.0};
    struct point *points = make_points(rows);
    size_t curves = 0;
    if (!points)
        return -1;
    for (size_t i = 0; i < rows->count; ++i) {
        f.low = fmin(f.low, points[i].length);
        f.high = fmax(f.high, points[i].length);
        f.top = fmax(f.top, points[i].rate);
        curves += i == 0 || strcmp(points[i].curve, points[i - 1].curve) != 0;
    }
    const int differ = f.low < f.high;
    if (differ) {
        const double tick = svg_tick(f.top, 6.0);
        f.top = ceil(f.top / tick) * tick;
        svg_begin(file, WIDTH, PLOT_HEIGHT + LEGEND_LINE * (int)curves + 10);
        draw_axes(&f, points, rows->count, setting->device);
        for (size_t i = 0, number = 0; i < rows->count; ++number)
            i += draw_curve(&f, points + i, rows->count - i, number);
        svg_end(file);
    }
    free(points);
    return differ;
}
